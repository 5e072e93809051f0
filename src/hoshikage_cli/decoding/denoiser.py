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

    For a model that reads in blocks `tokens` is the whole text up to the end of its last block, and
    `positions` are of that block: such a model sees no further.
    """

    tokens: NDArray[np.int32]
    """(L,) the whole canvas."""
    positions: NDArray[np.int64]
    """(n,) ascending, whose logits are wanted; n may be 0."""
    recompute: NDArray[np.int64] | None = None
    """Positions evaluated afresh against cached keys and values; None for all of them."""
    sequence: int = 0
    """Which cached canvas this is; guidance keeps the unconditional twin in another one."""
    origin: int = 0
    """A position where a block begins, for a model that reads in blocks: 0, where the prompt ends,
    or where the block at hand does."""


class Denoiser(Protocol):
    """A model as the loop sees it. Shifted models are no matter of the loop: the row for position p
    is the one that predicts p."""

    mask_token: int
    """What stands at a masked position."""
    has_cache: bool
    """Whether part of a canvas can be evaluated against the kept rest."""
    max_sequences: int
    """How many canvases it holds side by side."""

    def logits(self, queries: Sequence[Query]) -> list[NDArray[np.float32]]:
        """Rows (n, n_vocab) of each query, from one forward pass where that is possible.

        The arrays may be views of the library's memory, valid until the next call.
        """
        ...
