"""`hoshikage batch`: answer every prompt of a file, and go on where it was stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ...batch.records import FORMATS, BadRecord, Record, Shard, parse_shard, read_records, sharded
from ...batch.results import ResultsFile, ResultsStream
from ...display.figures import counted, share_done
from ...errors import RunError, UsageError
from ...files import expanded, refuse_input
from ...generation.arrivals import AtHand, Live
from ...settings.resolve import Resolved
from ..exits import Exit
from ..last_words import owing
from ..options import RUN, Typed, argument, flag, with_options, with_settings
from ..output import Traces
from ..setup import (
    Setup,
    choose,
    display_of_many,
    load_model,
    refuse_untold,
    tell_setup,
)
from ..signals import Interrupts, on_screen, run_through
from ..streams import descriptor, is_terminal, note, write_bytes

if TYPE_CHECKING:
    from ...batch.run import Batch, BatchProgress
    from ...display.batch import BatchDisplay

EXAMPLES = """\b
Examples:
  hoshikage batch prompts.jsonl -o answers.jsonl --steps 32
  cat prompts.txt | hoshikage batch - | jq -r .text
  hoshikage batch table.csv -o part$I.jsonl --shard $I/8
"""

NO_INPUT = "no input: name a file of prompts, or - for what is piped in"


@dataclass(frozen=True)
class BatchFlags:
    input: str | None = argument(
        None,
        help='File of prompts: JSON lines, plain lines or CSV; "-" reads them from stdin.',
        panel="Batch",
    )
    output: str | None = flag(
        None,
        "-o",
        "--output",
        metavar="FILE",
        help="Where the results go, as JSON lines; without it to stdout. What is there already is "
        "kept and not done again.",
        panel="Batch",
    )
    form: str = flag("auto", "--format", choices=FORMATS, help="What the input is.", panel="Batch")
    order: str = flag(
        "input",
        "--order",
        choices=("input", "finished"),
        help="Results in the order of the input, or as they are finished.",
        panel="Batch",
    )
    shard: str = flag(
        "1/1",
        "--shard",
        metavar="I/N",
        help="Only the I-th of N equal parts of the input, for job arrays.",
        panel="Batch",
    )
    at_once: int | None = flag(
        None,
        "--at-once",
        minimum=1,
        help="Answers decoded side by side (not of autoregressive models).",
        panel="Batch",
    )
    strict: bool = flag(
        False, "--strict", help="Stop at a record that cannot be answered.", panel="Batch"
    )
    retry: bool = flag(
        False, "--retry", help="Try again what failed in earlier runs.", panel="Batch"
    )
    overwrite: bool = flag(
        False,
        "--overwrite",
        help="Begin anew: what the output file holds is lost.",
        panel="Batch",
    )

    @property
    def source(self) -> Path | None:
        """Where the prompts are; None: stdin."""
        return _path(self.input)

    @property
    def target(self) -> Path | None:
        """Where the results go; None: stdout."""
        return _path(self.output)


def _path(name: str | None) -> Path | None:
    return None if name is None or name == "-" else expanded(name)


@with_options(BatchFlags)
@with_settings(*RUN, "canvas", "trace", "logprobs")
def batch(asked: BatchFlags, **flags: Typed) -> int:
    """Answer every prompt of a file, one JSON line each; started again, it goes on where it was.

    A line is a prompt, or an object with a "prompt" and, if wanted, an "id", "settings" of its own
    ({"steps": 8}) and whatever else is to be handed on to the result. A CSV has these as columns.

    A record that cannot be answered has an error for a result, and the rest goes on; the exit code
    is 1 when there is such a record, and 0 when all are answered.
    """
    from ...batch.run import Batch
    from ...generation.generator import AT_ONCE

    shard = parse_shard(asked.shard)
    if asked.input is None and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(NO_INPUT)
    setup = choose(flags)
    refuse_untold(setup, json=True)
    traces = Traces(setup.output.trace)
    with ExitStack() as stack:
        source = stack.enter_context(_source(asked))
        records, total = _records(source, asked, shard)
        sink = stack.enter_context(_sink(asked, source, setup))
        tell_setup(setup)
        # Results that go to the same terminal would be written into a bar.
        apart = not (asked.target is None and is_terminal(sys.stdout))
        generator = stack.enter_context(load_model(setup))
        shown = on_screen(display_of_many(setup, apart), listening=total is None)
        display = stack.enter_context(shown)
        work = Batch(
            generator,
            records,
            _settle(flags, setup),
            sink,
            total=total,
            strict=asked.strict,
            at_once=asked.at_once or AT_ONCE,
            on_step=display.update,
            share=share_done,
            witness=traces,
        )
        code = _drive(work, Interrupts(then=records.stop), sink, display)
        return code or (Exit.FAILED if traces.failed else Exit.OK)


def _drive(
    batch: Batch, watch: Interrupts, sink: ResultsFile | ResultsStream, display: BatchDisplay
) -> int:
    from ...batch.run import StrictStop

    display.update(batch.progress)
    try:
        with owing(sink.finish):
            interrupted = run_through(batch, display.update, interrupts=watch)
    except StrictStop:
        display.finish(batch.progress)
        raise
    if interrupted:
        sink.finish()
    display.finish(batch.progress)
    _tell_failed(batch.progress, sink)
    if not interrupted:
        return Exit.FAILED if batch.progress.failed else Exit.OK
    note(_interrupted(len(batch.progress.shares)))
    return Exit.INTERRUPTED


def _tell_failed(progress: BatchProgress, sink: ResultsFile | ResultsStream) -> None:
    """Failures are told to -q as well: nothing else would say that work is left."""
    if not progress.failed:
        return
    where = str(sink.path) if isinstance(sink, ResultsFile) else "the results"
    again = "; --retry tries those of earlier runs again" if progress.failed_before else ""
    failed = counted(progress.failed, "record")
    note(f'{failed} could not be answered: see "error" in {where}{again}')


def _interrupted(under_way: int) -> str:
    kept = "interrupted: what is finished is kept"
    if not under_way:
        return kept
    return (
        f"{kept}, {counted(under_way, 'answer')} under way {'is' if under_way == 1 else 'are'} not"
    )


def _settle(flags: Mapping[str, Typed], setup: Setup) -> Callable[[Mapping[str, Any]], Resolved]:
    """The settings of a record, from its own and all the layers below."""

    def settle(own: Mapping[str, Any]) -> Resolved:
        return setup.resolve(flags, own) if own else setup.resolved

    return settle


# --------------------------------------------------------------------------- input and output


@contextmanager
def _source(asked: BatchFlags) -> Iterator[BinaryIO]:
    if asked.source is None:
        yield _stdin()
        return
    try:
        file = asked.source.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read the prompts from {asked.source}: {error.strerror}") from None
    with file:
        yield file


def _stdin() -> BinaryIO:
    """What is piped in, for a thread to wait on: a file of its own, since Python's would be closed
    under that thread when the program ends."""
    try:
        return open(os.dup(sys.stdin.fileno()), "rb")
    except (OSError, ValueError, AttributeError):
        raise UsageError(NO_INPUT) from None


def _records(
    source: BinaryIO, asked: BatchFlags, shard: Shard
) -> tuple[Live[Record | BadRecord] | AtHand[Record | BadRecord], int | None]:
    """The records of this shard and their number; what is piped in is read as it comes."""
    if asked.source is None:
        return Live(_as_they_come(source, asked, shard)), None
    try:
        records = list(_as_they_come(source, asked, shard))
    except OSError as error:
        raise UsageError(f"cannot read the prompts from {asked.input}: {error.strerror}") from None
    return AtHand(records), len(records)


def _as_they_come(
    source: BinaryIO, asked: BatchFlags, shard: Shard
) -> Iterator[Record | BadRecord]:
    # Not a line is read before the first record is asked for, and then by whoever asks.
    yield from sharded(read_records(source, asked.form, asked.input or "-"), shard)


@contextmanager
def _sink(
    asked: BatchFlags, source: BinaryIO, setup: Setup
) -> Iterator[ResultsFile | ResultsStream]:
    in_order = asked.order == "input"
    path = asked.target
    refuse_input(descriptor(sys.stdout) if path is None else path, source.fileno())
    if path is None:
        yield ResultsStream(write_bytes, in_order=in_order)
        return
    if path.exists() and not path.is_file():
        with path.open("wb", buffering=0) as stream:
            yield ResultsStream(partial(_write, stream, path), in_order=in_order)
        return
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
