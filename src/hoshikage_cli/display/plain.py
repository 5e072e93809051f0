"""For a stderr that is no terminal: whole lines, no control characters."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from ..generation.run import Result, TextEvent
from .display import Display
from .figures import LoadExpectation, expectation, step_facts, summary
from .layout import printable


class PlainLines(Display):
    """One line a step: the step, how much is masked, what was taken back, the text so far.

    figures: whether those of the run stand below.
    """

    def __init__(self, figures: bool = True) -> None:
        self._figures = figures

    def event(self, event: TextEvent) -> None:
        _line(f"{', '.join(step_facts(event))}: {one_line(event.text)}")

    def finish(self, result: Result) -> None:
        if self._figures:
            _line(summary(result))


class Expectation(Display):
    """One line about a model, and one about a run, that will take a while; nothing else."""

    def __init__(self) -> None:
        self._load = LoadExpectation()

    def loading(self, share: float) -> None:
        if line := self._load.line(share, time.monotonic()):
            _line(line)

    def event(self, event: TextEvent) -> None:
        if line := expectation(event):
            _line(line)


def one_line(text: str) -> str:
    return "".join(printable(c) for c in text.replace("\n", "⏎").replace("\t", " "))


def _line(text: str) -> None:
    # Perhaps nobody watches any more; the answer still goes to stdout.
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)
