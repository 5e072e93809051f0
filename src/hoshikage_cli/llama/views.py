"""Rows taken out of what a pass has left, without copying where that is possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def picked(rows: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """The rows at these places; a view where they lie together."""
    if len(places) == 0:
        return rows[:0]
    if places[-1] - places[0] == len(places) - 1 and ascends(places):
        return rows[places[0] : places[-1] + 1]
    return rows[places]


def ascends(values: NDArray[np.int64]) -> bool:
    return bool((values[1:] > values[:-1]).all())
