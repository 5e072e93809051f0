"""Texts that end an answer, wherever in its tokens they begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .text import IncrementalText, Pieces


@dataclass(frozen=True)
class Stop:
    """Where an answer ends because one of the texts came."""

    tokens: int
    """How many of its tokens have a part in what stands before that text."""
    characters: int
    """How long that is."""


class Stops:
    """Looks for the first of some texts in an answer that grows at its end."""

    def __init__(self, texts: Sequence[str], piece: Pieces) -> None:
        self._texts = tuple(texts)
        self._longest = max(map(len, self._texts), default=0)
        self._piece = piece
        self._tokens: list[int] = []
        self._starts: list[int] = []
        self._text = ""
        self._decoder = IncrementalText()
        self._found: Stop | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._texts)

    def find(self, tokens: Sequence[int]) -> Stop | None:
        """The first stop in the settled beginning of an answer. What was looked through before is
        not looked through again."""
        if not self._texts:
            return None
        known = len(self._tokens)
        if list(tokens[:known]) != self._tokens:
            self._begin()
            known = 0
        start = max(0, len(self._text) - self._longest)
        for token in tokens[known:]:
            self._starts.append(len(self._text))
            self._text += self._decoder.push(self._piece(int(token)))
        self._tokens = [int(token) for token in tokens]
        self._found = self._found or self._first(start)
        return self._found

    def reached(self, tokens: Sequence[int]) -> bool:
        return self.find(tokens) is not None

    def held_back(self, text: str) -> int:
        """How many of the last characters of a text may be the beginning of a stop."""
        lengths = range(min(self._longest - 1, len(text)), 0, -1)
        return next((n for n in lengths if self._begins(text[-n:])), 0)

    def _begin(self) -> None:
        """Forget what was looked through: the answer is another one."""
        self._tokens, self._starts, self._text = [], [], ""
        self._decoder, self._found = IncrementalText(), None

    def _first(self, start: int) -> Stop | None:
        places = [place for text in self._texts if (place := self._text.find(text, start)) >= 0]
        if not places:
            return None
        place = min(places)
        return Stop(sum(begins < place for begins in self._starts), place)

    def _begins(self, text: str) -> bool:
        return any(stop.startswith(text) for stop in self._texts)
