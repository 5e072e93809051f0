"""Text on a grid of terminal cells: wrapping, wide characters, and nothing that moves a cursor."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.cells import cell_len

TAB = 4
JOINER = "\u200d"


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
    """Lines of at most `width` cells from (text, style, active) pieces, broken where they are full.

    Newlines break, tabs go to the next stop, marks of no width stay with what they belong to.
    """
    lines = [Line()]
    for text, style, active in pieces:
        for character in text:
            _place(lines, character, style, width)
        lines[-1].active |= active
    return lines


def _place(lines: list[Line], character: str, style: str, width: int) -> None:
    if character == "\n":
        lines.append(Line())
        return
    text = " " * (TAB - lines[-1].width % TAB) if character == "\t" else printable(character)
    cells = cell_len(text)
    if lines[-1].width + cells > width:
        lines.append(Line())
    lines[-1].add(text, style, cells)


def shorten(lines: list[Line], limit: int, style: str) -> list[Line]:
    """At most `limit` lines (2 or more), the middle left out."""
    if len(lines) <= limit:
        return lines
    gap = Line([("…", style)], 1)
    tail = max(1, (limit - 1) // 2)
    return [*lines[: limit - 1 - tail], gap, *lines[-tail:]]


def window(lines: list[Line], height: int) -> list[Line]:
    """The `height` lines around the last active one; all, where they fit."""
    if len(lines) <= height:
        return lines
    active = [i for i, line in enumerate(lines) if line.active]
    middle = active[-1] if active else 0
    start = min(max(0, middle - height // 2), len(lines) - height)
    return lines[start : start + height]
