"""The keywords of the Python API with their types. Made by tools/write_keywords.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

Function = Callable[..., object]


class Keywords(TypedDict, total=False):
    """Settings as `load` and a generator take them; temp is temperature."""

    family: str | None
    gpu_layers: int
    repack: bool
    threads: int | None
    ctx_size: int | None
    mask_token: int | None
    shift_logits: bool | None
    max_tokens: int
    max_length: int | None
    stop: str | Sequence[str]
    preset: Literal["llada-paper", "fast-dllm", "dream-paper", "sdar-static", "sdar-dynamic"] | None
    steps: int
    algorithm: (
        Literal["origin", "entropy", "margin", "random", "confidence", 0, 1, 2, 3, 4] | Function
    )
    schedule: Literal["timestep", "block", "linear", 0, 1, 2] | Function
    eps: float
    block_length: int
    sub_block: int | None
    block_cache: bool
    edit_threshold: float | None
    max_post_steps: int
    cfg_scale: float
    alg_temp: float
    gumbel: bool
    confidence: Literal["clean", "sampled"] | None
    eos_policy: Literal["natural", "suppress", "last"]
    step: Function | None
    fast: bool
    cache: Literal["none", "prefix", "dual", "active"]
    cache_refresh: int
    cache_window: int | None
    cache_reach: int | None
    look_ahead: int | None
    threshold: float | None
    factor: float | None
    entropy_bound: float | None
    entropy_threshold: float | None
    entropy_exit: float | None
    klass: float | None
    klass_confidence: float
    rule: Function | None
    temperature: float
    temp: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float
    seed: int | None
    chat: bool
    system_prompt: str | None
    parse_special: bool
