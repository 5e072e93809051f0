"""What a denoising step needs of each row of logits, reduced natively where the logits lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.proposal import Proposal, ProposalRule, empty_proposal
from ._native import ffi, lib
from .errors import DecodeAborted

C_TYPES = {"int32": "int32_t[]", "float32": "float[]", "float64": "double[]"}


def reduce_rows(
    logits: NDArray[np.float32],
    unconditional: NDArray[np.float32] | None,
    positions: NDArray[np.int64],
    step: int,
    rule: ProposalRule,
    threads: int = 1,
) -> Proposal:
    """`decoding.proposal.propose`, natively: reduces float32 rows (n, n_vocab) without a copy.

    `unconditional`, of the same shape, turns guidance on. `positions` (n,) and `step` only key the
    random numbers. The result does not depend on `threads`. Raises ValueError for shapes that do
    not fit together, MemoryError when scratch memory for the filters is not to be had, and
    DecodeAborted for an interrupt.
    """
    logits = _rows(logits)
    n_rows, n_vocab = logits.shape
    positions = np.ascontiguousarray(positions, dtype=np.int64)
    if positions.shape != (n_rows,):
        raise ValueError(f"{n_rows} rows need as many positions, got {positions.shape}")
    banned = np.asarray([t for t in rule.banned if 0 <= t < n_vocab], dtype=np.int32)
    reduced = empty_proposal(n_rows, rule.keep)
    failed = lib.hoshi_reduce_rows(
        ffi.from_buffer("float[]", logits),
        _second_rows(unconditional, logits.shape),
        n_rows,
        n_vocab,
        ffi.from_buffer("int64_t[]", positions),
        _native_rule(rule, banned, step),
        threads,
        _native_rows(reduced),
    )
    if failed:
        raise _failure(failed, n_vocab)
    return reduced


def _failure(code: int, n_vocab: int) -> Exception:
    if code == lib.HOSHI_INTERRUPTED:
        return DecodeAborted("the reduction of rows was stopped")
    return MemoryError(f"no memory to filter rows of {n_vocab} logits")


def _rows(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if logits.ndim != 2:
        raise ValueError(f"logits have shape (rows, vocabulary), not {logits.shape}")
    return np.ascontiguousarray(logits, dtype=np.float32)


def _second_rows(unconditional: NDArray[np.float32] | None, shape: tuple[int, ...]) -> Any:
    if unconditional is None:
        return ffi.NULL
    if unconditional.shape != shape:
        raise ValueError(f"guidance needs rows of one shape: {shape} and {unconditional.shape}")
    return ffi.from_buffer("float[]", _rows(unconditional))


def _native_rule(rule: ProposalRule, banned: NDArray[np.int32], step: int) -> Any:
    # A C struct holds no reference: `banned` and the result arrays live in reduce_rows.
    native = ffi.new("hoshi_rule *")
    native.temperature = rule.temperature
    native.top_p = rule.top_p
    native.top_k = rule.top_k
    native.guidance = rule.guidance
    native.gumbel = rule.gumbel
    native.clean = rule.confidence == "clean"
    native.banned = ffi.from_buffer("int32_t[]", banned) if len(banned) else ffi.NULL
    native.n_banned = len(banned)
    native.seed = rule.seed % 2**64
    native.step = step
    return native


def _native_rows(reduced: Proposal) -> Any:
    rows = ffi.new("hoshi_rows *")
    *columns, _ = vars(reduced).items()
    for name, column in columns:
        setattr(rows, name, _buffer(column))
    if reduced.likeliest is not None:
        rows.logprob = _buffer(reduced.likeliest.logprob)
        rows.likeliest = _buffer(reduced.likeliest.tokens)
        rows.logprobs = _buffer(reduced.likeliest.logprobs)
        rows.keep = reduced.likeliest.tokens.shape[1]
    return rows


def _buffer(column: NDArray[Any]) -> Any:
    kind = C_TYPES[column.dtype.name]
    return ffi.from_buffer(kind, column, require_writable=True)
