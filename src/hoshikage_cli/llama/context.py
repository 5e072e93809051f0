"""A context: forward passes over canvases (diffusion) or over a growing text (autoregressive)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import library
from ._native import ffi, lib
from .errors import ClosedError, ContextError, DecodeAborted, DecodeError
from .model import Model

ABORTED = 2
"""What llama_decode returns when it was told to stop."""

AUTOREGRESSIVE_BATCH = 512


def default_threads() -> int:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Context:
    """Room for `sequences` canvases (or one text) of `length` positions each.

    For a diffusion model it is a Denoiser: `logits(queries)`. With the patched library there are
    keys and values to recompute in part (`has_cache`); with a stock one every pass evaluates
    everything. For an autoregressive model: `prefill`, `append`, `last_logits`.

    Raises ContextError when the library refuses, mostly for want of memory.
    """

    def __init__(
        self,
        model: Model,
        *,
        length: int,
        sequences: int = 1,
        threads: int | None = None,
        shift_logits: bool | None = None,
        mask_token: int | None = None,
    ) -> None:
        self.model = model
        self.length = length
        self.max_sequences = sequences
        self.threads = threads or default_threads()
        self.n_vocab = model.n_vocab
        self.mask_token = model.vocabulary.mask_token if mask_token is None else mask_token
        self.shift_logits = model.shift_logits if shift_logits is None else shift_logits
        self._diffusion = model.is_diffusion
        self._handle = self._open()
        lib.llama_set_causal_attn(self._handle, not self._diffusion)
        self._memory = lib.llama_get_memory(self._handle)
        self.has_cache = self._diffusion and self._memory != ffi.NULL
        self._batch = _Batch(length * sequences)
        self._filled = 0

    def _open(self):
        # Guidance needs its sequences in one micro-batch of attention without order, so that the
        # micro-batch must hold all of them.
        whole = self.length * self.max_sequences
        batch = whole if self._diffusion else min(whole, AUTOREGRESSIVE_BATCH)
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = whole
        parameters.n_batch = parameters.n_ubatch = batch
        parameters.n_seq_max = self.max_sequences
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.no_perf = True
        parameters.kv_unified = False
        parameters.abort_callback = ffi.addressof(lib, "hoshi_should_abort")
        library.forget_errors()
        handle = lib.llama_init_from_model(self.model.handle, parameters)
        if handle == ffi.NULL:
            reason = library.recent_errors(1) or "not enough memory?"
            raise ContextError(f"no context of {whole} positions: {reason}")
        return ffi.gc(handle, lib.llama_free)

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the context; logits handed out are gone with it."""
        if self._handle is not None:
            ffi.release(self._handle)
            self._handle = None

    @property
    def handle(self):
        """The C object; for this package alone."""
        if self._handle is None:
            raise ClosedError("the context is closed")
        return self._handle

    def clear(self) -> None:
        """Forget everything that was evaluated."""
        self._filled = 0
        if self._memory != ffi.NULL and self._handle is not None:
            lib.llama_memory_clear(self._memory, False)

    # ------------------------------------------------------------------------- diffusion

    def logits(self, queries: Sequence) -> list[NDArray[np.float32]]:
        """Rows (n, n_vocab) that predict the positions of each query (`decoding.Query`).

        One forward pass for all queries. The arrays are views of the library's memory where the
        rows lie together, valid until the next pass. Raises DecodeError.
        """
        if self._memory == ffi.NULL:
            return [self._logits_without_memory(query) for query in queries]
        return self._logits_with_memory(queries)

    def _logits_with_memory(self, queries: Sequence) -> list[NDArray[np.float32]]:
        wanted = [self._rows_of(query.positions) for query in queries]
        self._batch.clear()
        for query, rows in zip(queries, wanted, strict=True):
            window = self._window(query, rows)
            self._forget(query.sequence, window)
            self._batch.add(query.tokens, window, query.sequence, rows)
        self._decode()
        outputs = self._outputs(sum(map(_count_unique, wanted)))
        return _share_out(outputs, wanted)

    def _window(self, query, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions to decode: all of them, or the ones asked for and those that give rows."""
        if query.recompute is None:
            return np.arange(len(query.tokens))
        return np.union1d(query.recompute, rows)

    def _forget(self, sequence: int, window: NDArray[np.int64]) -> None:
        """Remove the cells of positions that are about to be decoded again."""
        if len(window) == 0:
            return
        for run in np.split(window, np.flatnonzero(np.diff(window) != 1) + 1):
            lib.llama_memory_seq_rm(self._memory, sequence, int(run[0]), int(run[-1]) + 1)

    def _logits_without_memory(self, query) -> NDArray[np.float32]:
        """The stock library: every position is evaluated, and every one is an output."""
        self._batch.clear()
        everything = np.arange(len(query.tokens))
        self._batch.add(query.tokens, everything, 0, everything)
        self._decode()
        return self._outputs(len(everything))[self._rows_of(query.positions)]

    def _rows_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The output rows that predict `positions`: the only place that knows of the shift."""
        return np.maximum(positions - 1, 0) if self.shift_logits else np.asarray(positions)

    def _outputs(self, count: int) -> NDArray[np.float32]:
        if count == 0:
            return np.empty((0, self.n_vocab), np.float32)
        pointer = lib.llama_get_logits(self.handle)
        data = ffi.buffer(pointer, count * self.n_vocab * 4)
        return np.frombuffer(data, np.float32).reshape(count, self.n_vocab)

    def _decode(self) -> None:
        if self._batch.count == 0:
            return
        lib.hoshi_clear_abort()
        library.forget_errors()
        status = lib.llama_decode(self.handle, self._batch.struct[0])
        if status == ABORTED:
            raise DecodeAborted("the forward pass was stopped")
        if status != 0:
            reason = library.recent_errors() or f"llama_decode returned {status}"
            raise DecodeError(f"the forward pass failed: {reason}")

    # -------------------------------------------------------------------- autoregression

    def prefill(self, tokens: NDArray[np.int32]) -> None:
        """Evaluate tokens (n,) behind what there is, in pieces that fit a batch."""
        for start in range(0, len(tokens), AUTOREGRESSIVE_BATCH):
            piece = tokens[start : start + AUTOREGRESSIVE_BATCH]
            self._extend(piece)

    def append(self, token: int) -> None:
        """Evaluate one more token."""
        self._extend(np.array([token], np.int32))

    def _extend(self, tokens: NDArray[np.int32]) -> None:
        if self._filled + len(tokens) > self.length:
            raise DecodeError(f"the context of {self.length} positions is full")
        positions = np.arange(self._filled, self._filled + len(tokens))
        self._batch.clear()
        self._batch.append(tokens, positions, 0, positions == positions[-1])
        self._decode()
        self._filled += len(tokens)

    def last_logits(self):
        """The C row that predicts the next token; for this package alone."""
        return lib.llama_get_logits_ith(self.handle, -1)


class _Batch:
    """A llama_batch whose arrays are numpy's, so that filling it is a handful of assignments."""

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self.tokens = np.zeros(capacity, np.int32)
        self.positions = np.zeros(capacity, np.int32)
        self.outputs = np.zeros(capacity, np.int8)
        self.sequences = np.zeros(capacity, np.int32)
        self._counts = np.ones(capacity, np.int32)
        base = self.sequences.ctypes.data
        self._pointers = base + 4 * np.arange(capacity, dtype=np.uintp)
        self.struct = ffi.new("llama_batch *")
        self.struct.token = ffi.from_buffer("int32_t[]", self.tokens)
        self.struct.pos = ffi.from_buffer("int32_t[]", self.positions)
        self.struct.logits = ffi.from_buffer("int8_t[]", self.outputs)
        self.struct.n_seq_id = ffi.from_buffer("int32_t[]", self._counts)
        self.struct.seq_id = ffi.cast("int32_t **", self._pointers.ctypes.data)

    def clear(self) -> None:
        self.count = self.struct.n_tokens = 0

    def add(self, canvas, window, sequence: int, rows) -> None:
        """The positions `window` of a canvas; those in `rows` give logits."""
        self.append(canvas[window], window, sequence, np.isin(window, rows))

    def append(self, tokens, positions, sequence: int, outputs) -> None:
        part = slice(self.count, self.count + len(tokens))
        self.tokens[part] = tokens
        self.positions[part] = positions
        self.sequences[part] = sequence
        self.outputs[part] = outputs
        self.count += len(tokens)
        self.struct.n_tokens = self.count


def _count_unique(rows: NDArray[np.int64]) -> int:
    # Ascending; with the shift positions 0 and 1 share row 0.
    return len(rows) - int(np.count_nonzero(np.diff(rows) == 0))


def _share_out(
    outputs: NDArray[np.float32], wanted: list[NDArray[np.int64]]
) -> list[NDArray[np.float32]]:
    """Each query's rows; a view unless a row is wanted twice."""
    shares, start = [], 0
    for rows in wanted:
        count = _count_unique(rows)
        share = outputs[start : start + count]
        start += count
        shares.append(share if count == len(rows) else share[np.unique(rows, return_inverse=True)[1]])
    return shares
