"""The lines of a terminal from the cursor down, painted over in place."""

from __future__ import annotations

import os
from contextlib import suppress

from rich.console import Console
from rich.style import Style
from rich.text import Text

from .layout import Line

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
# Terminals that know synchronised updates show a frame when it is whole; others pass them over.
BEGIN_FRAME, END_FRAME = "\x1b[?2026h", "\x1b[?2026l"
# A character wider than we believe must not push what follows into the next line.
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
ERASE_LINE, ERASE_BELOW = "\x1b[K", "\x1b[J"
# A screen that is erased from its first cell on goes to tmux's scrollback, if there is anything.
ERASE_ALL = ERASE_LINE + ERASE_BELOW
HOME = "\x1b[H"
# A screen of its own, which leaves the other one and its scrollback as they were.
OWN_SCREEN, USUAL_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
LARGE = 0.75
"""The share of a screen from which on a region had better have one of its own."""


class Region:
    """Draws lines where the cursor stood, or on a screen of its own, and clears them away again.

    After a resize nobody knows for sure where old lines went: terminals wrap them anew or cut them,
    some before they say so, and what was scrolled away is out of reach. A screen of its own is the
    one place where nothing is left behind. A region that is drawn below other text goes there when
    it had to be cleared away after a resize, or is so large that part of it would be scrolled away.
    """

    def __init__(self, console: Console, palette: dict[str, Style]) -> None:
        self.console = console
        self.alone = False
        """Whether what is drawn from now on is to have a screen of its own."""
        self._codes = {look: _codes(console, style) for look, style in palette.items()}
        self._widths: list[int] = []
        """Cells of the lines that are there."""
        self._size = console.size
        self._own_screen = False

    def open(self) -> None:
        self._write(HIDE_CURSOR)

    def draw(self, lines: list[Line]) -> None:
        begin = self._begin(len(lines))
        body = "\n".join(self.rendered(line) + ERASE_LINE for line in lines)
        # The cursor waits in the first column: there is room for ^Z or ^C, which terminals show,
        # and where lines are wrapped anew it stays with the beginning of the last one.
        self._write(f"{BEGIN_FRAME}{NO_WRAP}{begin}{body}{ERASE_BELOW}\r{WRAP}{END_FRAME}")
        self._widths = [line.width for line in lines]

    def below(self, lines: list[Line]) -> None:
        """Lines that stay, where the cursor is, once the region is closed."""
        self._write("".join(self.rendered(line) + "\n" for line in lines))

    def close(self) -> None:
        """Clear the region away; the cursor is where it was and to be seen."""
        # tmux takes some of a screen that has grown into the scrollback: leave nothing on it.
        leave = USUAL_SCREEN if self._own_screen else ""
        self._write(self._home() + ERASE_ALL + leave + SHOW_CURSOR)
        self._widths, self._own_screen, self._size = [], False, self.console.size

    @property
    def resized(self) -> bool:
        return self.console.size != self._size

    def _begin(self, height: int) -> str:
        """What takes the cursor to where the region is to be drawn."""
        # Above the last line nobody knows for sure.
        begin, torn = self._home(), self.resized and len(self._widths) > 1
        if not self._own_screen and (self.alone or torn or height > LARGE * self.console.height):
            begin += ERASE_ALL + OWN_SCREEN + HOME
            self._own_screen = True
        self._size = self.console.size
        return begin

    def _home(self) -> str:
        """What takes the cursor to the first line of the region, wherever the terminal put it."""
        if self._own_screen:
            return HOME
        width, above = self.console.width, self._widths[:-1]
        rows = len(above)
        if self.resized and not cuts_lines():
            rows = sum(-(-max(cells, 1) // width) for cells in above)
        return "\r" + (f"\x1b[{rows}A" if rows else "")

    def rendered(self, line: Line) -> str:
        """A line with the codes of its looks."""
        return "".join(text.join(self._codes[look]) for text, look in line.runs)

    def _write(self, codes: str) -> None:
        # Perhaps nobody watches any more; the answer still goes to stdout.
        with suppress(OSError, ValueError):
            self.console.file.write(codes)
            self.console.file.flush()


def cuts_lines() -> bool:
    """Whether this terminal cuts lines that have become too long; nearly all wrap them anew."""
    return "XTERM_VERSION" in os.environ or "STY" in os.environ


def _codes(console: Console, style: Style) -> tuple[str, str]:
    """What is written before and behind text of this style; asked for once, as it takes long."""
    with console.capture() as captured:
        console.print(Text("x", style), end="")
    before, _, behind = captured.get().partition("x")
    return before, behind
