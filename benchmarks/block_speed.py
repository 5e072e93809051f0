"""Comparisons of models that write in blocks with autoregressive decoding of the same file."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np

import hoshikage_cli as hk
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.llama.block_attention import BlockAttention
from hoshikage_cli.llama.block_context import BlockContext
from hoshikage_cli.llama.model import Model
from peer import ROOT
from speed import THREADS, Comparison, bench_rate, model_of_shape, seconds

FILE = ROOT / "build" / "bench" / "qwen3-0.6b.gguf"
BLOCK, TOKENS, PROMPT = 4, 64, 1024
MASK = 3


def block_model() -> Path:
    """The shape of a 0.6B Qwen3 with random weights."""
    shape = {"layers": 28, "width": 1024, "heads": 16, "kv_heads": 8, "feed_forward": 3072}
    return model_of_shape(FILE, arch="qwen3", **shape)


def block_speed(repetitions: int) -> list[Comparison]:
    path = block_model()
    return [*against_one_by_one(path, repetitions), *passes(path, repetitions)]


def against_one_by_one(path: Path, repetitions: int) -> list[Comparison]:
    """Tokens a second at two passes a block and at one, against llama-bench's."""
    base = {"family": "sdar", "block_length": BLOCK, "max_tokens": TOKENS, "chat": False, "seed": 1}
    base |= {"threads": THREADS, "temperature": 0.0, "threshold": 1.0, "eos_policy": "suppress"}
    found: list[tuple[float, float, float]] = []
    with hk.load(path, **base) as generator:
        generator.generate("Once", steps=2)
        for _ in range(repetitions):
            runs = [generator.generate("Once", steps=steps) for steps in (2, 1)]
            ours = [run.completion_tokens / run.timings["generate"] for run in runs]
            found.append((*ours, bench_rate(path, TOKENS)))
        timings = runs[0].timings
    two, one, rival = (median(column) for column in zip(*found, strict=True))
    share = 1 - timings["decode"] / timings["generate"]
    return [
        Comparison(
            f"blocks of {BLOCK}, {name}, against autoregressive decoding",
            median(each[i] / each[2] for each in found),
            wanted,
            "×",
            detail=f"{rate:.1f} and {rival:.1f} tokens/s",
        )
        for i, (name, rate, wanted) in enumerate(
            [("two passes a block", two, 1.0), ("one pass a block", one, 1.8)]
        )
    ] + [
        Comparison("the same, share of time that is not decoding", 100 * share, 3, "%", True),
    ]


def passes(path: Path, repetitions: int) -> list[Comparison]:
    """The prompt in one pass, and the commit of a block together with the next one's first pass."""
    tokens = np.random.default_rng(0).integers(1000, 100_000, PROMPT).astype(np.int32)
    blocks = BlockAttention(BLOCK)
    causal = BlockAttention(BLOCK, text="causal", block="causal")
    kinds = {"fused": (blocks, True), "apart": (blocks, False), "causal": (causal, True)}
    found: list[dict[str, float]] = []
    with Model(path) as model:
        contexts = {
            name: BlockContext(
                model, attention, length=PROMPT, threads=THREADS, mask_token=MASK, one_pass=one_pass
            )
            for name, (attention, one_pass) in kinds.items()
        }
        for _ in range(repetitions + 1):
            times = {f"read {n}": seconds(lambda c=c: read(c, tokens)) for n, c in contexts.items()}
            for name in ("fused", "apart"):
                times[f"write {name}"] = seconds(lambda c=contexts[name]: write(c, tokens))
            found.append(times)
        for context in contexts.values():
            context.close()
    found = found[1:]
    middle = {name: median(times[name] for times in found) for name in found[0]}
    return [
        Comparison(
            f"reading {PROMPT} tokens in blocks of {BLOCK}, against causal reading",
            median(times["read causal"] / times["read fused"] for times in found),
            0.95,
            "×",
            detail=f"{middle['read fused']:.2f} and {middle['read causal']:.2f} s; "
            f"block by block {middle['read apart']:.2f} s",
        ),
        Comparison(
            "commit with the next block's first pass, against a pass of its own",
            median(times["write apart"] / times["write fused"] for times in found),
            1.2,
            "×",
            detail=f"{1000 * middle['write fused']:.0f} and {1000 * middle['write apart']:.0f} ms "
            f"for {TOKENS} tokens, two passes a block",
        ),
    ]


def read(context: BlockContext, tokens: np.ndarray) -> None:
    """The whole text, of which the last block is asked for."""
    context.clear()
    context.logits([Query(tokens, np.arange(len(tokens) - BLOCK, len(tokens)))])


def write(context: BlockContext, tokens: np.ndarray) -> None:
    """A text from its beginning: each block masked, then half filled."""
    context.clear()
    text = tokens[:TOKENS].copy()
    for start in range(0, TOKENS, BLOCK):
        block = np.arange(start, start + BLOCK)
        for masked in (BLOCK, BLOCK // 2):
            asked = text[: start + BLOCK].copy()
            asked[start + BLOCK - masked :] = MASK
            context.logits([Query(asked, block[BLOCK - masked :])])
