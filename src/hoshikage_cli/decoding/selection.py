"""Which proposals a step commits first: the table of algorithms.

An algorithm gives each position in question a score; higher commits sooner, ties go to the lower
position. To add one, write its function and its row in ALGORITHMS, and its name in the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .randomness import Stream, keys, uniform
from .view import Flags, Floats, Indices, View


@dataclass(frozen=True)
class Algorithm:
    """How the positions that a step commits are chosen."""

    score: Callable[[View], Floats]
    """How much each proposal is trusted, (n,)."""
    draw: Callable[[float, Indices, int, int], Indices] | None = None
    """(share, positions, step, seed): indices of all that the step commits, chosen before the
    forward pass. Such an algorithm knows no quota."""


def by_probability(view: View) -> Floats:
    """The probability of the proposed token, less 1."""
    proposal = view.proposal
    return _less_one(proposal.probability, proposal.rest)


def by_margin(view: View) -> Floats:
    """The largest probability less the second, whichever of them is proposed; less 1."""
    proposal = view.proposal
    margin = np.float32(1 - proposal.rest) - np.float32(proposal.top2)
    return _less_one(margin, proposal.rest + proposal.top2)


def by_entropy(view: View) -> Floats:
    """Minus the entropy: the fewest alternatives first."""
    return -np.float32(view.proposal.entropy).astype(np.float64)


def at_random(view: View) -> Floats:
    """Uniform in (0, 1), anew in each step."""
    return uniform(keys(view.seed, Stream.RANDOM, view.step, view.positions))


def in_place(view: View) -> Floats:
    """All alike, so that they keep their order."""
    return np.zeros(len(view.positions))


def independently(share: float, positions: Indices, step: int, seed: int) -> Indices:
    """Each position with probability `share`, independently of the others (Dream's `origin`)."""
    return np.flatnonzero(uniform(keys(seed, Stream.ORIGIN, step, positions)) < share)


ALGORITHMS = {
    "origin": Algorithm(in_place, draw=independently),
    "entropy": Algorithm(by_entropy),
    "margin": Algorithm(by_margin),
    "random": Algorithm(at_random),
    "confidence": Algorithm(by_probability),
}
"""By name, in the order of the numbers that llama-diffusion-cli gives them."""


def algorithm_of(named: str | Algorithm | Callable[[View], Floats]) -> Algorithm:
    """A row of the table by name, one of your own, or a score to rank by."""
    if isinstance(named, str):
        return ALGORITHMS[named]
    return named if isinstance(named, Algorithm) else Algorithm(named)


def ranked(score: Floats, late: Flags | None = None) -> Indices:
    """Indices by falling score; those marked `late` behind all others."""
    late = np.zeros(len(score), bool) if late is None else late
    return np.lexsort((-score, late))


def perturbed(score: Floats, alg_temp: float, positions: Indices, step: int, seed: int) -> Floats:
    """score / alg_temp plus Gumbel noise: its k largest are k draws without replacement from
    softmax(score / alg_temp) (Plackett and Luce), with no probability that underflows."""
    u = uniform(keys(seed, Stream.ALG_TEMP, step, positions))
    return score / alg_temp - np.log(-np.log(u))


def _less_one(value: NDArray[np.float32], doubt: Floats) -> Floats:
    """value - 1, from `doubt`, which is 1 - value, where the value is nearer to 1 than to 0. Either
    is rounded to single precision: what is equal but for the order of a sum is to tie."""
    return np.where(value < 0.5, np.float64(value) - 1, -np.float32(doubt).astype(np.float64))
