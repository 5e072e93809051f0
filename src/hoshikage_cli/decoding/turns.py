"""What the loops of canvases and of blocks have in common: a run made in turns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Generic, TypeVar

Turn = TypeVar("Turn")
Cost = tuple[int, int]
"""Positions that a step evaluates, and forward evaluations."""


class InTurns(Generic[Turn]):
    """A run without its forward passes: `begin` once, then `ask` what it needs next and `answer`
    with the rows, in turn, until it is `over`.

    What a step may change follows from the tokens as they are, so that the next turn must not be
    taken before the last step was made: `answer` alone takes it, and `ask` raises RuntimeError when
    it is not yet due.
    """

    def __init__(self, turns: Iterator[Turn]) -> None:
        """turns: each as the tokens are when it is taken; the first is taken here."""
        self.sequence = 0
        self._ended = False
        self._began: float | None = None
        self._cost: Cost | None = None  # of what `ask` asked for, until `answer`
        self._turns = turns
        self._turn = next(turns, None)

    def begin(self, sequence: int) -> None:
        """Take a sequence of the denoiser, and the next one if two are needed; the clock starts."""
        self.sequence = sequence
        self._began = time.perf_counter()

    def end(self) -> None:
        """Make no more steps: the answer needs none."""
        self._ended = True

    def _due(self) -> Turn:
        """The turn to ask for."""
        if self._turn is None or self._began is None or self._cost is not None:
            raise RuntimeError("a run is asked after it began, before its end, and once a step")
        return self._turn

    def _asked(self) -> tuple[Turn, Cost]:
        """The turn that was asked for, and what it cost."""
        if self._turn is None or self._cost is None:
            raise RuntimeError("a run is answered after it has asked")
        return self._turn, self._cost

    def _take_next(self) -> None:
        """The step is made: the next turn is due."""
        self._cost = None
        self._turn = next(self._turns, None)

    @property
    def _elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - (self._began or 0.0)
