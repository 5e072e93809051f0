"""Log-probabilities of given tokens, computed natively where the logits lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..decoding.likelihood import Scored
from ._native import ffi, lib
from .errors import DecodeAborted


def log_probabilities(
    logits: NDArray[np.float32],
    unconditional: NDArray[np.float32] | None,
    targets: NDArray[np.int32],
    guidance: float = 0.0,
    threads: int = 1,
) -> Scored:
    """As `decoding.likelihood.log_probabilities`, without a copy of the rows.

    The result does not depend on `threads`. Raises ValueError for shapes that do not fit together
    and for a target outside the vocabulary, DecodeAborted for an interrupt.
    """
    logits = np.ascontiguousarray(logits, np.float32)
    targets = np.ascontiguousarray(targets, np.int32)
    _check(logits, unconditional, targets)
    scored = Scored(np.empty(len(logits)), np.empty(len(logits), np.int32))
    twin = None if unconditional is None else np.ascontiguousarray(unconditional, np.float32)
    stopped = lib.hoshi_log_probabilities(
        ffi.from_buffer("float[]", logits),
        ffi.NULL if twin is None else ffi.from_buffer("float[]", twin),
        guidance,
        len(logits),
        logits.shape[1],
        ffi.from_buffer("int32_t[]", targets),
        threads,
        ffi.from_buffer("double[]", scored.log_probability, require_writable=True),
        ffi.from_buffer("int32_t[]", scored.likeliest, require_writable=True),
    )
    if stopped:
        raise DecodeAborted("the scoring was stopped")
    return scored


def _check(
    logits: NDArray[np.float32],
    unconditional: NDArray[np.float32] | None,
    targets: NDArray[np.int32],
) -> None:
    if logits.ndim != 2 or targets.shape != (len(logits),):
        raise ValueError(f"rows of shape {logits.shape} and targets of shape {targets.shape}")
    if unconditional is not None and unconditional.shape != logits.shape:
        raise ValueError(f"guidance needs rows of one shape, not also {unconditional.shape}")
    if len(targets) and not 0 <= targets.min() <= targets.max() < logits.shape[1]:
        raise ValueError(f"a target is outside the vocabulary of {logits.shape[1]}")
