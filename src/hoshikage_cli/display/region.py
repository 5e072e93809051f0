"""The lines of a terminal from the cursor down, painted over in place."""

from __future__ import annotations

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
CLEAR_SCREEN = "\x1b[H\x1b[2J"


class Region:
    """Draws lines where the cursor stood, and clears them away again.

    After a resize nobody knows where the old lines went (some terminals wrap them anew, some cut
    them), so the screen is cleared; most terminals keep what stood above in their scrollback.
    """

    def __init__(self, console: Console, palette: dict[str, Style]) -> None:
        self.console = console
        self._codes = {look: _codes(console, style) for look, style in palette.items()}
        self._height = 0
        self._size = console.size

    def open(self) -> None:
        self._write(HIDE_CURSOR)

    def draw(self, lines: list[Line]) -> None:
        body = "\n".join(self.rendered(line) + ERASE_LINE for line in lines)
        self._write(f"{BEGIN_FRAME}{NO_WRAP}{self._home()}{body}{ERASE_BELOW}{WRAP}{END_FRAME}")
        self._height = len(lines)

    def below(self, lines: list[Line]) -> None:
        """Lines that stay, where the cursor is, once the region is closed."""
        self._write("".join(self.rendered(line) + "\n" for line in lines))

    def close(self) -> None:
        """Clear the region away; the cursor is where it was and to be seen."""
        self._write(f"{self._home()}{ERASE_BELOW}{SHOW_CURSOR}")
        self._height = 0

    @property
    def resized(self) -> bool:
        return self.console.size != self._size

    def _home(self) -> str:
        """What takes the cursor to the first line of the region."""
        size = self.console.size
        if size != self._size:
            self._size = size
            return CLEAR_SCREEN if self._height else ""
        return "\r" + (f"\x1b[{self._height - 1}A" if self._height > 1 else "")

    def rendered(self, line: Line) -> str:
        """A line with the codes of its looks."""
        return "".join(text.join(self._codes[look]) for text, look in line.runs)

    def _write(self, codes: str) -> None:
        # Perhaps nobody watches any more; the answer still goes to stdout.
        with suppress(OSError, ValueError):
            self.console.file.write(codes)
            self.console.file.flush()


def _codes(console: Console, style: Style) -> tuple[str, str]:
    """What is written before and behind text of this style; asked for once, as it takes long."""
    with console.capture() as captured:
        console.print(Text("x", style), end="")
    before, _, behind = captured.get().partition("x")
    return before, behind
