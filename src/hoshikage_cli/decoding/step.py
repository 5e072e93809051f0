"""What both loops yield."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Commit:
    """A token that was put at a position."""

    position: int
    """Where on the canvas."""
    token: int
    """What was put there."""
    confidence: float
    """Its probability when it was proposed."""
    runner_up: int | None = None
    """The likeliest other token."""
    replaced: int | None = None
    """The token that stood there, where a step puts another in its place."""


@dataclass(frozen=True)
class Step:
    """One step of a run."""

    index: int
    """Its number; steps that have nothing to commit are left out."""
    total: int | None
    """How many steps there are at most."""
    commits: tuple[Commit, ...]
    """What was put on the canvas, the most trusted first."""
    canvas: NDArray[np.int32]
    """(L,) read-only, after the commits; for an autoregressive run the tokens so far."""
    masked: int
    """How many positions are still masked."""
    block: tuple[int, int] | None
    """[start, end) in scope; None for the whole canvas."""
    positions_decoded: int
    """Positions evaluated in the forward pass."""
    nfe: int
    """Forward evaluations of the step, 2 with guidance."""
    elapsed: float
    """Seconds since the run began."""
    remasked: tuple[int, ...] = ()
    """Positions whose tokens were taken back, by a step function."""
