"""Classifier-free guidance (LLaDA's form; the paper's scale is w + 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def guide(
    conditional: NDArray[np.float64], unconditional: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """z = z_u + (w + 1)(z_c - z_u), for rows of one shape."""
    return unconditional + (scale + 1) * (conditional - unconditional)


def unconditional_canvas(
    canvas: NDArray[np.int32], given: NDArray[np.bool_], mask_token: int
) -> NDArray[np.int32]:
    """The canvas with everything masked that was given at the start; generated tokens stay."""
    return np.where(given, np.int32(mask_token), canvas)
