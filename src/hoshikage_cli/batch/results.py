"""Where results go: a file that survives being killed, or a stream.

Each result is one line, written in one piece and synced to the disk before the next is begun. A
line that was cut off when the program was killed is taken off again at the next start; everything
before it is there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ..errors import UsageError
from ..files import cannot_write, hold, open_held, replacing
from .records import key_of

FIRST_BYTES = b'{"line": '
"""What every result begins with."""


def as_line(result: dict[str, Any]) -> bytes:
    """A result as a line of JSON."""
    text = json.dumps(result, ensure_ascii=False)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which only the escaped form can carry
        return json.dumps(result).encode() + b"\n"


class Sink(Protocol):
    """Where results go. number: the place of a result in the order of the input, from 0."""

    done: dict[str, str | None]
    failed: set[str]

    def put(self, number: int, result: dict[str, Any]) -> None: ...

    def finish(self) -> None: ...


# -------------------------------------------------------------------------------- to a file


class ResultsFile:
    """A file of results, opened to be gone on with.

    done: the prompt (None: there was none) of every result that is there, by `records.key_of`.
    failed: the keys of those that are errors.
    cut: whether a line had been cut off. in_order: whether `finish` puts the results in the order
    of the input.

    Raises UsageError for a file that holds something else, and for one that another program is
    writing; neither is touched.
    """

    def __init__(self, path: Path, *, in_order: bool = True, overwrite: bool = False) -> None:
        self.path = path
        self.done: dict[str, str | None] = {}
        self.failed: set[str] = set()
        self.cut = False
        self._in_order = in_order
        self._places: list[tuple[int, int, int]] = []
        self._end = 0
        try:
            self._file = open_held(path, anew=overwrite)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
        try:
            self._recover()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def put(self, number: int, result: dict[str, Any]) -> None:
        """Add a result; it is on the disk when this returns."""
        data = as_line(result)
        try:
            _write_all(self._file, data)
            os.fsync(self._file)
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self._note(result, len(data))

    def finish(self) -> None:
        """All is there: put it in order, if that is wanted and not so yet."""
        if self._in_order and self._places != sorted(self._places):
            self._rewrite(sorted(self._places))

    def drop(self, unwanted: Callable[[dict[str, Any]], bool]) -> int:
        """Take results out again; how many there were."""
        kept = [place for place in self._places if not unwanted(self._read(place))]
        gone = len(self._places) - len(kept)
        if gone:
            self._rewrite(kept)
        return gone

    # ------------------------------------------------------------------------- what is there

    def _recover(self) -> None:
        with open(os.dup(self._file), "rb") as file:
            file.seek(0)
            for number, data in enumerate(file, 1):
                if not data.endswith(b"\n"):
                    self._refuse_foreign(data)
                    self.cut = True
                    break
                self._note(self._parsed(number, data), len(data))
        # Only now, when everything before it has proved to be ours.
        if self.cut:
            os.ftruncate(self._file, self._end)

    def _refuse_foreign(self, data: bytes) -> None:
        if data[: len(FIRST_BYTES)] != FIRST_BYTES[: len(data)]:
            raise self._foreign()

    def _parsed(self, number: int, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            raise self._foreign(number) from None
        if not isinstance(found, dict) or not isinstance(found.get("line"), int):
            raise self._foreign(number)
        return found

    def _foreign(self, number: int = 1) -> UsageError:
        return UsageError(
            f"{self.path}, line {number}, is no result of hoshikage batch: "
            "give another file with -o, or --overwrite to lose what is in this one"
        )

    def _note(self, result: dict[str, Any], size: int) -> None:
        key = key_of(result["line"], result.get("id"))
        self.done[key] = result.get("prompt")
        if "error" in result:
            self.failed.add(key)
        self._places.append((result["line"], self._end, size))
        self._end += size

    def _read(self, place: tuple[int, int, int]) -> dict[str, Any]:
        return json.loads(os.pread(self._file, place[2], place[1]))

    def _rewrite(self, places: Iterable[tuple[int, int, int]]) -> None:
        """Replace the file by these of its lines, at once."""
        with replacing(self.path) as new:
            # Ours before it takes the place of the old one, which is ours until then.
            hold(new.fileno(), self.path)
            for _, start, size in places:
                new.write(os.pread(self._file, size, start))
            new.flush()
            fresh = os.dup(new.fileno())
        os.close(self._file)
        self._file = fresh
        self.done, self.failed, self._places, self._end = {}, set(), [], 0
        self._recover()


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


# ------------------------------------------------------------------------------ to a stream


class ResultsStream:
    """Results to wherever `write` puts a line; in the order of the input, if that is wanted, by
    holding back those that are early."""

    def __init__(self, write: Callable[[bytes], None], *, in_order: bool = True) -> None:
        self.done: dict[str, str | None] = {}
        self.failed: set[str] = set()
        self._write = write
        self._in_order = in_order
        self._held: dict[int, bytes] = {}
        self._next = 0

    def put(self, number: int, result: dict[str, Any]) -> None:
        if not self._in_order:
            self._write(as_line(result))
            return
        self._held[number] = as_line(result)
        for line in self._ready():
            self._write(line)

    def finish(self) -> None:
        """Write what is still held back, in order: a run that was stopped leaves gaps."""
        for number in sorted(self._held):
            self._write(self._held.pop(number))

    def _ready(self) -> Iterator[bytes]:
        while self._next in self._held:
            yield self._held.pop(self._next)
            self._next += 1
