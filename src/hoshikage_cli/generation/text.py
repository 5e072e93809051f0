"""From tokens to text: pieces are bytes, and a character may span several tokens."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MASK_CELL = "▁"

Pieces = Callable[[int], bytes]


@dataclass(frozen=True)
class Cell:
    """One position of the canvas as a display shows it.

    state: `prompt`, `masked`, `fresh` (committed in this step), `settled`, or `end` (an
    end-of-text token and what follows it); of a run that revises, `replaced` (committed in this
    step over another token) and `remasked` (masked again in this step).
    """

    position: int
    token: int
    text: str
    state: str
    confidence: float | None = None
    step: int | None = None


class IncrementalText:
    """Decodes token pieces to text as they come, holding back an unfinished character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, piece: bytes) -> str:
        return self._decoder.decode(piece)


def until_end(tokens: Sequence[int], end_tokens: frozenset[int]) -> list[int]:
    """The tokens before the first end token."""
    answer: list[int] = []
    for token in tokens:
        if token in end_tokens:
            break
        answer.append(int(token))
    return answer


def decode(tokens: Sequence[int], piece: Pieces) -> str:
    """Text of `tokens`; the bytes of a character that never came whole are left out."""
    return IncrementalText().push(b"".join(piece(token) for token in tokens))


def piece_texts(tokens: Sequence[int], mask_token: int | None, piece: Pieces) -> list[str]:
    """The text that each position adds; a character is shown where its last byte stands."""
    texts: list[str] = []
    run = IncrementalText()
    for token in tokens:
        if token == mask_token:
            texts.append(MASK_CELL)
            run = IncrementalText()
        else:
            texts.append(run.push(piece(token)))
    return texts
