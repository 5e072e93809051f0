"""How a family of models reads a text in blocks: facts, for which nothing need be loaded."""

from __future__ import annotations

from dataclasses import dataclass

from ..decoding.profile import Profile

CHOICES = {
    "text": ("block", "causal"),
    "block": ("both ways", "causal"),
    "shift": ("none", "in block", "row before"),
    "first": ("denoised", "autoregressive"),
}
"""What each field of BlockAttention may be."""


@dataclass(frozen=True)
class BlockAttention:
    """How a family of models reads a text, block by block."""

    length: int
    """Positions of a block."""
    text: str = "block"
    """How the text before the block at hand is read: `block` (each block sees itself both ways, and
    what is before it) or `causal`."""
    block: str = "both ways"
    """How the block at hand is read, behind that text: `both ways` or `causal`."""
    shift: str = "none"
    """Which row predicts position p: that of p (`none`); that of p - 1, but of p where p begins the
    block (`in block`); that of p - 1 in any case (`row before`)."""
    first: str = "denoised"
    """Whether the block's first position is predicted like the others (`denoised`) or by the last
    row of the text before it (`autoregressive`)."""

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"a block has at least one position, not {self.length}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                wrong = getattr(self, name)
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {wrong!r}")

    def border(self, position: int, origin: int) -> int:
        """Where the block begins that this position is in; 0 where that would be before the text,
        whose first block may be short."""
        return max(0, position - (position - origin) % self.length)

    def offset(self, origin: int) -> int:
        """What is added to positions, so that blocks begin at multiples of their length, as the
        library counts them. A text that is read causally can be cut anywhere."""
        return -origin % self.length if self.text == "block" else 0


def attention_of(profile: Profile) -> BlockAttention:
    """What a profile says of it."""
    return BlockAttention(
        length=profile.block_length,
        text=profile.text_attention,
        block=profile.block_attention,
        shift=profile.shift,
        first=profile.first_token,
    )
