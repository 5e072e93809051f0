"""A growing text in a context: a prompt, then one token after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._native import lib
from .context import Context
from .errors import DecodeError
from .model import Model

if TYPE_CHECKING:
    from ._native import Pointer


BATCH = 512
"""Tokens of a prompt evaluated in one pass."""
ROWS = 128
"""The same where each gives a row of logits, which are large."""


class TextContext(Context):
    """Room for one text of up to `length` tokens, each of which sees those before it."""

    def __init__(self, model: Model, *, length: int, threads: int | None = None) -> None:
        super().__init__(
            model,
            length=length,
            sequences=1,
            batch=min(length, BATCH),
            causal=True,
            threads=threads,
        )
        self._filled = 0

    def clear(self) -> None:
        super().clear()
        self._filled = 0

    def prefill(self, tokens: NDArray[np.int32]) -> None:
        """Evaluate tokens (n,) behind what there is, in pieces that fit a batch."""
        for start in range(0, len(tokens), BATCH):
            self._extend(tokens[start : start + BATCH])

    def rows(self, tokens: NDArray[np.int32]) -> Iterator[NDArray[np.float32]]:
        """Evaluate tokens (n,) behind what there is; yields rows (m, n_vocab), batch by batch, each
        predicting what comes behind its token. They are views of the library's memory, valid until
        the next are asked for."""
        for start in range(0, len(tokens), ROWS):
            piece = tokens[start : start + ROWS]
            self._extend(piece, all_rows=True)
            yield self._outputs(len(piece))

    def rewind(self, length: int) -> bool:
        """Forget what stands behind the first `length` tokens; False where the model's memory does
        not allow it, and nothing is changed."""
        if length == self._filled:
            return True
        if length > self._filled or not self._has_memory:
            return False
        forgotten = bool(lib.llama_memory_seq_rm(self._memory, 0, length, -1))
        self._filled = length if forgotten else self._filled
        return forgotten

    def append(self, token: int) -> None:
        """Evaluate one more token."""
        self._check_room(1)
        self._batch.fill_one(token, self._filled)
        self._decode()
        self._filled += 1

    def logits(self) -> NDArray[np.float32]:
        """The row (1, n_vocab) that predicts the next token: a view, valid until more is added."""
        return self._outputs(1)

    def _extend(self, tokens: NDArray[np.int32], all_rows: bool = False) -> None:
        self._check_room(len(tokens))
        positions = np.arange(self._filled, self._filled + len(tokens))
        self._batch.clear()
        self._batch.append(tokens, positions, 0, all_rows or positions == positions[-1])
        self._decode()
        self._filled += len(tokens)

    def _check_room(self, count: int) -> None:
        if self._filled + count > self.length:
            raise DecodeError(f"the context of {self.length} positions is full")

    def _last_logits(self) -> Pointer[float]:
        """The C row that predicts the next token."""
        return lib.llama_get_logits_ith(self._handle, -1)
