"""What a run gives, to where it belongs: answer and JSON to stdout, the trace to its file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..display.figures import counted
from ..errors import UsageError
from ..files import expanded, finite
from ..settings.declared import PROPOSALS
from .streams import STDOUT, Answer, is_terminal, note, write, write_bytes, write_exactly

if TYPE_CHECKING:
    from ..display.display import Display
    from ..generation.run import Result, Run, TextEvent
    from ..trace import Recording

What = TypeVar("What")


def write_json(value: Any) -> None:
    """One line of JSON; null stands for what is no number, which JSON has no word for."""
    write(json.dumps(finite(value), ensure_ascii=False, allow_nan=False) + "\n")


def print_result(
    result: Result, answer: Answer, as_json: bool, streamed: bool, display: Display
) -> None:
    """The answer, or what of it has not been `streamed` yet, and the display's last word."""
    if streamed:
        answer.finish(result.text)
        display.finish(result)
        return
    # A display in place must be gone before text reaches the same terminal.
    display.finish(result)
    if as_json:
        write_json(result.to_dict())
        return
    print_answer(result, answer, display)


def print_answer(result: Result, answer: Answer, display: Display) -> None:
    """What has not been streamed yet; on a terminal in the colours that it was watched in."""
    kept = display.kept(result) if is_terminal(sys.stdout) else None
    if kept is None:
        answer.finish(result.text)
        return
    # As bytes: the colours are ours, and what the model says has nothing in it that steers.
    write_bytes(f"{kept}\n".encode(sys.stdout.encoding, "replace"))
    display.explain()


class Stdout:
    """stdout as a file: its errors are those of `streams`, and nobody closes it."""

    def write(self, text: str) -> None:
        write_exactly(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Others may still write."""


class Tracing:
    """What `--trace` asks for. A disk that is full ends the trace and not the run."""

    def __init__(self, path: str | None) -> None:
        from ..trace import TraceWriter

        self.failed = False
        self.takes_stdout = path == STDOUT
        """Whether there is no room for the answer, which its last line has."""
        file = Stdout() if self.takes_stdout else None
        self._writer = None if path is None else TraceWriter(path, file)

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

    def _try(self, write: Callable[[What], None], what: What) -> None:
        from ..trace import TraceError

        try:
            write(what)
        except TraceError as error:
            self.failed = True
            self._writer = None
            note(str(error))


class Traces:
    """The same where there are several runs: a file for each, with its number in the name."""

    def __init__(self, path: str | None) -> None:
        from ..trace import TraceError

        self.failed = False
        self._path = path
        self._under_way: dict[int, Tracing] = {}
        if path == STDOUT:
            raise UsageError(
                "--trace -: stdout holds one trace, and each of several runs has its own"
            )
        if path is not None and not (folder := expanded(path).parent).is_dir():
            raise TraceError(f"cannot write traces to {path}: there is no folder {folder}")

    def event(self, number: int, event: TextEvent) -> None:
        """A step of a run, which begins with its first one."""
        if number not in self._under_way and self._path is not None:
            self._begin(number, event.run)
        if number in self._under_way:
            self._under_way[number].event(event)

    def finish(self, number: int, result: Result) -> None:
        if number in self._under_way:
            trace = self._under_way.pop(number)
            trace.finish(result)
            self.failed = self.failed or trace.failed

    def _begin(self, number: int, run: Run) -> None:
        from ..trace import TraceError, numbered

        assert self._path is not None
        try:
            self._under_way[number] = trace = Tracing(str(numbered(self._path, number)))
        except TraceError as error:
            note(str(error))
            self.failed, self._path = True, None
            return
        trace.begin(run)


def tell_unseen(recording: Recording, view: str | None) -> None:
    """What a view has nothing to show of."""
    if view == PROPOSALS and not recording.has_proposals:
        note("the trace has no proposals: --visual=proposals or --trace-proposals records them")


def tell_flaw(recording: Recording) -> None:
    """What a trace lacks."""
    if recording.flaw:
        made = counted(len(recording.steps), "step")
        note(f"{recording.flaw} after {made}: the text is unfinished")
