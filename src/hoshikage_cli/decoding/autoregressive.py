"""The autoregressive loop: one token at a time, behind what there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .step import Commit, Step


class NextToken(Protocol):
    """A model and a sampler as the loop sees them."""

    def prefill(self, tokens: NDArray[np.int32]) -> None:
        """Evaluate the prompt."""

    def sample(self) -> tuple[int, float]:
        """Draw the next token; its probability under the sampler's distribution."""

    def append(self, token: int) -> None:
        """Evaluate one more token."""


def extend(
    source: NextToken, prompt: NDArray[np.int32], max_tokens: int, end_tokens: frozenset[int]
) -> Iterator[Step]:
    """Up to `max_tokens` tokens behind `prompt`, a step each; an end token is the last."""
    began = time.perf_counter()
    canvas = np.empty(len(prompt) + max_tokens, np.int32)
    canvas[: len(prompt)] = prompt
    canvas.flags.writeable = False
    decoded = len(prompt)
    source.prefill(prompt)
    for index in range(max_tokens):
        position = len(prompt) + index
        token, probability = source.sample()
        _put(canvas, position, token)
        yield Step(
            index=index,
            total=max_tokens,
            commits=(Commit(position, token, probability),),
            canvas=canvas[: position + 1],
            masked=0,
            block=None,
            positions_decoded=decoded,
            nfe=1,
            elapsed=time.perf_counter() - began,
            settled=position + 1,
        )
        if token in end_tokens or index == max_tokens - 1:
            return
        source.append(token)
        decoded = 1


def _put(canvas: NDArray[np.int32], position: int, token: int) -> None:
    # Tokens are only ever added, so every step may show a view of one read-only array.
    canvas.flags.writeable = True
    canvas[position] = token
    canvas.flags.writeable = False
