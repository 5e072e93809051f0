"""The canvas: prompt and generated positions, and which of them are still masked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Canvas:
    """Tokens (L,) under way. What was given never changes, and a committed token only where a step
    function or an edit replaces it, or the former takes it back.

    `given` marks what was not masked at the start; masks may also stand inside the prompt.
    """

    def __init__(self, tokens: NDArray[np.int32], prompt_length: int, mask_token: int) -> None:
        self.tokens = np.array(tokens, np.int32)
        self.prompt_length = prompt_length
        self.mask_token = mask_token
        self.given = self.tokens != mask_token

    def __len__(self) -> int:
        return len(self.tokens)

    def masked(self, start: int = 0, end: int | None = None) -> NDArray[np.int64]:
        """Masked positions in [start, end), ascending."""
        return start + np.flatnonzero(self.tokens[start:end] == self.mask_token)

    def commit(self, positions: NDArray[np.int64], tokens: NDArray[np.int32]) -> None:
        """Put tokens at positions."""
        self.tokens[positions] = tokens

    def remask(self, positions: NDArray[np.int64]) -> None:
        """Take the tokens at positions back."""
        self.tokens[positions] = self.mask_token

    def generated(self, start: int, end: int) -> NDArray[np.int64]:
        """Positions in [start, end) that were masked at first, ascending."""
        return start + np.flatnonzero(~self.given[start:end])

    def view(self) -> NDArray[np.int32]:
        """The tokens as they are, read-only; they change with the canvas."""
        tokens = self.tokens.view()
        tokens.flags.writeable = False
        return tokens

    def snapshot(self) -> NDArray[np.int32]:
        """A read-only copy."""
        copy = self.tokens.copy()
        copy.flags.writeable = False
        return copy

    def answered(self, end_tokens: NDArray[np.int32], settled: int) -> bool:
        """Whether an end token was generated and no mask stands before it, both among the first
        `settled` positions, which are final: nothing that still changes is part of the answer."""
        if len(end_tokens) == 0:
            return False
        ends = np.flatnonzero(np.isin(self.tokens[self.prompt_length : settled], end_tokens))
        if len(ends) == 0:
            return False
        return len(self.masked(0, self.prompt_length + int(ends[0]))) == 0
