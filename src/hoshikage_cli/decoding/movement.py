"""How far distributions move from step to step, for rules that trust what has come to rest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .view import Floats, Indices


class Movement:
    """Remembers the distribution at each position in question, (n, n_vocab) in single precision,
    and the divergences of the last `steps` steps."""

    def __init__(self, steps: int, length: int) -> None:
        self._before: dict[int, NDArray[np.float32]] = {}
        self._moved = np.full((steps, length), np.inf)

    def note(self, positions: Indices, logits: Iterable[Floats]) -> Floats:
        """(steps, n): KL(now || before) in nats, the latest last; infinite where there is none."""
        before, self._before = self._before, {}
        latest = np.full((1, self._moved.shape[1]), np.inf)
        for position, row in zip(positions.tolist(), logits, strict=True):
            now = log_softmax(row)
            if position in before:
                latest[0, position] = divergence(now, before[position])
            self._before[position] = now.astype(np.float32)
        self._moved = np.concatenate([self._moved[1:], latest])
        return self._moved[:, positions]


def log_softmax(row: NDArray[np.floating]) -> Floats:
    """Logarithms of the softmax of one row."""
    below = np.asarray(row, np.float64) - row.max()
    return below - np.log(np.exp(below).sum())


def divergence(log_p: NDArray[np.floating], log_q: NDArray[np.floating]) -> float:
    """KL(p || q) in nats."""
    possible = log_p > -np.inf
    p, q = log_p[possible].astype(np.float64), log_q[possible].astype(np.float64)
    return float(max(0.0, (np.exp(p) * (p - q)).sum()))
