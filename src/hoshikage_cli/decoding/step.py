"""What both loops yield."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Commit:
    """A token that was put at a position for good, and how much it was trusted."""

    position: int
    token: int
    confidence: float
    runner_up: int | None = None
    """The likeliest other token."""


@dataclass(frozen=True)
class Step:
    """One step of a run.

    canvas: (L,) read-only, after the commits; for an autoregressive run the tokens so far.
    masked: masked positions left. block: [start, end) in scope, None for the whole canvas.
    positions_decoded: positions evaluated in the forward pass. nfe: forward evaluations of the
    step, 2 with guidance. elapsed: seconds since the run began.
    """

    index: int
    total: int | None
    commits: tuple[Commit, ...]
    canvas: NDArray[np.int32]
    masked: int
    block: tuple[int, int] | None
    positions_decoded: int
    nfe: int
    elapsed: float
