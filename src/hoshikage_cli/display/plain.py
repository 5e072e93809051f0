"""For a stderr that is no terminal: whole lines, no control characters."""

from __future__ import annotations

import sys
from contextlib import suppress

from ..generation.run import Result, TextEvent
from .figures import step_count, summary
from .layout import printable


class Silent:
    """Shows nothing. Every display has these methods.

    watched: whether steps are shown in place, so that it makes sense to wait between them.
    """

    watched = False

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def loading(self, share: float) -> None:
        """The share of the model that is loaded, 0 to 1."""

    def event(self, event: TextEvent) -> None:
        """A step was made."""

    def answered(self, count: int) -> None:
        """So many of several answers are there."""

    def finish(self, result: Result) -> None:
        """The run is over."""

    def close(self) -> None:
        """Leave the terminal to what comes next."""


class PlainLines(Silent):
    """One line a step: the step, how much is masked, the text so far."""

    def event(self, event: TextEvent) -> None:
        masked = f", {event.step.masked} masked" if event.run.has_masks else ""
        _line(f"{step_count(event)}{masked}: {one_line(event.text)}")

    def finish(self, result: Result) -> None:
        _line(summary(result))


def one_line(text: str) -> str:
    return "".join(printable(c) for c in text.replace("\n", "⏎").replace("\t", " "))


def _line(text: str) -> None:
    # Perhaps nobody watches any more; the answer still goes to stdout.
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)
