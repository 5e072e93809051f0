"""stdout, which carries the answer and nothing else, and the lines on stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import RunError


class ClosedPipe(RunError):
    """Whoever read stdout has gone away."""


# What moves a cursor, changes colours or titles, or reports to a program: all control characters
# but the end of a line and the tabulator.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")


def visible(text: str) -> str:
    """A text with its control characters spelled out, in JSON's way: model files, templates and
    models may say anything, and a terminal obeys."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def note(message: str) -> None:
    """One line on stderr."""
    # A stderr that cannot be written to leaves nobody to tell.
    with suppress(OSError, ValueError):
        print(visible(f"hoshikage: {message}"), file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Text to stdout, at once; what a terminal would obey is made visible on one. Raises
    ClosedPipe, or RunError for a disk that is full."""
    with _telling_write_errors():
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()


@contextmanager
def _telling_write_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        abandon_stdout()
        raise ClosedPipe("nobody reads the output") from None
    except (OSError, ValueError, AttributeError) as error:
        abandon_stdout()
        reason = getattr(error, "strerror", None) or "it is closed"
        raise RunError(f"cannot write the answer to stdout: {reason}") from None


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


def abandon_stdout() -> None:
    """Send what is still buffered nowhere, so that Python's own flush at exit has no complaint."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        pass


def forgive_encoding() -> None:
    """Replace what the terminal's encoding lacks rather than fail on it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")


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
