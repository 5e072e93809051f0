"""`hoshikage batch`: answer every prompt of a file, and go on where it was stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from ...batch.records import FORMATS, BadRecord, Record, Shard, parse_shard, read_records, sharded
from ...batch.results import ResultsFile, ResultsStream
from ...batch.run import Batch, StrictStop
from ...display.batch import BatchBar, BatchDisplay, BatchLines
from ...display.display import Display
from ...errors import RunError, UsageError
from ...generation.generator import AT_ONCE
from ...models.find import advice
from ...settings.file import read_config
from ...settings.overlay import overlaid
from ...settings.resolve import Resolved, resolve
from ..exits import Exit
from ..interrupts import run_through
from ..setup import Setup, choose, load_chosen, tell_setup
from ..streams import is_terminal, note, write_bytes

ORDERS = ("input", "finished")
NO_INPUT = "no input: name a file of prompts, or - for what is piped in"


@dataclass(frozen=True)
class BatchFlags:
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


def wanted(options: dict[str, Any]) -> BatchFlags:
    """What was typed, checked. Raises UsageError."""
    shard = parse_shard(options.pop("shard") or "1/1")
    found = BatchFlags(shard=shard, **options)
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
    setup = choose(flags)
    with ExitStack() as stack:
        source = stack.enter_context(_source(asked))
        records, total = _records(source, asked)
        sink = stack.enter_context(_sink(asked, setup))
        if not setup.output.quiet:
            tell_setup(setup)
        display = stack.enter_context(_display(setup, asked))
        generator = stack.enter_context(load_chosen(setup, Display()))
        settle = _settle(flags, setup)
        how = {"total": total, "strict": asked.strict, "at_once": asked.at_once}
        batch = Batch(generator, records, settle, sink, **how)
        return _drive(batch, sink, display)


def _drive(batch: Batch, sink: ResultsFile | ResultsStream, display: BatchDisplay) -> int:
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


def _settle(flags: dict[str, Any], setup: Setup) -> Callable[[dict[str, Any]], Resolved]:
    """The settings of a record, from its own and all the layers below."""
    config, advised = read_config(os.environ), advice(setup.header.metadata)

    def settle(own: dict[str, Any]) -> Resolved:
        if not own:
            return setup.resolved
        return resolve(overlaid(flags, own), os.environ, config, advised, setup.kind)

    return settle


# --------------------------------------------------------------------------- input and output


@contextmanager
def _source(asked: BatchFlags) -> Iterator[BinaryIO]:
    if asked.input in (None, "-"):
        yield sys.stdin.buffer
        return
    path = Path(asked.input).expanduser()
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read the prompts from {path}: {error.strerror}") from None
    with file:
        yield file


def _records(
    source: BinaryIO, asked: BatchFlags
) -> tuple[Iterable[Record | BadRecord], int | None]:
    """The records of this shard and their number; what is piped in is read as it comes."""
    found = sharded(read_records(source, asked.form, asked.input or "-"), asked.shard)
    if asked.input in (None, "-"):
        return found, None
    try:
        records = list(found)
    except OSError as error:
        raise UsageError(f"cannot read the prompts from {asked.input}: {error.strerror}") from None
    return records, len(records)


@contextmanager
def _sink(asked: BatchFlags, setup: Setup) -> Iterator[ResultsFile | ResultsStream]:
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
        _tell_recovery(results, asked, setup)
        yield results


def _write(stream: RawIOBase, path: Path, line: bytes) -> None:
    """A line to a pipe or device."""
    try:
        while line:
            line = line[stream.write(line) :]
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None


def _refuse_same(asked: BatchFlags, path: Path) -> None:
    if asked.input in (None, "-") or not path.exists():
        return
    if path.samefile(Path(asked.input).expanduser()):
        raise UsageError(f"{path} is the input: give another file with -o")


def _tell_recovery(results: ResultsFile, asked: BatchFlags, setup: Setup) -> None:
    again = results.drop(lambda result: "error" in result) if asked.retry else 0
    if setup.output.quiet:
        return
    if results.cut:
        note(f"{results.path}: the last line was cut off; its record is answered again")
    if again:
        note(f"{results.path}: {again} records that failed are tried again")
    if results.done:
        note(f"{results.path}: {len(results.done)} results are there already and are kept")


def _display(setup: Setup, asked: BatchFlags) -> BatchDisplay:
    if setup.output.quiet:
        return BatchDisplay()
    # Results that go to the same terminal would be written into the bar.
    apart = not (asked.to_stdout and is_terminal(sys.stdout))
    if apart and is_terminal(sys.stderr) and not setup.output.verbose:
        return BatchBar()
    return BatchLines()
