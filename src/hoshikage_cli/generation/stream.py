"""The text of an answer whose beginning is final before its end is there, as it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .stops import Stops
from .text import IncrementalText, Pieces


class Stream:
    """Adds what has become final to what was there before; together it is the answer's text."""

    def __init__(self, stops: Stops, piece: Pieces, ends: Callable[[int], bool]) -> None:
        """stops: looks through this answer alone. ends: whether a token ends an answer."""
        self._stops = stops
        self._piece = piece
        self._ends = ends
        self._decoder = IncrementalText()
        self._tokens: list[int] = []
        self._held = ""
        self._told = 0
        self._over = False

    def add(self, tokens: Sequence[int], last: bool) -> str:
        """The text that `tokens` add, now that they are final; last: whether none will follow.

        Held back are bytes of a character that is not whole yet, and what may be the beginning of a
        stop, until that is known.
        """
        if self._over:
            return ""
        text = self._held + self._read(tokens)
        stop = self._stops.find(self._tokens)
        if stop is not None:
            text, self._over = text[: max(0, stop.characters - self._told)], True
        kept = 0 if last or self._over else self._stops.held_back(text)
        self._held = text[len(text) - kept :]
        self._told += len(text) - kept
        return text[: len(text) - kept]

    def _read(self, tokens: Sequence[int]) -> str:
        text = ""
        for token in tokens:
            if self._ends(token):
                self._over = True
                break
            self._tokens.append(token)
            text += self._decoder.push(self._piece(token))
        return text
