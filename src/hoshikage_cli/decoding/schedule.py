"""How many positions a step commits, and which positions are in scope.

A schedule divides the canvas into blocks and gives each a number of steps; within a block it says
how many of the positions still masked a step commits (the quota), and with which probability
`origin` unmasks each of them (the share).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Block:
    """Positions [start, end) and the steps that they get."""

    start: int
    end: int
    steps: int
    masks: int
    """How many were masked at first."""


@dataclass(frozen=True)
class Schedule:
    """How much a step unmasks. Steps count from 0 in each block; the last takes all."""

    in_blocks: bool
    """Whether the canvas is divided into blocks."""
    quota: Callable[[int, Block, int, float], int]
    """(step, block, masked, eps): how many of the positions that are still masked."""
    share: Callable[[int, Block, float], float]
    """(step, block, eps): the probability of each of them, for an algorithm that draws."""


def timestep_share(step: int, block: Block, eps: float) -> float:
    """1 - s/t for t falling linearly from 1 to eps over the steps (Dream)."""
    return float(_fall(step, block, eps))


def timestep_quota(step: int, block: Block, masked: int, eps: float) -> int:
    """trunc(masked (1 - s/t)), of the masks that there are now; all in the last step (Dream).

    Exact, where Dream's single precision now and then falls one short of a whole number."""
    return int(masked * _fall(step, block, eps))


def _fall(step: int, block: Block, eps: float) -> Fraction:
    """1 - s/t of the decimal number that eps is written as."""
    if step >= block.steps - 1:
        return Fraction(1)
    span = 1 - Fraction(str(eps))
    return span / (block.steps - step * span)


def even_quota(step: int, block: Block, masked: int, eps: float) -> int:
    """masks // steps, and one more in each of the first masks mod steps steps (LLaDA)."""
    if step >= block.steps - 1:
        return masked
    return min(masked, block.masks // block.steps + (step < block.masks % block.steps))


def one_quota(step: int, block: Block, masked: int, eps: float) -> int:
    """One, and in the last step all."""
    return masked if step >= block.steps - 1 else min(masked, 1)


def linear_quota(step: int, block: Block, masked: int, eps: float) -> int:
    """After pass j floor(masks (steps - j) / steps) remain; the last fills all (RND1)."""
    remaining = block.masks * max(0, block.steps - step - 1) // block.steps
    return max(0, masked - remaining)


def even_share(step: int, block: Block, eps: float) -> float:
    """Each mask is equally likely to go in any of the steps that are left."""
    return 1 / max(1, block.steps - step)


SCHEDULES = {
    "timestep": Schedule(False, timestep_quota, timestep_share),
    "block": Schedule(True, even_quota, even_share),
    "linear": Schedule(False, linear_quota, even_share),
}


def schedule_of(named: str | Schedule | Callable[[int, Block, int, float], int]) -> Schedule:
    """A row of the table by name, one of your own, or a quota over the whole canvas."""
    if isinstance(named, str):
        return SCHEDULES[named]
    return named if isinstance(named, Schedule) else Schedule(False, named, even_share)


def one_a_step(schedule: Schedule) -> Schedule:
    """The schedule's blocks, with as many steps as there are masks."""
    return replace(schedule, quota=even_quota, share=even_share)


def blocks(
    masked: NDArray[np.int64], length: int, in_blocks: bool, steps: int, size: int
) -> list[Block]:
    """The blocks of a canvas of `length` positions whose `masked` positions (ascending) are given.

    Without division the whole canvas is one block. Blocks of `size` positions begin at the first
    masked one; the last may be shorter, and one without masks gets no steps. Each has
    ceil(steps / blocks) steps; steps = 0 means one token a step.
    """
    if len(masked) == 0:
        return []
    if not in_blocks:
        return [Block(0, length, steps or len(masked), len(masked))]
    first = int(masked[0])
    counts = np.bincount((masked - first) // size)
    share = -(-steps // int(np.count_nonzero(counts)))
    return [
        Block(
            first + i * size, min(first + (i + 1) * size, length), share or int(count), int(count)
        )
        for i, count in enumerate(counts)
        if count
    ]
