"""What sees what where a text stands twice in a sequence: clean, and with masks behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Copies:
    """Where the tokens of a clean and a noisy copy stand, and in which block."""

    positions: list[int]
    block_length: int
    clean: int
    """So many of the tokens are the clean copy; the noisy one follows."""

    def visible(self) -> np.ndarray:
        """What each token sees, bool [tokens, tokens]: its own block of its own copy, and of the
        clean copy the blocks before (BD3LM, arXiv 2503.09573)."""
        block = np.asarray(self.positions) // self.block_length
        clean = np.arange(len(block)) < self.clean
        own = (block[:, None] == block) & (clean[:, None] == clean)
        return own | (clean & (block[:, None] > block))
