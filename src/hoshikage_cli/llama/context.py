"""A context: forward passes over canvases (diffusion) or over a growing text (autoregressive)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import library
from ._native import ffi, lib
from .errors import ClosedError, ContextError, DecodeAborted, DecodeError
from .model import Model

if TYPE_CHECKING:
    from ._native import ContextHandle, Pointer

ABORTED = 2
"""What llama_decode returns when it was told to stop."""

AUTOREGRESSIVE_BATCH = 512

_FLASH_ATTENTION = {
    None: lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    False: lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    True: lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
}


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

    flash_attention: None leaves it to the library, which turns it on. Then a whole pass equals the
    stock library's to the bit, but passes over fewer than 64 positions go through a kernel that
    adds up in half precision (differences around 0.01 in the logits) and is slower for them; False
    makes a pass over part of a canvas agree with the whole one.

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
        flash_attention: bool | None = None,
    ) -> None:
        self.model = model
        self.length = length
        self.max_sequences = sequences
        self.threads = threads or default_threads()
        self.n_vocab = model.n_vocab
        self.mask_token = model.vocabulary.mask_token if mask_token is None else mask_token
        self.shift_logits = model.shift_logits if shift_logits is None else shift_logits
        self._diffusion = model.is_diffusion
        self._abort = ffi.new("hoshi_abort *")
        self._handle: ContextHandle | None = self._open(flash_attention)
        model.children.add(self)
        lib.llama_set_causal_attn(self._handle, not self._diffusion)
        self._memory = lib.llama_get_memory(self._handle)
        self._has_memory = self._memory != ffi.NULL
        self.has_cache = self._diffusion and self._has_memory
        self._batch = _Batch(length * sequences)
        self._filled = 0

    def _open(self, flash_attention: bool | None) -> ContextHandle:
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
        parameters.flash_attn_type = _FLASH_ATTENTION[flash_attention]
        parameters.abort_callback = ffi.addressof(lib, "hoshi_should_abort")
        parameters.abort_callback_data = self._abort
        library.forget_errors()
        model, abort = self.model.handle, self._abort
        handle = lib.llama_init_from_model(model, parameters)
        if handle == ffi.NULL:
            library.raise_what_waits()
            reason = library.recent_errors(1) or "not enough memory?"
            raise ContextError(f"no context of {whole} positions: {reason}")
        # The destructor holds what the context uses, so that the order of collection is right.
        handle = ffi.gc(handle, partial(_free, keep=(model, abort)))
        library.raise_what_waits()
        return handle

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
    def handle(self) -> ContextHandle:
        """The C object; for this package alone."""
        if self._handle is None:
            raise ClosedError("the context is closed")
        return self._handle

    def clear(self) -> None:
        """Forget everything that was evaluated."""
        self._filled = 0
        if self.handle and self._has_memory:
            lib.llama_memory_clear(self._memory, False)

    def abort(self) -> None:
        """From another thread: stop the pass under way, or else the next one, by DecodeAborted."""
        self._abort.requested = True

    # ------------------------------------------------------------------------- diffusion

    def logits(self, queries: Sequence[Any]) -> list[NDArray[np.float32]]:
        """Rows (n, n_vocab) that predict the positions of each query (`decoding.Query`).

        One forward pass for all queries that decode equally many positions. The arrays are views
        of the library's memory where the rows lie together and one pass was enough, valid until
        the next call. `recompute` counts for a canvas that is cached; one that is not, or that was
        of another length, is evaluated whole. Raises DecodeError, ValueError for a query that does
        not fit the context.
        """
        if not self.handle or not queries:
            return []
        parts = [self._part(query) for query in queries]
        _check_sequences(parts)
        groups = self._groups(parts)
        if len(groups) == 1:
            return self._pass(parts)
        rows: dict[int, NDArray[np.float32]] = {}
        for group in groups:
            # The next pass overwrites what this one left.
            found = self._pass([parts[i] for i in group])
            rows.update((i, array.copy()) for i, array in zip(group, found, strict=True))
        return [rows[i] for i in range(len(parts))]

    def _groups(self, parts: list[_Part]) -> list[list[int]]:
        """What goes into one pass. Each sequence has its own cells, and the library splits a batch
        of unequal shares into several, of which the first could not attend to the later ones.
        Without memory there is no such split."""
        by_size: dict[int, list[int]] = {}
        for i, part in enumerate(parts):
            by_size.setdefault(len(part.window) if self._has_memory else 0, []).append(i)
        return list(by_size.values())

    def _pass(self, parts: list[_Part]) -> list[NDArray[np.float32]]:
        self._batch.clear()
        for part in parts:
            if self._has_memory:
                self._forget(part)
            self._batch.add(part)
        self._decode()
        return self._share_out(parts)

    def _part(self, query: Any) -> _Part:
        length = len(query.tokens)
        if not (0 < length <= self.length and 0 <= query.sequence < self.max_sequences):
            raise ValueError(
                f"a canvas of {length} in sequence {query.sequence} does not fit a context of "
                f"{self.max_sequences} sequences of {self.length}"
            )
        rows = self._rows_of(query.positions)
        unique = rows if _ascends(rows) else np.unique(rows)
        whole = query.recompute is None or not self._cached(query.sequence, length)
        window = np.arange(length) if whole else np.union1d(query.recompute, rows)
        outputs = unique if self._has_memory else window
        return _Part(query.tokens, query.sequence, window, whole, outputs, rows)

    def _cached(self, sequence: int, length: int) -> bool:
        """Whether the cells of this sequence are those of a canvas of this length."""
        if not self.has_cache:
            return False
        return lib.llama_memory_seq_pos_max(self._memory, sequence) == length - 1

    def _forget(self, part: _Part) -> None:
        """Remove the cells of positions that are about to be decoded again."""
        if part.whole:
            lib.llama_memory_seq_rm(self._memory, part.sequence, -1, -1)
            return
        for run in np.split(part.window, np.flatnonzero(np.diff(part.window) != 1) + 1):
            if len(run):
                first, last = int(run[0]), int(run[-1])
                lib.llama_memory_seq_rm(self._memory, part.sequence, first, last + 1)

    def _rows_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The output rows that predict `positions`: the only place that knows of the shift."""
        return np.maximum(positions - 1, 0) if self.shift_logits else np.asarray(positions)

    def _share_out(self, parts: list[_Part]) -> list[NDArray[np.float32]]:
        """Each part's rows: they lie in the order of the batch."""
        outputs = self._outputs(sum(len(part.outputs) for part in parts))
        shares, start = [], 0
        for part in parts:
            share = outputs[start : start + len(part.outputs)]
            start += len(part.outputs)
            shares.append(part.pick(share))
        return shares

    def _outputs(self, count: int) -> NDArray[np.float32]:
        if count == 0:
            return np.empty((0, self.n_vocab), np.float32)
        pointer = lib.llama_get_logits(self.handle)
        data = ffi.buffer(pointer, count * self.n_vocab * 4)
        return np.frombuffer(data, np.float32).reshape(count, self.n_vocab)

    def _decode(self) -> None:
        handle = self.handle
        if self._batch.count == 0:
            return
        lib.hoshi_clear_interrupt()
        library.forget_errors()
        status = lib.llama_decode(handle, self._batch.struct[0])
        if status == ABORTED:
            self._abort.requested = False
        library.raise_what_waits()
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
        self._check_room(1)
        self._batch.fill_one(token, self._filled)
        self._decode()
        self._filled += 1

    def _extend(self, tokens: NDArray[np.int32]) -> None:
        self._check_room(len(tokens))
        positions = np.arange(self._filled, self._filled + len(tokens))
        self._batch.clear()
        self._batch.append(tokens, positions, 0, positions == positions[-1])
        self._decode()
        self._filled += len(tokens)

    def _check_room(self, count: int) -> None:
        if self._filled + count > self.length:
            raise DecodeError(f"the context of {self.length} positions is full")

    def last_logits(self) -> Pointer[float]:
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

    def add(self, part: _Part) -> None:
        outputs = np.zeros(len(part.window), np.int8)
        outputs[np.searchsorted(part.window, part.outputs)] = 1
        self.append(part.tokens[part.window], part.window, part.sequence, outputs)

    def fill_one(self, token: int, position: int) -> None:
        """The batch of an autoregressive step, made without arrays."""
        struct = self.struct
        struct.token[0], struct.pos[0] = token, position
        struct.logits[0] = 1
        self.sequences[0] = 0
        self.count = struct.n_tokens = 1

    def append(
        self,
        tokens: NDArray[np.int32],
        positions: NDArray[np.int64],
        sequence: int,
        outputs: NDArray[np.int8] | NDArray[np.bool_],
    ) -> None:
        part = slice(self.count, self.count + len(tokens))
        self.tokens[part] = tokens
        self.positions[part] = positions
        self.sequences[part] = sequence
        self.outputs[part] = outputs
        self.count += len(tokens)
        self.struct.n_tokens = self.count


@dataclass(frozen=True)
class _Part:
    """What one query adds to a batch.

    window: ascending positions to decode. outputs: ascending positions that give a row. rows: for
    each position asked for, the one whose row predicts it; twice the same where the shift makes
    positions 0 and 1 share row 0.
    """

    tokens: NDArray[np.int32]
    sequence: int
    window: NDArray[np.int64]
    whole: bool
    outputs: NDArray[np.int64]
    rows: NDArray[np.int64]

    def pick(self, share: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows asked for, of those that there are; a view where they lie together."""
        places = np.searchsorted(self.outputs, self.rows)
        if len(places) == 0:
            return share[:0]
        if _ascends(places) and places[-1] - places[0] == len(places) - 1:
            return share[places[0] : places[-1] + 1]
        return share[places]


def _ascends(values: NDArray[np.int64]) -> bool:
    return bool((np.diff(values) > 0).all())


def _check_sequences(parts: list[_Part]) -> None:
    if len({part.sequence for part in parts}) < len(parts):
        raise ValueError("two queries of one call cannot be of the same sequence")


def _free(handle: ContextHandle, keep: tuple[object, ...]) -> None:
    lib.llama_free(handle)
