"""A progress bar on a terminal's stderr."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

from ..generation.run import Result, TextEvent
from .console import on_stderr
from .display import Display
from .figures import LoadExpectation, expectation, progress_facts, share_done, summary


class BarLine(Progress):
    """A bar in place, with words beside it; gone when it is stopped."""

    def __init__(self, console: Console, *before: ProgressColumn) -> None:
        super().__init__(
            *before,
            BarColumn(bar_width=24),
            TextColumn("{task.fields[facts]}", markup=False),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._paused = False

    def pause(self) -> None:
        """Take it away for a while, if it is there."""
        self._paused = self._paused or self.live.is_started
        self.stop()

    def redraw(self) -> None:
        """Put it back, if it was taken away."""
        if self._paused:
            self._paused = False
            self.start()


class Bar(Display):
    """Loading, then the steps; gone when the run is over, but for a summary."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or on_stderr()
        self._progress = BarLine(self.console, TextColumn("{task.description}", style="dim"))
        self._task = self._progress.add_task("loading", total=1.0, facts="")
        self._load = LoadExpectation()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def pause(self) -> None:
        self._progress.pause()

    def redraw(self) -> None:
        self._progress.redraw()

    def loading(self, share: float) -> None:
        if line := self._load.line(share, time.monotonic()):
            say(self.console, line)
        self._progress.update(self._task, completed=share)

    def event(self, event: TextEvent) -> None:
        if line := expectation(event):
            say(self.console, line)
        self._progress.update(
            self._task,
            description="unmasking" if event.run.has_masks else "writing",
            completed=share_done(event),
            facts=" · ".join(progress_facts(event)),
        )

    def scoring(self, share: float) -> None:
        self._progress.update(self._task, description="scoring", completed=share)

    def finish(self, result: Result) -> None:
        self._progress.stop()
        say(self.console, summary(result))


class AnswerBar(Bar):
    """Loading, then how many of several answers are there."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        super().__init__(console)
        self._total = total

    def answered(self, count: int) -> None:
        self._progress.update(
            self._task,
            description="answering",
            completed=count / self._total,
            facts=f"{count}/{self._total} answers",
        )

    def close(self) -> None:
        self._progress.stop()


class Loading(Display):
    """A bar while a model is loaded, if that takes more than a moment; nothing else. words: what it
    says is done."""

    PATIENCE = 0.5
    """Seconds in which nothing is shown."""

    def __init__(self, console: Console | None = None, words: str = "loading the model") -> None:
        self.console = console or on_stderr()
        self._bar = BarLine(self.console, TextColumn("{task.description}", style="dim"))
        self._task = self._bar.add_task(words, total=1.0, facts="")
        self._shown_from: float | None = None

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def loading(self, share: float) -> None:
        now = time.monotonic()
        self._shown_from = self._shown_from or now + self.PATIENCE
        if share >= 1:
            self._bar.stop()
        elif now >= self._shown_from:
            self._bar.start()
            self._bar.update(self._task, completed=share, facts=f"{share:.0%}")

    def pause(self) -> None:
        self._bar.pause()

    def redraw(self) -> None:
        self._bar.redraw()


class Summary(Loading):
    """A last line, for text that streams to the same terminal."""

    def finish(self, result: Result) -> None:
        say(self.console, summary(result))


def say(console: Console, line: str) -> None:
    console.print(line, style="dim", markup=False, soft_wrap=True)
