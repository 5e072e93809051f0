"""Where what a run gives belongs: the answer on stdout, as text or JSON; the trace in its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..display.display import Display
from ..generation.run import Result, Run, TextEvent
from ..trace import TraceError, TraceWriter
from .streams import Answer, note, write


def print_result(
    result: Result, answer: Answer, as_json: bool, streamed: bool, display: Display
) -> None:
    """The answer, or what of it has not been `streamed` yet, and the display's last word."""
    if streamed:
        answer.finish()
        display.finish(result)
        return
    # A display in place must be gone before text reaches the same terminal.
    display.finish(result)
    if as_json:
        write(json.dumps(result.to_dict(), ensure_ascii=False) + "\n")
        return
    answer.add(result.text)
    answer.finish()


class Tracing:
    """What `--trace` leaves behind, if it is given. A disk that is full ends the trace and not the
    run."""

    def __init__(self, path: str | None) -> None:
        self.failed = False
        self._writer = None if path is None else TraceWriter(path)

    def begin(self, run: Run) -> None:
        if self._writer is not None:
            self._try(self._writer.begin, run)

    def event(self, event: TextEvent) -> None:
        if self._writer is not None:
            self._try(self._writer.step, event)

    def finish(self, result: Result) -> None:
        if self._writer is not None:
            self._try(self._writer.end, result)
        if self._writer is not None:
            self._try(lambda writer: writer.close(), self._writer)

    def _try(self, write: Callable[[Any], None], what: Any) -> None:
        try:
            write(what)
        except TraceError as error:
            self.failed = True
            self._writer = None
            note(str(error))
