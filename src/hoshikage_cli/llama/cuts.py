"""Where a long text can be cut for the tokeniser, so that its tokens stay the same.

The library finds special tokens first, by walking from the beginning to each that it has found: its
time grows with the square of their number. What stands between two of them is tokenised by itself,
so that a text may be cut behind any that the library is sure to find there: one that no other
spelling overlaps, whatever the order in which they are looked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

STRETCH = 1 << 14
"""Bytes that are left in one piece: more than most prompts have."""
SPACE = b" \t\n\v\f\r"
FIRST = 2
"""Bytes of a spelling that are looked for before the whole: many begin alike."""


class Cutter:
    """Knows how special tokens are spelled; strips: whether one takes the space behind it."""

    def __init__(self, strips: Mapping[bytes, bool]) -> None:
        self._strips = {spelling: stripping for spelling, stripping in strips.items() if spelling}
        self._longest = max(map(len, self._strips), default=0)
        self._alike: dict[bytes, list[bytes]] = defaultdict(list)
        for spelling in self._strips:
            self._alike[spelling[:FIRST]].append(spelling)

    def pieces(self, text: bytes) -> Iterator[bytes]:
        """The text in pieces that can be tokenised one by one; mostly it is one."""
        start = searched = 0
        while searched + STRETCH < len(text) and self._strips:
            searched += STRETCH
            if cut := self._cut(text, searched):
                yield text[start:cut]
                start = searched = cut
        yield text[start:]

    def _cut(self, text: bytes, start: int) -> int | None:
        """A place behind `start`, and not too far behind; None: there is none."""
        begin = max(0, start - self._longest)
        window = text[begin : start + STRETCH + self._longest]
        found, taken = list(self._found(window)), 0
        following = [first for first, _ in found[1:]] + [len(window)]
        for (first, end), other in zip(found, following, strict=False):
            free, taken = taken <= first and end <= other, max(taken, end)
            known = end + self._longest <= len(window) or begin + len(window) == len(text)
            if free and known and begin + first >= start and self._parts(window, first, end):
                return begin + end
        return None

    def _found(self, window: bytes) -> Iterator[tuple[int, int]]:
        """Where spellings begin and end, of those that begin at one place the longest."""
        groups = (alike for first, alike in self._alike.items() if first in window)
        there = [spelling for alike in groups for spelling in alike if spelling in window]
        if there:
            longest_first = map(re.escape, sorted(there, key=len, reverse=True))
            for match in re.finditer(b"(?=(" + b"|".join(longest_first) + b"))", window):
                yield match.span(1)

    def _parts(self, window: bytes, first: int, end: int) -> bool:
        """Whether what follows is neither nothing nor the token's, and none of this is space, which
        a neighbour may take."""
        token, behind = window[first:end], window[end : end + 1]
        if not behind or token != token.strip(SPACE):
            return False
        return not (self._strips[token] and behind in SPACE)
