"""What the diffusion loop asks of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Query:
    """One canvas to be evaluated in a forward pass, and what is wanted of it.

    tokens: (L,) the whole canvas. positions: (n,) ascending, whose logits are wanted; n may be 0.
    recompute: positions evaluated afresh against cached keys and values, None for all of them.
    sequence: which cached canvas this is; guidance keeps the unconditional twin in another one.
    origin: a position where a block begins, for a model that reads in blocks: 0, or where the
    prompt ends. Such a model sees the text up to the end of its last block, and no further: tokens
    is then the whole text up to there, and positions are of that block.
    """

    tokens: NDArray[np.int32]
    positions: NDArray[np.int64]
    recompute: NDArray[np.int64] | None = None
    sequence: int = 0
    origin: int = 0


class Denoiser(Protocol):
    """A model as the loop sees it. Shifted models are no matter of the loop: the row for position p
    is the one that predicts p."""

    n_vocab: int
    mask_token: int
    shift_logits: bool
    has_cache: bool
    max_sequences: int

    def logits(self, queries: Sequence[Query]) -> list[NDArray[np.float32]]:
        """Rows (n, n_vocab) of each query, from one forward pass where that is possible.

        The arrays may be views of the library's memory, valid until the next call.
        """
        ...
