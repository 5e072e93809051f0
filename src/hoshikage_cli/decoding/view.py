"""What a rule sees of the step that is being made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .proposal import Proposal
from .schedule import Block
from .step import Commit

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """One entry of each array for each position in question, ascending."""

    positions: Indices
    """(n,) where they are on the canvas."""
    masked: Flags
    """(n,) which of them are masked: all, but for a step function."""
    proposal: Proposal
    """What the model would put there, and how sure it is."""
    canvas: NDArray[np.int32]
    """(L,) the tokens before the step, read-only."""
    block: Block
    """The part of the canvas in scope, with its steps."""
    quota: int
    """How many tokens the step has to commit, by the schedule."""
    step: int
    """Number of the step in the run; with `seed` it keys random numbers."""
    seed: int
    divergences: Floats
    """(m, n) how far each distribution has moved in the last m steps, in nats, for a rule that
    asks for that memory; infinite where a position has not been seen so often."""

    def only(self, chosen: Indices) -> View:
        """The same for some of the positions, by index."""
        return replace(
            self,
            positions=self.positions[chosen],
            masked=self.masked[chosen],
            proposal=self.proposal.only(chosen),
            divergences=self.divergences[:, chosen],
        )

    def commits(self, chosen: Indices) -> tuple[Commit, ...]:
        """The proposals of some of the positions as commits, while the canvas is as it was."""
        proposal = self.proposal
        standing = self.canvas[self.positions].astype(object)
        standing[self.masked] = None
        columns = (self.positions, proposal.tokens, proposal.probability, proposal.runner_up)
        rows = zip(*(column[chosen].tolist() for column in (*columns, standing)), strict=True)
        return tuple(
            Commit(position, token, confidence, other, replaced=stood)
            for position, token, confidence, other, stood in rows
        )


@dataclass(frozen=True)
class Decision:
    """What a step function answers, as indices into the view's positions."""

    commit: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    """Whose proposals are put on the canvas, also over a token; the most trusted first."""
    remask: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    """Whose tokens are taken back."""
