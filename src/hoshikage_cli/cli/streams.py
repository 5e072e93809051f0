"""stdout, which carries the answer and nothing else, and the lines on stderr."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from ..errors import RunError

STDOUT = "-"
"""What a user types for it."""


class OutputLost(RunError):
    """stdout takes no more: a full disk, or it was closed from the start."""


class ClosedPipe(OutputLost):
    """Whoever read stdout has gone away."""


# What moves a cursor, changes colours or titles, or reports to a program: all control characters
# but the end of a line and the tabulator.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")


def visible(text: str) -> str:
    """A text with its control characters spelled out, in JSON's way: model files, templates and
    models may say anything, and a terminal obeys."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def note(message: str) -> None:
    """One line on stderr, that says who speaks."""
    tell(f"hoshikage: {message}")


def tell(line: str) -> None:
    """The same, as it is: what was asked for and is no answer."""
    # A stderr that cannot be written to leaves nobody to tell.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(visible(line) + "\n")
        sys.stderr.flush()


def write(text: str) -> None:
    """Text to stdout, at once; what a terminal would obey is made visible on one. Raises
    OutputLost, or ClosedPipe."""
    with _telling_write_errors():
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()


@contextmanager
def _telling_write_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _abandon(sys.stdout)
        raise ClosedPipe("nobody reads the output") from None
    except (OSError, ValueError, AttributeError) as error:
        _abandon(sys.stdout)
        raise OutputLost(f"cannot write the answer to stdout: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EBADF:
        return error.strerror
    return "it is closed"


class _Stdout(io.TextIOWrapper):
    """stdout, whose errors are ours whoever writes: the parser its help, rich its tables."""

    def write(self, text: str) -> int:
        if text == "":  # the parser's way to ask whether text may be written here
            return 0
        with _telling_write_errors():
            return super().write(text)

    def flush(self) -> None:
        with _telling_write_errors():
            super().flush()


class _Stderr(io.TextIOWrapper):
    """stderr, which carries no answer: a terminal that has gone away, or a disk that is full, costs
    what would have been said there and nothing else."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            _abandon(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _abandon(self)


def secure() -> None:
    """For the program, before it opens anything: no error of stdout goes unseen, and no file takes
    the place of a stream that is closed, to have answers and messages written into it."""
    # stdin and stdout the wrong way round, so that reading and writing fail as they should.
    for number, way in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, way)
    sys.stdout = _made_into(_Stdout, sys.stdout or open(1, "w", closefd=False))  # noqa: SIM115
    sys.stderr = _made_into(_Stderr, sys.stderr or open(2, "w", closefd=False))  # noqa: SIM115


def _made_into(kind: type[io.TextIOWrapper], old: TextIO) -> TextIO:
    """The stream that Python began with, as one of ours."""
    assert isinstance(old, io.TextIOWrapper)
    at_once, through = old.line_buffering, old.write_through
    encoding, errors = old.encoding, old.errors
    return kind(old.detach(), encoding, errors, line_buffering=at_once, write_through=through)


def write_exactly(text: str) -> None:
    """Text to stdout as UTF-8, byte for byte, whatever the encoding and line ends of this place;
    on a terminal as `write` has it."""
    with _telling_write_errors():
        terminal = sys.stdout.isatty()
    write_bytes((visible(text) if terminal else text).encode("utf-8", "surrogateescape"))


def write_bytes(data: bytes) -> None:
    """Bytes to stdout, at once; raises as `write` does."""
    with _telling_write_errors():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def flush() -> None:
    """Before the program ends: what is still buffered. Raises as `write` does."""
    try:
        sys.stderr.flush()
    except OSError:
        _abandon(sys.stderr)
    with _telling_write_errors():
        sys.stdout.flush()


def _abandon(stream: TextIO) -> None:
    """Send what is still buffered nowhere, so that Python's own flush at exit has no complaint."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        pass


def forgive_encoding() -> None:
    """Replace what the terminal's encoding lacks rather than fail on it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")


def descriptor(stream: object) -> int:
    """The open file behind a stream; -1 where there is none."""
    try:
        return stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return -1


def is_terminal(stream: object) -> bool:
    """Whether `stream` is a terminal that understands control sequences."""
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


class Answer:
    """The generated text on stdout, as it comes, ended by exactly one newline."""

    def __init__(self) -> None:
        self._held = ""
        self._added = 0

    def add(self, text: str) -> None:
        """Newlines at the end are held back until more text follows them."""
        self._added += len(text)
        text = self._held + text
        body = text.rstrip("\n")
        self._held = text[len(body) :]
        if body:
            write(body)

    def finish(self, whole: str) -> None:
        """Whatever of the whole text has not come yet, and the newline."""
        self.add(whole[self._added :])
        write("\n")
