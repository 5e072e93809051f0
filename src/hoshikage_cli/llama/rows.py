"""What a denoising step needs of each row of logits, reduced natively where the logits lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._native import ffi, lib


@dataclass(frozen=True)
class RowRule:
    """How rows are reduced; the meaning of each field is `decoding.proposal.ProposalRule`'s."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    gumbel: bool = False
    clean: bool = True
    guidance: float = 0.0
    banned: tuple[int, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class ReducedRows:
    """One entry a row: proposed token, the likeliest other one, the proposed token's probability,
    the two largest probabilities, the entropy in nats."""

    tokens: NDArray[np.int32]
    runner_up: NDArray[np.int32]
    probability: NDArray[np.float32]
    top1: NDArray[np.float32]
    top2: NDArray[np.float32]
    entropy: NDArray[np.float32]


def reduce_rows(
    logits: NDArray[np.float32],
    unconditional: NDArray[np.float32] | None,
    positions: NDArray[np.int64],
    step: int,
    rule: RowRule,
    threads: int = 1,
) -> ReducedRows:
    """Reduce float32 rows of shape (n, n_vocab) without copying them.

    `unconditional`, of the same shape, turns guidance on. `positions` (n,) and `step` only key the
    random numbers. The result does not depend on `threads`. Raises ValueError for shapes that do
    not fit together and MemoryError when scratch memory for the filters is not to be had.
    """
    logits = _rows(logits)
    n_rows, n_vocab = logits.shape
    positions = np.ascontiguousarray(positions, dtype=np.int64)
    if positions.shape != (n_rows,):
        raise ValueError(f"{n_rows} rows need as many positions, got {positions.shape}")
    banned = np.asarray([t for t in rule.banned if 0 <= t < n_vocab], dtype=np.int32)
    kinds = (np.int32, np.int32, np.float32, np.float32, np.float32, np.float32)
    columns: tuple[Any, ...] = tuple(np.empty(n_rows, kind) for kind in kinds)
    reduced = ReducedRows(*columns)
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
        raise MemoryError(f"no memory to filter rows of {n_vocab} logits")
    return reduced


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


def _native_rule(rule: RowRule, banned: NDArray[np.int32], step: int) -> Any:
    # A C struct holds no reference: `banned` and the result arrays live in reduce_rows.
    native = ffi.new("hoshi_rule *")
    native.temperature = rule.temperature
    native.top_p = rule.top_p
    native.top_k = rule.top_k
    native.guidance = rule.guidance
    native.gumbel = rule.gumbel
    native.clean = rule.clean
    native.banned = ffi.from_buffer("int32_t[]", banned) if len(banned) else ffi.NULL
    native.n_banned = len(banned)
    native.seed = rule.seed % 2**64
    native.step = step
    return native


def _native_rows(reduced: ReducedRows) -> Any:
    rows = ffi.new("hoshi_rows *")
    rows.token = ffi.from_buffer("int32_t[]", reduced.tokens, require_writable=True)
    rows.runner_up = ffi.from_buffer("int32_t[]", reduced.runner_up, require_writable=True)
    rows.probability = ffi.from_buffer("float[]", reduced.probability, require_writable=True)
    rows.top1 = ffi.from_buffer("float[]", reduced.top1, require_writable=True)
    rows.top2 = ffi.from_buffer("float[]", reduced.top2, require_writable=True)
    rows.entropy = ffi.from_buffer("float[]", reduced.entropy, require_writable=True)
    return rows
