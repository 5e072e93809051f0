"""A growing text in a context: a prompt, then one token after the other."""

from __future__ import annotations

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

    def _last_logits(self) -> Pointer[float]:
        """The C row that predicts the next token."""
        return lib.llama_get_logits_ith(self._handle, -1)
