"""Which positions a forward pass evaluates afresh; the rest keep their cached keys and values.

prefix and dual are Fast-dLLM's block caches, active is diffuse-cpp's. Between full passes the
frozen positions are stale: what they attended to has changed since. A mode is exact when it
refreshes in every step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .schedule import Block

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class CachePlan:
    """How much of the canvas a pass evaluates."""

    mode: str = "none"
    """none, prefix, dual or active."""
    window: int = 0
    """Least number of positions to evaluate at once, since a few more can be cheaper and are never
    worse; 0: as `costs` advise."""
    costs: tuple[tuple[int, float], ...] = ()
    """What a pass over so many positions costs: (positions, seconds), ascending. Empty: no advice,
    so that no more than needed are evaluated."""
    refresh: int = 0
    """A full pass at least every so many passes; 0: only at a block's start."""
    reach: int | None = None
    """When a block begins evaluate no more than so many positions before it, and all that follow;
    None: everything. The first block has a full pass in any case."""
    recent: int = 1
    """For how many passes a committed position goes on being evaluated; at least 1, or its token
    would never be seen."""


def cheapest_window(needed: int, costs: Sequence[tuple[int, float]]) -> int:
    """The number of positions, at least `needed`, whose pass is cheapest; ties go to the larger,
    which is the more accurate. Between measured sizes the cost is taken to be linear."""
    sizes = [size for size, _ in costs]
    if len(costs) < 2 or needed >= sizes[-1]:
        return needed
    here = float(np.interp(needed, sizes, [cost for _, cost in costs]))
    candidates = [(needed, here)] + [pair for pair in costs if pair[0] > needed]
    return min(candidates, key=lambda pair: (pair[1], -pair[0]))[0]


class Cache:
    """Remembers what the cached keys and values were computed from."""

    def __init__(self, plan: CachePlan) -> None:
        self._plan = plan
        self._length = 0
        self._block: Block | None = None
        self._age = 0
        self._recent: deque[Positions] = deque(maxlen=max(1, plan.recent))

    def window(self, block: Block, masked: Positions, length: int) -> Positions | None:
        """Positions to evaluate in this pass over so many; None is all of them.

        `length` may grow when a block begins."""
        due, begins = self._is_due(block), block is not self._block
        self._block, self._length = block, length
        self._age = 0 if due else self._age + 1
        if due or begins:
            self._recent.clear()
        if due:
            return None
        windows = Cache._begun if begins else WINDOWS[self._plan.mode]
        positions = windows(self, block, masked)
        return None if len(positions) >= length else positions

    def committed(self, positions: Positions) -> None:
        """Positions whose tokens have just changed."""
        self._recent.append(positions)

    def _is_due(self, block: Block) -> bool:
        plan = self._plan
        begins = block is not self._block and (plan.reach is None or self._block is None)
        return plan.mode == "none" or begins or 0 < plan.refresh <= self._age + 1

    def _at_least(self, needed: int) -> int:
        plan = self._plan
        wanted = max(needed, plan.window) if plan.window else cheapest_window(needed, plan.costs)
        return min(wanted, self._length)

    def _begun(self, block: Block, masked: Positions) -> Positions:
        """What a block is near to when it begins, and all that follows."""
        return np.arange(max(0, block.start - (self._plan.reach or 0)), self._length)

    def _suffix(self, block: Block, masked: Positions) -> Positions:
        return np.arange(block.start, self._length)

    def _block_and_more(self, block: Block, masked: Positions) -> Positions:
        """The block and what follows it, up to the window."""
        window = self._at_least(block.end - block.start)
        end = min(self._length, block.start + window)
        start = max(0, min(block.start, end - window))
        return np.arange(start, end)

    def _active(self, block: Block, masked: Positions) -> Positions:
        """What is masked or has just changed, and the nearest others up to the window."""
        active = np.unique(np.concatenate([masked, *self._recent]))
        missing = self._at_least(len(active)) - len(active)
        if missing <= 0 or len(active) == 0:
            return active
        others = np.setdiff1d(np.arange(self._length), active)
        distance = np.abs(others[:, None] - active[None, :]).min(axis=1)
        nearest = others[np.argsort(distance, kind="stable")[:missing]]
        return np.union1d(active, nearest)


WINDOWS: dict[str, Callable[[Cache, Block, Positions], Positions]] = {
    "prefix": Cache._suffix,
    "dual": Cache._block_and_more,
    "active": Cache._active,
}
MODES = ("none", *WINDOWS)
