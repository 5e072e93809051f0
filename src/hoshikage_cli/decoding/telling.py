"""What a step tells besides what it does, where that is asked for: the likeliest tokens."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .proposal import Proposal
from .step import Candidates, Commit


def kept(*counts: int | None) -> int | None:
    """How many of the likeliest tokens it takes to tell each of these counts of them."""
    return max((count for count in counts if count is not None), default=None)


def with_logprobs(
    commits: tuple[Commit, ...],
    chosen: NDArray[np.int64],
    proposal: Proposal,
    count: int | None,
) -> tuple[Commit, ...]:
    """Commits of the rows `chosen`, with their log-probabilities and `count` alternatives; None:
    as they are."""
    likeliest = proposal.likeliest
    if count is None or likeliest is None:
        return commits
    return tuple(
        replace(
            commit,
            logprob=float(likeliest.logprob[row]),
            alternatives=tuple(likeliest.top(row)[:count]),
        )
        for commit, row in zip(commits, chosen.tolist(), strict=True)
    )


def candidates(
    positions: NDArray[np.int64], proposal: Proposal, count: int | None
) -> tuple[Candidates, ...] | None:
    """The `count` likeliest tokens of each row; None: they are not asked for."""
    likeliest = proposal.likeliest
    if count is None or likeliest is None:
        return None
    rows = zip(positions.tolist(), proposal.entropy.tolist(), strict=True)
    return tuple(
        Candidates(
            position,
            entropy,
            tuple((token, math.exp(logprob)) for token, logprob in likeliest.top(row)[:count]),
        )
        for row, (position, entropy) in enumerate(rows)
    )
