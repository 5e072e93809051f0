"""How each family of models that write in blocks is decoded: the table of profiles.

Defaults are those of the families' own code. What a family is recognised by is no matter of this
table (`llama.families`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .parallel import ParallelRule, Rule
from .selection import Algorithm
from .view import Flags, Floats, View

CHOICES = {
    "grid": ("absolute", "prompt end", "moving"),
    "last_block": ("whole", "short"),
    "text_attention": ("block", "causal"),
    "block_attention": ("both ways", "causal"),
    "first_token": ("denoised", "autoregressive"),
    "shift": ("none", "in block", "row before"),
    "order": ("free", "left to right"),
    "quota": ("even", "one"),
}
"""What the fields of a profile may be that are one of several words."""


@dataclass(frozen=True)
class Profile:
    """A way of writing in blocks. Any field may be replaced by a user's."""

    block_length: int = 0
    """Positions of a block; 0: the whole canvas is one, as `decoding.diffusion` does it."""
    grid: str = "absolute"
    """Where blocks begin: `absolute` (at multiples of their length, so that the first one may begin
    with the prompt's tail), `prompt end`, or `moving`: each pass has a block of its own, which
    begins at the last token before the first mask."""
    last_block: str = "whole"
    """Whether the last block is `whole`, and what exceeds the answer's length cut, or `short`."""
    sub_block: int = 0
    """Parts of so many positions are filled one after the other inside a block; 0: none."""
    text_attention: str = "block"
    """How the text before the block is read, prompt and finished blocks alike: `block` (each block
    sees itself both ways, and what is before it) or `causal`."""
    block_attention: str = "both ways"
    """How the block under way is read: `both ways` or `causal`."""
    first_token: str = "denoised"
    """Whether a block's first position is `denoised` with the others, or `autoregressive`: the
    likeliest token by the last row of the text before it, before anything else of the block."""
    shift: str = "none"
    """Which row predicts position p: that of p (`none`); that of p - 1, but of p where p begins the
    block (`in block`); that of p - 1 in any case (`row before`)."""
    order: str = "free"
    """Whether a step commits the most trusted (`free`, in the order of `algorithm`) or those that
    stand first and no gap between them (`left to right`)."""
    algorithm: str | Algorithm | Callable[[View], Floats] = "confidence"
    """Which proposals go first: a name of `selection.ALGORITHMS`, or a score (n,) of a view."""
    parallel: ParallelRule | Rule | Callable[[View], Flags] | None = None
    """Which proposals are committed besides the quota."""
    quota: str = "even"
    """How many a step commits at least: an equal share of the block's masks (`even`), or `one`, and
    in the last step all."""
    steps: int = 0
    """Steps of a block, or of a part of it, at most; 0: as many as it has masks. A moving block has
    one in any case."""
    edit_threshold: float | None = None
    """A token of the block is replaced by another that is at least so probable; None: never."""
    max_post_steps: int = 16
    """So many steps at most edit a block that is filled; fewer where one changes nothing."""
    temperature: float = 0.0
    """Default of the proposals."""
    top_k: int = 0
    """Default of the proposals."""
    top_p: float = 1.0
    """Default of the proposals."""
    confidence: str = "clean"
    """Default of the proposals."""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                wrong = getattr(self, name)
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {wrong!r}")
        for name in ("block_length", "sub_block", "steps", "max_post_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is 0 or more, not {getattr(self, name)}")
        if self.sub_block > self.block_length:
            raise ValueError(f"a part of {self.sub_block} exceeds a block of {self.block_length}")
        if self.grid == "moving":
            self._check_moving()

    def _check_moving(self) -> None:
        if self.block_length < 2:
            raise ValueError("a moving block has at least two positions: a token and a mask")
        if self.sub_block or self.edit_threshold is not None or self.order == "free":
            raise ValueError(
                "a moving block is filled left to right, without parts and without editing"
            )

    @property
    def reads_alike(self) -> bool:
        """Whether finished text is read as a block under way is: what a block's last pass has left
        is then what reading it once more would give, if nothing has changed since."""
        return (self.text_attention == "block") == (self.block_attention == "both ways")


def _at_least(probability: float) -> ParallelRule:
    return ParallelRule("threshold", (probability,))


PROFILES = {
    "sdar": Profile(4, parallel=_at_least(0.85), temperature=1.0, confidence="sampled"),
    "trado": Profile(4, parallel=_at_least(0.9), temperature=1.0, confidence="sampled"),
    "stable-diffcoder": Profile(4),
    "fast-dllm-v2": Profile(
        32,
        sub_block=8,
        first_token="autoregressive",
        shift="in block",
        parallel=_at_least(0.9),
        quota="one",
        top_p=0.95,
    ),
    "llada2.0": Profile(32, parallel=_at_least(0.95)),
    "llada2.1": Profile(32, parallel=_at_least(0.7), quota="one", edit_threshold=0.5),
    "bd3lm": Profile(32, grid="prompt end"),
    "nemotron-diffusion": Profile(
        32,
        grid="prompt end",
        last_block="short",
        text_attention="causal",
        first_token="autoregressive",
        parallel=_at_least(0.9),
        quota="one",
    ),
    "sdlm": Profile(
        4,
        grid="moving",
        text_attention="causal",
        shift="row before",
        order="left to right",
        parallel=_at_least(0.5),
        quota="one",
    ),
    "open-dcoder": Profile(shift="row before"),
    "a2d-mdlm": Profile(),
}
"""By the name of the family."""
