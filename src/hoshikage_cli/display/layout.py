"""Text on a grid of terminal cells: wrapping, wide characters, and nothing that moves a cursor."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from rich.cells import cell_len

from ..generation.text import MASK_CELL

TAB = 4
JOINER = "\u200d"
EMOJI_STYLE = "\ufe0f"
ATOMS = re.compile(r"\n|\t| +|[^ \n\t]+")


@dataclass
class Line:
    """One row of the screen: runs of text with a style, and whether the newest token is in it."""

    runs: list[tuple[str, str]] = field(default_factory=list)
    width: int = 0
    active: bool = False

    def add(self, text: str, style: str, width: int) -> None:
        if self.runs and self.runs[-1][1] == style:
            self.runs[-1] = (self.runs[-1][0] + text, style)
        else:
            self.runs.append((text, style))
        self.width += width


def printable(character: str) -> str:
    """The character, or a dot for one that would steer the terminal, or nothing for one that
    would only steer the direction of writing."""
    category = unicodedata.category(character)
    if category == "Cf" and character != JOINER:
        return ""
    return "·" if category in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else character


def wrap(pieces: Iterable[tuple[str, str, bool]], width: int) -> list[Line]:
    """Lines of at most `width` cells from (text, style, active) pieces.

    Lines are broken behind spaces and around wide characters, else where they are full; newlines
    break, tabs go to the next stop, marks of no width stay with what they belong to.
    """
    wrapper = Wrapper(width)
    for text, style, active in pieces:
        wrapper.feed(text, style, active)
    return [line_of(row) for row in wrapper.rows]


Atom = tuple[str, str, int, bool]
"""Text that is not broken, its style, its cells, and whether it is active."""


class Wrapper:
    """Fills rows with atoms; a break may come behind `breakable`."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[Atom]] = [[]]
        self.used = 0
        self.breakable = 0

    def feed(self, text: str, style: str, active: bool) -> None:
        """Text, broken where it has to be."""
        for atom in ATOMS.findall(text):
            self._add(atom, style, active)

    def put_whole(self, text: str, style: str, cells: int, active: bool) -> None:
        """What fits, is not broken, and may have a break on either side."""
        self._put(text, style, cells, active)
        self.breakable = len(self.rows[-1])

    def _add(self, atom: str, style: str, active: bool) -> None:
        if atom == "\n":
            self.next_row()
        elif atom == "\t":
            self._add_space(TAB - self.used % TAB, style, active)
        elif atom[0] == " ":
            self._add_space(len(atom), style, active)
        elif atom.isascii() and atom.isprintable() and self.used + len(atom) <= self.width:
            self._put(atom, style, len(atom), active)
        else:
            for character in atom:
                text, cells = _measured(character)
                self._add_character(text, cells, style, active)

    def _add_space(self, cells: int, style: str, active: bool) -> None:
        # Spaces at a line's end have no need of room.
        cells = min(cells, self.width - self.used)
        self._put(" " * cells, style, cells, active)
        self.breakable = len(self.rows[-1])

    def _add_character(self, text: str, cells: int, style: str, active: bool) -> None:
        alone = cells > 1 or text == MASK_CELL
        if alone:
            self.breakable = len(self.rows[-1])
        if self.used + cells > self.width:
            self.next_row(self.breakable)
        if self.used + cells > self.width:
            self.next_row()
        self._put(text, style, cells, active)
        if alone:
            self.breakable = len(self.rows[-1])

    def next_row(self, kept: int = 0) -> None:
        """Begin a row, with what stands behind the first `kept` atoms of the one before."""
        row = self.rows[-1]
        tail = row[kept:] if kept else []
        self.rows[-1] = row[:kept] if kept else row
        self.rows.append(tail)
        self.used = sum(cells for _, _, cells, _ in tail)
        self.breakable = 0

    def _put(self, text: str, style: str, cells: int, active: bool) -> None:
        self.rows[-1].append((text, style, cells, active))
        self.used += cells


def line_of(row: Iterable[Atom]) -> Line:
    line = Line()
    for text, style, cells, active in row:
        line.add(text, style, cells)
        line.active |= active
    return line


@lru_cache(maxsize=4096)
def _measured(character: str) -> tuple[str, int]:
    """What is shown for a character, and the most cells that a terminal gives it."""
    # Asking for the emoji's looks makes some terminals widen the sign in front.
    text = printable(character)
    return text, 1 if character == EMOJI_STYLE else cell_len(text)


def pack(items: Iterable[list[tuple[str, str]]], width: int, gap: str, style: str) -> list[Line]:
    """Lines of whole items, each a list of (text, style), as many to a line as there is room."""
    lines = [Line()]
    for item in items:
        (made,) = wrap([(text, look, False) for text, look in item], width)[:1]
        if lines[-1].runs and lines[-1].width + len(gap) + made.width > width:
            lines.append(Line())
        elif lines[-1].runs:
            lines[-1].add(gap, style, len(gap))
        lines[-1].runs += made.runs
        lines[-1].width += made.width
    return lines


def shorten(lines: list[Line], limit: int, style: str) -> list[Line]:
    """At most `limit` lines (2 or more), the middle left out."""
    if len(lines) <= limit:
        return lines
    gap = Line([("…", style)], 1)
    tail = max(1, (limit - 1) // 2)
    return [*lines[: limit - 1 - tail], gap, *lines[-tail:]]


class Window:
    """Which rows of a text that is taller than the screen are shown. It stays as long as something
    active is in sight; it moves on to what is near, and goes to what is far away only if nothing
    was in sight for a while, so that one can read."""

    PATIENCE = 8
    """How often nothing may be in sight."""

    def __init__(self) -> None:
        self.top = 0
        self.above = 0
        """How many lines there are above those that were shown last."""
        self.below = 0
        self._missed = self.PATIENCE

    def rows(self, lines: list[Line], height: int) -> list[Line]:
        """At most `height` of the lines."""
        active = [number for number, line in enumerate(lines) if line.active]
        if active:
            self._follow(active, height)
        self.top = max(0, min(self.top, len(lines) - height))
        shown = lines[self.top : self.top + height]
        self.above, self.below = self.top, len(lines) - self.top - len(shown)
        return shown

    def _follow(self, active: list[int], height: int) -> None:
        bottom, margin = self.top + height, height // 3
        if any(self.top <= number < bottom for number in active):
            self._missed = 0
            return
        self._missed += 1
        nearest = min(active, key=lambda number: max(self.top - number, number - bottom))
        near = self.top - height <= nearest < bottom + height
        if near or self._missed > self.PATIENCE:
            self._missed = 0
            above = nearest < self.top or not near
            self.top = nearest - (margin if above else height - 1 - margin)
