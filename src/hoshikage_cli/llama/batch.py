"""A batch of tokens for one forward pass, in the library's own structure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._native import ffi


class Batch:
    """A llama_batch whose arrays are numpy's, so that filling it is a handful of assignments.

    The C structure keeps bare addresses of these arrays: they are attributes, so that they live as
    long as it does, and are never replaced or grown.
    """

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        self._sequences = np.zeros(capacity, np.int32)
        self._counts = np.ones(capacity, np.int32)
        # The library wants a pointer to each token's list of sequences; each list has one entry.
        base = self._sequences.ctypes.data
        self._pointers = base + 4 * np.arange(capacity, dtype=np.uintp)
        self.struct = ffi.new("llama_batch *")
        self.struct.token = ffi.from_buffer("int32_t[]", self._tokens)
        self.struct.pos = ffi.from_buffer("int32_t[]", self._positions)
        self.struct.logits = ffi.from_buffer("int8_t[]", self._outputs)
        self.struct.n_seq_id = ffi.from_buffer("int32_t[]", self._counts)
        self.struct.seq_id = ffi.cast("int32_t **", self._pointers.ctypes.data)

    def clear(self) -> None:
        self.count = self.struct.n_tokens = 0

    def append(
        self,
        tokens: NDArray[np.int32],
        positions: NDArray[np.int64],
        sequence: int,
        outputs: ArrayLike,
    ) -> None:
        """Add tokens (n,) at positions (n,) of a sequence; outputs (n,): which give a row."""
        part = slice(self.count, self.count + len(tokens))
        self._tokens[part] = tokens
        self._positions[part] = positions
        self._sequences[part] = sequence
        self._outputs[part] = outputs
        self.count += len(tokens)
        self.struct.n_tokens = self.count

    def fill_one(self, token: int, position: int) -> None:
        """One token of sequence 0 that gives a row, without arrays made for it."""
        struct = self.struct
        struct.token[0], struct.pos[0] = token, position
        struct.logits[0] = 1
        self._sequences[0] = 0
        self.count = struct.n_tokens = 1
