"""`hoshikage batch`: answer every prompt of a file, and go on where it was stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from ..batch.records import FORMATS, BadRecord, Record, Shard, parse_shard, read_records, sharded
from ..batch.results import ResultsFile, ResultsStream
from ..batch.run import Batch, StrictStop
from ..display.batch import BatchBar, BatchLines, SilentBatch
from ..display.plain import Silent
from ..errors import RunError, UsageError
from ..generation.arrivals import Arrivals, AtHand, Live
from ..generation.generator import AT_ONCE
from ..settings.resolve import Resolved
from .exits import Exit
from .generate import Choice, choose, load_chosen, tell_choice
from .interrupts import run_through
from .streams import is_terminal, note, write_bytes

ORDERS = ("input", "finished")
NO_INPUT = "no input: name a file of prompts, or - for what is piped in"


@dataclass(frozen=True)
class Wanted:
    """What was typed besides settings."""

    input: str | None = None
    output: str | None = None
    form: str = "auto"
    order: str = "input"
    shard: Shard = Shard()
    strict: bool = False
    overwrite: bool = False
    retry: bool = False
    at_once: int = AT_ONCE

    @property
    def to_stdout(self) -> bool:
        return self.output in (None, "-")


def wanted(options: dict[str, Any]) -> Wanted:
    """What was typed, checked. Raises UsageError."""
    shard = parse_shard(options.pop("shard") or "1/1")
    found = Wanted(shard=shard, **options)
    _check_choice("--format", found.form, FORMATS)
    _check_choice("--order", found.order, ORDERS)
    if found.input is None and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(NO_INPUT)
    return found


def _check_choice(flag: str, given: str, allowed: Iterable[str]) -> None:
    if given not in allowed:
        raise UsageError(f"{flag}: {given!r} is unknown: choose {', '.join(allowed)}")


def run_batch(flags: dict[str, Any], options: dict[str, Any]) -> int:
    asked = wanted(options)
    choice = choose(flags)
    with ExitStack() as stack:
        source = stack.enter_context(_source(asked))
        records, total = _records(source, asked)
        sink = stack.enter_context(_sink(asked, choice))
        if not choice.output.quiet:
            tell_choice(choice)
        display = stack.enter_context(_display(choice, asked))
        generator = stack.enter_context(load_chosen(choice, Silent()))
        settle = _settle(flags, choice)
        how = {"total": total, "strict": asked.strict, "at_once": asked.at_once}
        batch = Batch(generator, records, settle, sink, **how)
        return _drive(batch, sink, display)


def _drive(batch: Batch, sink: ResultsFile | ResultsStream, display: SilentBatch) -> int:
    display.update(batch.progress)
    try:
        interrupted = run_through(batch, display.update)
    except StrictStop:
        display.finish(batch.progress)
        raise
    if interrupted:
        sink.finish()
    display.finish(batch.progress)
    if not interrupted:
        return Exit.OK
    note("interrupted: what is finished is kept")
    return Exit.INTERRUPTED


def _settle(flags: dict[str, Any], choice: Choice) -> Callable[[dict[str, Any]], Resolved]:
    """The settings of a record, from its own and all the layers below."""

    def settle(own: dict[str, Any]) -> Resolved:
        return choice.layers.resolve(flags, own) if own else choice.resolved

    return settle


# --------------------------------------------------------------------------- input and output


@contextmanager
def _source(asked: Wanted) -> Iterator[BinaryIO]:
    if asked.input in (None, "-"):
        yield _stdin()
        return
    path = Path(asked.input).expanduser()
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read the prompts from {path}: {error.strerror}") from None
    with file:
        yield file


def _stdin() -> BinaryIO:
    """What is piped in, for a thread to wait on: a file of its own, since Python's would be closed
    under that thread when the program ends."""
    try:
        return open(os.dup(sys.stdin.fileno()), "rb")
    except (OSError, ValueError, AttributeError):
        raise UsageError(NO_INPUT) from None


def _records(source: BinaryIO, asked: Wanted) -> tuple[Arrivals[Record | BadRecord], int | None]:
    """The records of this shard and their number; what is piped in is read as it comes."""
    found = sharded(read_records(source, asked.form, asked.input or "-"), asked.shard)
    if asked.input in (None, "-"):
        return Live(found), None
    try:
        records = list(found)
    except OSError as error:
        raise UsageError(f"cannot read the prompts from {asked.input}: {error.strerror}") from None
    return AtHand(records), len(records)


@contextmanager
def _sink(asked: Wanted, choice: Choice) -> Iterator[ResultsFile | ResultsStream]:
    in_order = asked.order == "input"
    if asked.to_stdout:
        yield ResultsStream(write_bytes, in_order=in_order)
        return
    path = Path(asked.output).expanduser()
    if path.exists() and not path.is_file():
        with path.open("wb", buffering=0) as stream:
            yield ResultsStream(partial(_write, stream, path), in_order=in_order)
        return
    _refuse_same(asked, path)
    with ResultsFile(path, in_order=in_order, overwrite=asked.overwrite) as results:
        _tell_recovery(results, asked, choice)
        yield results


def _write(stream: RawIOBase, path: Path, line: bytes) -> None:
    """A line to a pipe or device."""
    try:
        while line:
            line = line[stream.write(line) :]
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None


def _refuse_same(asked: Wanted, path: Path) -> None:
    if asked.input in (None, "-") or not path.exists():
        return
    if path.samefile(Path(asked.input).expanduser()):
        raise UsageError(f"{path} is the input: give another file with -o")


def _tell_recovery(results: ResultsFile, asked: Wanted, choice: Choice) -> None:
    again = results.drop(lambda result: "error" in result) if asked.retry else 0
    if choice.output.quiet:
        return
    if results.cut:
        note(f"{results.path}: the last line was cut off; its record is answered again")
    if again:
        note(f"{results.path}: {again} records that failed are tried again")
    if results.done:
        note(f"{results.path}: {len(results.done)} results are there already and are kept")


def _display(choice: Choice, asked: Wanted) -> SilentBatch:
    if choice.output.quiet:
        return SilentBatch()
    # Results that go to the same terminal would be written into the bar.
    apart = not (asked.to_stdout and is_terminal(sys.stdout))
    if apart and is_terminal(sys.stderr) and not choice.output.verbose:
        return BatchBar()
    return BatchLines()
