"""How far a batch is, on stderr."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console

from .console import on_stderr
from .figures import duration, speed
from .plain import _line
from .progress import BarLine, say

if TYPE_CHECKING:
    from ..batch.run import BatchProgress

SECONDS_BETWEEN_LINES = 10.0


def counts(progress: BatchProgress) -> str:
    """`412/500 · 3 bad · 120 skipped`."""
    total = "" if progress.total is None else f"/{progress.total}"
    facts = [f"{progress.done}{total}"]
    facts += [f"{progress.bad} bad"] if progress.bad else []
    facts += [f"{progress.skipped} skipped"] if progress.skipped else []
    return " · ".join(facts)


def pace(progress: BatchProgress) -> str:
    return speed(progress.tokens / progress.seconds) if progress.seconds > 0 else ""


def under_way(progress: BatchProgress) -> list[str]:
    """What is done, and from the first answer on how fast, and how long there is still to go."""
    left = progress.seconds_left
    facts = [counts(progress), *([pace(progress)] if progress.tokens else [])]
    return facts if left is None else [*facts, f"{duration(left)} left"]


def summary(progress: BatchProgress) -> str:
    """One line about a batch that is over."""
    facts = [f"{progress.answered} answered", f"{progress.bad} bad", f"{progress.skipped} skipped"]
    return " · ".join([*facts, duration(progress.seconds), pace(progress)])


class BatchDisplay:
    """Shows nothing; every other display of a batch is one that does something."""

    def __enter__(self) -> BatchDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, progress: BatchProgress) -> None:
        """A step was made, or another record is done."""

    def finish(self, progress: BatchProgress) -> None:
        """It is over."""

    def pause(self) -> None:
        """Leave the terminal to others for a while, as `Display.pause`."""

    def redraw(self) -> None:
        """Take it back."""


class BatchLines(BatchDisplay):
    """A whole line now and then, for a stderr that is no terminal."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def update(self, progress: BatchProgress) -> None:
        if time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            _line(" · ".join(under_way(progress)))

    def finish(self, progress: BatchProgress) -> None:
        _line(summary(progress))


class BatchBar(BatchDisplay):
    """A bar in place; gone when it is over, but for a summary."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or on_stderr()
        self._bar = BarLine(self.console)

    def __enter__(self) -> BatchBar:
        self._bar.show("", 0.0)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def pause(self) -> None:
        self._bar.pause()

    def redraw(self) -> None:
        self._bar.redraw()

    def update(self, progress: BatchProgress) -> None:
        share = progress.made / progress.total if progress.total else None
        self._bar.show("", share, under_way(progress))

    def finish(self, progress: BatchProgress) -> None:
        self._bar.stop()
        say(self.console, summary(progress))
