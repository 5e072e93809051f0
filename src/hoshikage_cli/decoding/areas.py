"""Where the blocks of a text lie, and what of it a position in one of them sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .profile import Profile
from .view import Flags

GRIDS: dict[str, Callable[[int, int], int]] = {
    "absolute": lambda mask, prompt_length: 0,
    "prompt end": lambda mask, prompt_length: prompt_length,
    "moving": lambda mask, prompt_length: mask - 1,
}
"""Of (first mask, prompt length): a position where a block begins."""


@dataclass(frozen=True)
class Area:
    """A block of the text."""

    origin: int
    """A position where a block begins: here, or where the grid has it."""
    start: int
    """Its first position."""
    end: int
    """Where it ends, and with it what a pass sees."""


def area_of(profile: Profile, position: int, prompt_length: int, length: int) -> Area:
    """The block of a position in a text of `length`, by the profile's grid."""
    origin = GRIDS[profile.grid](position, prompt_length)
    start = position - (position - origin) % profile.block_length
    end = start + profile.block_length
    if profile.last_block == "short":
        end = min(end, length)
    return Area(origin, max(0, start), end)


def is_foretold(profile: Profile, position: int, area: Area) -> bool:
    """Whether a position is its block's first, which the row of the text before it predicts."""
    return profile.first_token == "autoregressive" and position == area.start > 0


def blind_spot(profile: Profile, masked: Flags, prompt_length: int) -> int | None:
    """The first masked position of a text (L,) that would be filled without having seen all that is
    known of the text; None where there is no such position.

    A block sees itself and what is before it, so that known text must not stand behind the block of
    a mask; and what foretells a block's first token has not even seen the rest of the block.
    """
    known = np.flatnonzero(~masked)
    last = int(known[-1]) if len(known) else -1
    for position in np.flatnonzero(masked[: max(last, 0)]).tolist():
        area = area_of(profile, position, prompt_length, len(masked))
        if last >= area.end or is_foretold(profile, position, area):
            return position
    return None
