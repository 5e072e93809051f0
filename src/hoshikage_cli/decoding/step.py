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
    logprob: float | None = None
    """The logarithm of its probability, in nats, where that was asked for."""
    alternatives: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens with log-probabilities, as many as were asked for."""
    replaced: int | None = None
    """The token that stood there, where a step puts another in its place."""


@dataclass(frozen=True)
class Candidates:
    """What the model would put at a position in question."""

    position: int
    """Where on the canvas."""
    entropy: float
    """Of its distribution, in nats."""
    top: tuple[tuple[int, float], ...]
    """The likeliest tokens with their probabilities, the likeliest first."""


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
    proposals: tuple[Candidates, ...] | None = None
    """What was proposed for each position in question, where that was asked for."""
    settled: int | None = None
    """Before this position nothing changes any more; None: that is known of no position."""

    @property
    def revises(self) -> bool:
        """Whether it changed what was committed already."""
        return bool(self.revisions)

    @property
    def revisions(self) -> set[str]:
        """How: tokens were `remasked`, or `replaced`."""
        replaced = any(commit.replaced is not None for commit in self.commits)
        made = {"remasked": bool(self.remasked), "replaced": replaced}
        return {name for name in made if made[name]}
