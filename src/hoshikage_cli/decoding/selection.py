"""Which proposals a step commits.

Every rule is a plain function of confidences (higher commits sooner) and returns indices into them,
best first. Ties go to the lower position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .proposal import Proposal
from .randomness import Stream, keys, uniform

ALGORITHMS = ("origin", "entropy", "margin", "random", "confidence")
"""By number, as llama-diffusion-cli counts them."""

CONFIDENCES = {
    "confidence": lambda proposal: proposal.probability,
    "margin": lambda proposal: proposal.top1 - proposal.top2,
    "entropy": lambda proposal: -proposal.entropy,
}

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


def confidences(
    algorithm: str, proposal: Proposal, positions: NDArray[np.int64], step: int, seed: int
) -> Floats:
    """How much each proposal is trusted, (n,), by the named algorithm."""
    if algorithm == "random":
        return uniform(keys(seed, Stream.RANDOM, step, positions))
    return CONFIDENCES[algorithm](proposal).astype(np.float64)


def ranked(confidence: Floats, late: NDArray[np.bool_] | None = None) -> Indices:
    """Indices by falling confidence; those marked `late` behind all others."""
    late = np.zeros(len(confidence), bool) if late is None else late
    return np.lexsort((-confidence, late))


def perturbed(
    confidence: Floats, alg_temp: float, positions: NDArray[np.int64], step: int, seed: int
) -> Floats:
    """c / alg_temp plus Gumbel noise: its k largest are k draws without replacement from
    softmax(c / alg_temp) (Plackett and Luce), with no probability that underflows."""
    u = uniform(keys(seed, Stream.ALG_TEMP, step, positions))
    return confidence / alg_temp - np.log(-np.log(u))


def origin(share: float, positions: NDArray[np.int64], step: int, seed: int) -> Indices:
    """Each position with probability `share`, independently of the others (Dream's `origin`)."""
    return np.flatnonzero(uniform(keys(seed, Stream.ORIGIN, step, positions)) < share)


# ------------------------------------------------- parallel commits: how many of the best to take


def over_threshold(ranked_confidence: Floats, threshold: float) -> int:
    """The best, and every other that is at least `threshold` (Fast-dLLM)."""
    return max(1, int(np.count_nonzero(ranked_confidence >= threshold)))


def by_factor(ranked_confidence: Floats, factor: float) -> int:
    """The longest prefix whose n-th confidence is at least 1 - factor / (n + 1) (Fast-dLLM)."""
    n = np.arange(1, len(ranked_confidence) + 1)
    enough = ranked_confidence >= np.where(n == 1, -1.0, 1 - factor / (n + 1))
    return int(np.argmin(enough)) if not enough.all() else len(enough)


def within_entropy_bound(ranked_entropy: Floats, bound: float) -> int:
    """Takes while the sum of entropies less the largest stays within `bound` nats (EB sampler)."""
    joint = np.cumsum(ranked_entropy) - np.maximum.accumulate(ranked_entropy)
    enough = joint <= bound
    return max(1, int(np.argmin(enough)) if not enough.all() else len(enough))


def entropy_exit(entropy: Floats, quota: int, limit: float = 1.5) -> int:
    """The quota, or all whose entropy is below `limit` nats if those are more (diffuse-cpp)."""
    return max(quota, int(np.count_nonzero(entropy < limit)))


def kl_divergence(p: Floats, q: Floats) -> Floats:
    """KL(p || q) of distributions along the last axis, in nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0)
    return terms.sum(-1)


def stable(
    confidence: Floats, divergences: Floats, least: float = 0.9, most: float = 0.01
) -> Indices:
    """Positions that are confident and whose distribution has not moved in the last steps
    (KLASS). divergences: (steps, n), in nats. Empty: fall back to the quota."""
    return np.flatnonzero((confidence > least) & (divergences < most).all(axis=0))
