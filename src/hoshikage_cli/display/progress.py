"""A progress bar on a terminal's stderr."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console

from ..generation.run import Result, TextEvent
from .console import on_stderr
from .display import Display
from .figures import LoadExpectation, expectation, progress_facts, share_done, summary
from .frame import GAP, bar_line
from .layout import Line, pack
from .painter import Painter

LONGEST, SHORTEST = 24, 8
"""Cells of a bar."""


class BarLine:
    """A bar in place, with words beside it; gone when it is stopped. It is one line, so that it can
    be cleared away whatever happens to the terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._painter = Painter(console)
        self.start, self.stop = self._painter.start, self._painter.stop
        self.pause, self.redraw = self._painter.pause, self._painter.redraw

    def show(self, before: str, share: float | None, facts: Sequence[str] = ()) -> None:
        """share: None where the end is not known; there is no bar then."""
        self._painter.show(lambda: [bar_with_words(before, share, facts, self._console.width - 1)])

    def say(self, line: str) -> None:
        """A line that stays."""
        self._painter.say(lambda: say(self._console, line))


def bar_with_words(before: str, share: float | None, facts: Sequence[str], width: int) -> Line:
    """A bar between words, in one line: of the facts the first, as many as there is room for."""
    room = max(width, 2)
    left = room - cell_len(before) - 2
    beside = pack([[(fact, "")] for fact in facts], max(left - SHORTEST, 2), GAP, "dim")[0]
    cells = min(max(left - beside.width, SHORTEST), LONGEST)
    bar = [] if share is None else bar_line(share, cells).runs
    items = ([(before, "dim")] if before else [], bar, beside.runs)
    return pack(filter(None, items), room, " ", "")[0]


class Bar(Display):
    """Loading, then the steps; gone when the run is over, but for a summary."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or on_stderr()
        self._bar = BarLine(self.console)
        self._load = LoadExpectation()

    def __enter__(self) -> Bar:
        self._bar.show("loading", 0.0)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def pause(self) -> None:
        self._bar.pause()

    def redraw(self) -> None:
        self._bar.redraw()

    def loading(self, share: float) -> None:
        if line := self._load.line(share, time.monotonic()):
            self._bar.say(line)
        self._bar.show("loading", share)

    def event(self, event: TextEvent) -> None:
        if line := expectation(event):
            self._bar.say(line)
        doing = "unmasking" if event.run.has_masks else "writing"
        self._bar.show(doing, share_done(event), progress_facts(event))

    def scoring(self, share: float) -> None:
        self._bar.show("scoring", share)

    def finish(self, result: Result) -> None:
        self._bar.stop()
        say(self.console, summary(result))


class AnswerBar(Bar):
    """Loading, then how many of several answers are there."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        super().__init__(console)
        self._total = total

    def answered(self, count: int) -> None:
        self._bar.show("answering", count / self._total, [f"{count}/{self._total} answers"])

    def close(self) -> None:
        self._bar.stop()


class Loading(Display):
    """A bar while a model is loaded, if that takes more than a moment; nothing else. words: what it
    says is done."""

    PATIENCE = 0.5
    """Seconds in which nothing is shown."""

    def __init__(self, console: Console | None = None, words: str = "loading the model") -> None:
        self.console = console or on_stderr()
        self._bar = BarLine(self.console)
        self._words = words
        self._shown_from: float | None = None

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def pause(self) -> None:
        self._bar.pause()

    def redraw(self) -> None:
        self._bar.redraw()

    def loading(self, share: float) -> None:
        now = time.monotonic()
        self._shown_from = self._shown_from or now + self.PATIENCE
        if share >= 1:
            self._bar.stop()
        elif now >= self._shown_from:
            self._bar.show(self._words, share, [f"{share:.0%}"])
            self._bar.start()


class Summary(Loading):
    """A last line, for text that streams to the same terminal."""

    def finish(self, result: Result) -> None:
        say(self.console, summary(result))


def say(console: Console, line: str) -> None:
    console.print(line, style="dim", markup=False, soft_wrap=True)
