"""`--trace`: the file that a run leaves behind, which never gets in the way of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..generation.run import Result, Run, TextEvent
from ..trace import TraceError, TraceWriter
from .streams import note


class Tracing:
    """A trace, if one is wanted. A disk that is full ends the trace and not the run."""

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
