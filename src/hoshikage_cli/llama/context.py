"""A context: memory for forward passes, and the passes themselves.

What is common to every kind of model. `CanvasContext` evaluates canvases (canvases.py),
`TextContext` a growing text (text_context.py).
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import library
from ._native import ffi, lib
from .batch import Batch
from .errors import ClosedError, ContextError, DecodeAborted, DecodeError
from .memory import need_of, refuse_too_large, refuse_too_many
from .model import Model

if TYPE_CHECKING:
    from ._native import ContextHandle


ABORTED = 2
"""What llama_decode returns when it was told to stop."""

CELL_TYPES = {"F16": lib.GGML_TYPE_F16, "F32": lib.GGML_TYPE_F32}
"""What a cached key or value may be stored as."""

_FLASH_ATTENTION = {
    None: lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    False: lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    True: lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
}

OneContext = TypeVar("OneContext", bound="Context")


def default_threads() -> int:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Context:
    """Room for `sequences` texts of `length` positions each, evaluated `batch` at a time.

    A context serves one run at a time, or several side by side in sequences of their own
    (`engines.contexts` sees to it). At most `outputs` positions of a pass give a row; 0: all
    may. `cell_type` is a key of CELL_TYPES. Raises ContextError when the library refuses, mostly
    for want of memory.
    """

    grows: ClassVar[bool] = False
    """Whether it makes room for longer texts by itself."""

    def __init__(
        self,
        model: Model,
        *,
        length: int,
        sequences: int,
        batch: int,
        causal: bool,
        threads: int | None = None,
        flash_attention: bool | None = None,
        outputs: int = 0,
        cell_type: str = "F16",
    ) -> None:
        self.model = model
        self.max_sequences = sequences
        self.threads = threads or default_threads()
        self.n_vocab = model.n_vocab
        refuse_too_many(self.threads, default_threads())
        need = need_of(model, length, sequences, batch, rows=0)
        refuse_too_large(need, length * sequences)
        self._abort = ffi.new("hoshi_abort *")
        self._causal = causal
        self._shape = (batch, flash_attention, outputs, cell_type)
        self._opened: ContextHandle | None = None
        self._reopen(length)
        model.children.add(self)
        # The call is of our last patch, which comes with those before it. 0 changes nothing.
        self._patched = lib.hoshi_set_attn_block(self._handle, 0)
        self._batch = Batch(batch)

    def _reopen(self, length: int) -> None:
        """Open with room for texts of this length, in place of what there is. Raises ContextError,
        and then nothing has changed."""
        opened = self._open(length, *self._shape)
        self.close()
        self._opened, self.length = opened, length
        lib.llama_set_causal_attn(opened, self._causal)
        self._memory = lib.llama_get_memory(opened)
        self._has_memory = self._memory != ffi.NULL

    def _open(
        self,
        length: int,
        batch: int,
        flash_attention: bool | None,
        outputs: int,
        cell_type: str,
    ) -> ContextHandle:
        whole = length * self.max_sequences
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = whole
        parameters.n_batch = parameters.n_ubatch = batch
        parameters.n_seq_max = self.max_sequences
        parameters.n_outputs_max = outputs
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.no_perf = True
        parameters.kv_unified = False
        # A window's cells could be overwritten by a block that is evaluated again and again.
        parameters.swa_full = True
        parameters.type_k = parameters.type_v = CELL_TYPES[cell_type]
        parameters.flash_attn_type = _FLASH_ATTENTION[flash_attention]
        parameters.abort_callback = ffi.addressof(lib, "hoshi_should_abort")
        parameters.abort_callback_data = self._abort
        model, abort = self.model._handle, self._abort
        with library.calling():
            handle = lib.llama_init_from_model(model, parameters)
            reason = library.recent_errors(1) or "not enough memory?"
            if handle != ffi.NULL:
                # The destructor holds what the context uses: collected in the right order.
                handle = ffi.gc(handle, partial(_free, keep=(model, abort)))
        if handle == ffi.NULL:
            raise ContextError(f"no context of {whole} positions: {reason}")
        return handle

    def __enter__(self: OneContext) -> OneContext:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the context; logits handed out are gone with it."""
        # Not while a pass is under way in another thread.
        with library.calling():
            if self._opened is not None:
                ffi.release(self._opened)
                self._opened = None

    @property
    def closed(self) -> bool:
        return self._opened is None

    @property
    def _handle(self) -> ContextHandle:
        if self._opened is None:
            raise ClosedError("the context is closed")
        return self._opened

    def ready(self, length: int) -> None:
        """Another run begins, of texts of up to `length`: it is to see nothing of the last one."""
        self.clear()

    def clear(self) -> None:
        """Forget everything that was evaluated."""
        if self._handle and self._has_memory:
            lib.llama_memory_clear(self._memory, False)

    def abort(self) -> None:
        """From another thread: stop the pass under way, or else the next one, by DecodeAborted."""
        self._abort.requested = True

    def _decode(self) -> None:
        """One forward pass over the batch. Raises DecodeError, or DecodeAborted after an abort or
        an interrupt."""
        if self._batch.count == 0:
            return
        handle = self._handle
        with library.calling():
            status = lib.llama_decode(handle, self._batch.struct[0])
            # One that came during the last node leaves that unfinished, and the status good.
            aborted = status == ABORTED or lib.hoshi_should_abort(self._abort)
            self._abort.requested = False
            reason = library.recent_errors() or f"llama_decode returned {status}"
        if aborted:
            raise DecodeAborted("the forward pass was stopped")
        if status != 0:
            raise DecodeError(f"the forward pass failed: {reason}")

    def _outputs(self, count: int) -> NDArray[np.float32]:
        """The rows that the last pass left, (count, n_vocab): a view of the library's memory."""
        if count == 0:
            return np.empty((0, self.n_vocab), np.float32)
        pointer = lib.llama_get_logits(self._handle)
        data = ffi.buffer(pointer, count * self.n_vocab * 4)
        return np.frombuffer(data, np.float32).reshape(count, self.n_vocab)


def _free(handle: ContextHandle, keep: tuple[object, ...]) -> None:
    lib.llama_free(handle)
