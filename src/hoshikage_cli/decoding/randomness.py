"""Counter-based random numbers: each is a function of (seed, stream, step, position, token) alone,
so that none depends on batch shape, cache mode or threads. llama/rows.c computes the same.

The mixing function is splitmix64's finaliser (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_WORD = 2**64 - 1


class Stream(IntEnum):
    """What a number is used for; streams never share numbers."""

    DRAW = 0
    GUMBEL = 1
    RANDOM = 2
    ORIGIN = 3
    ALG_TEMP = 4
    MASKED_COUNT = 5
    MASKED_PLACES = 6


def keys(seed: int, stream: Stream, step: int, positions: ArrayLike) -> NDArray[np.uint64]:
    """One 64-bit key for each position, shape (n,)."""
    base = _mix_int((seed + _GOLDEN) & _WORD)
    base = _mix_int(base ^ ((int(stream) + 1) * _GOLDEN & _WORD))
    base = _mix_int(base ^ ((step + 1) * _GOLDEN & _WORD))
    counters = np.asarray(positions, np.uint64) + np.uint64(1)
    return _mix(np.uint64(base) ^ counters * np.uint64(_GOLDEN))


def uniform(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """One number in (0, 1) for each key."""
    return _unit_interval(_mix(keys + np.uint64(_GOLDEN)))


def uniform_tokens(key: np.uint64, n_vocab: int) -> NDArray[np.float64]:
    """One number in (0, 1) for each token id, shape (n_vocab,)."""
    tokens = _mix(np.arange(n_vocab, dtype=np.uint64) + np.uint64(_GOLDEN))
    return _unit_interval(_mix(key ^ tokens))


def _unit_interval(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x ^ (x >> np.uint64(30))
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x = x ^ (x >> np.uint64(27))
    x = x * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _mix_int(x: int) -> int:
    return int(_mix(np.array([x], np.uint64))[0])
