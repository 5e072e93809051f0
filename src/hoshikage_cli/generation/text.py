"""From tokens to text: pieces are bytes, and a character may span several tokens."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    live: bool | None = None
    """Of a text in blocks, whether its block is under way or to come; else None."""


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


class CanvasTexts:
    """`piece_texts` of a canvas that changes. A change costs as much as the text that it changes,
    whatever the length of the canvas."""

    def __init__(self, tokens: Iterable[int], mask_token: int | None, piece: Pieces) -> None:
        self.texts: list[str | None] = []
        """What each position adds; None where it is masked."""
        self._tokens: list[int] = []
        self._begun = [b""]
        """The bytes of an unfinished character in front of each position, and behind the last."""
        self._mask_token = mask_token
        self._piece = piece
        self.put(enumerate(tokens))

    def put(self, placed: Iterable[tuple[int, int]]) -> list[int]:
        """Put tokens at positions, or behind the last: the positions whose texts have changed."""
        places = sorted(placed)
        for place, token in places:
            self._place(place, token)
        return sorted({place for start, _ in places for place in self._read_from(start)})

    def _place(self, place: int, token: int) -> None:
        if place == len(self._tokens):
            self._tokens.append(token)
            self.texts.append(None)
            self._begun.append(b"")
        self._tokens[place] = token

    def _read_from(self, place: int) -> Iterator[int]:
        """Read on until the character that is under way is the same as it was."""
        while place < len(self._tokens):
            text, begun = self._read(place)
            if text != self.texts[place]:
                self.texts[place] = text
                yield place
            place += 1
            if begun == self._begun[place]:
                return
            self._begun[place] = begun

    def _read(self, place: int) -> tuple[str | None, bytes]:
        """The text that a position adds, and the bytes that are left over."""
        if self._tokens[place] == self._mask_token:
            return None, b""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        decoder.setstate((self._begun[place], 0))
        return decoder.decode(self._piece(self._tokens[place])), decoder.getstate()[0]
