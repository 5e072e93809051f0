"""Running a batch: what is not done yet is answered, and each result is put away at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import HoshikageError, NoMaskToken, RunError, SettingsError, UsageError
from ..generation.arrivals import AHEAD, Arrivals
from ..generation.generator import AT_ONCE, Generator
from ..generation.run import Result, TextEvent
from ..llama.errors import DecodeAborted
from ..settings.resolve import Resolved
from .records import BadRecord, Record
from .results import Sink

Job = tuple[str, Resolved]


class Witness(Protocol):
    """Who is to see every step of every answer, and what it comes to; each by its record's line."""

    def event(self, line: int, event: TextEvent, /) -> None: ...

    def finish(self, line: int, result: Result, /) -> None: ...


class StrictStop(RunError):
    """A record that could not be answered, where every one is to be."""


@dataclass
class BatchProgress:
    """How far a batch is."""

    total: int | None
    """Its records; None where the input is still coming in."""
    answered: int = 0
    bad: int = 0
    """Those that could not be answered."""
    skipped: int = 0
    """Those that had been done already."""
    failed_before: int = 0
    """Those of the skipped that could not be answered then."""
    tokens: int = 0
    """Of the answers that are finished."""
    shares: dict[int, float] = field(default_factory=dict)
    """How much of each answer under way is done, by the number of its job."""
    began: float = field(default_factory=time.monotonic)

    @property
    def failed(self) -> int:
        """Records that the results have an error for."""
        return self.bad + self.failed_before

    @property
    def made(self) -> float:
        """What is done, with the parts of those under way."""
        return self.done + sum(self.shares.values())

    @property
    def done(self) -> int:
        return self.answered + self.bad + self.skipped

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None where that cannot be told."""
        worked = self.made - self.skipped
        if self.total is None or worked == 0:
            return None
        return self.seconds / worked * (self.total - self.made)


class Batch:
    """One batch under way.

    records: those of this shard, in order; none is waited for while others are being answered.
    resolve: the settings of a record from its own ones. sink: where results go, and what is there
    already. strict: whether a record that cannot be answered ends the batch, by StrictStop, when
    those under way are finished. on_step: hears the progress after each step. share: how much of an
    answer is done after a step, of which the progress is made. witness: sees all steps and results.
    """

    ahead = AHEAD

    def __init__(
        self,
        generator: Generator,
        records: Arrivals[Record | BadRecord],
        resolve: Callable[[dict[str, Any]], Resolved],
        sink: Sink,
        *,
        total: int | None = None,
        strict: bool = False,
        at_once: int = AT_ONCE,
        on_step: Callable[[BatchProgress], None] | None = None,
        share: Callable[[TextEvent], float] = lambda event: 0.0,
        witness: Witness | None = None,
    ) -> None:
        self.generator = generator
        self.progress = BatchProgress(total)
        self._records = records
        self._resolve = resolve
        self._sink = sink
        self._strict = strict
        self._at_once = at_once
        self._on_step = on_step
        self._share = share
        self._witness = witness
        self._stop: StrictStop | None = None
        self._under_way: dict[int, tuple[int, Record]] = {}
        self._seen = 0
        self._taken = 0

    @property
    def over(self) -> bool:
        """Whether it is known that no record is left."""
        return self._stop is not None or self._records.over

    def take(self, wait: bool) -> Job | None:
        """The next record to be answered, as a generator takes it; settled as it is asked for."""
        while self._stop is None and (record := self._records.take(wait)) is not None:
            job = self._asked(record)
            if job is not None:
                return job
        return None

    def close(self) -> None:
        """No more records are wanted."""
        self._records.close()

    def __iter__(self) -> Iterator[BatchProgress]:
        """Run it; the progress after each answer.

        Raises what concerns the whole batch: a model without a mask token, an interrupt.
        """
        for job, outcome in self.generator.generate_many(self, self._at_once, self._stepped):
            if isinstance(outcome, (NoMaskToken, DecodeAborted)):
                raise outcome
            number, record = self._under_way.pop(job)
            self.progress.shares.pop(job, None)
            if isinstance(outcome, HoshikageError):
                self._fail(number, record, str(outcome))
            else:
                self._put(number, record, outcome)
            yield self.progress
        self._sink.finish()
        if self._stop is not None:
            raise self._stop

    def _stepped(self, job: int, event: TextEvent) -> None:
        self.progress.shares[job] = self._share(event)
        if self._witness is not None:
            self._witness.event(self._under_way[job][1].line, event)
        if self._on_step is not None:
            self._on_step(self.progress)

    def _asked(self, record: Record | BadRecord) -> Job | None:
        """What a record asks for; None for one that is done already or that cannot be run."""
        if record.key in self._sink.done:
            self._skip(record)
            return None
        number = self._seen
        resolved = self._settled(number, record)
        if self._stop is None:
            self._seen += 1
        if resolved is None or isinstance(record, BadRecord):
            return None
        self._under_way[self._taken] = (number, record)
        self._taken += 1
        return record.prompt, resolved

    def _settled(self, number: int, record: Record | BadRecord) -> Resolved | None:
        """The settings of a record; None, and an error put away, for one that has none."""
        if isinstance(record, BadRecord):
            self._fail(number, record, record.error)
            return None
        try:
            return self._resolve(dict(record.settings))
        except SettingsError as error:
            self._fail(number, record, str(error))
            return None

    def _skip(self, record: Record | BadRecord) -> None:
        answered = self._sink.done[record.key]
        prompt = record.prompt if isinstance(record, Record) else None
        if answered is not None and prompt is not None and answered != prompt:
            raise UsageError(
                f"line {record.line}: the results have another prompt under {record.key}: "
                "the input has changed; give another file with -o, or --overwrite"
            )
        self.progress.skipped += 1
        self.progress.failed_before += record.key in self._sink.failed

    def _put(self, number: int, record: Record, result: Result) -> None:
        self._sink.put(number, result_object(record, result))
        if self._witness is not None:
            self._witness.finish(record.line, result)
        self.progress.answered += 1
        self.progress.tokens += result.completion_tokens

    def _fail(self, number: int, record: Record | BadRecord, why: str) -> None:
        if self._strict:
            self._stop = self._stop or StrictStop(f"line {record.line}: {why}")
            return
        self._sink.put(number, error_object(record, why))
        self.progress.bad += 1


def _head(record: Record | BadRecord) -> dict[str, Any]:
    """What a result begins with; what else the record says is handed on."""
    head: dict[str, Any] = {"line": record.line}
    if record.id is not None:
        head["id"] = record.id
    if isinstance(record, Record):
        head["prompt"] = record.prompt
    return head


def result_object(record: Record, result: Result) -> dict[str, Any]:
    made = {
        **_head(record),
        "text": result.text,
        "stop_reason": result.stop_reason,
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "steps": result.steps,
        "nfe": result.nfe,
        "seed": result.seed,
        "timings": result.timings,
    }
    if result.logprobs is not None:
        made["logprobs"] = result.to_dict()["logprobs"]
    return _with_data(made, record)


def error_object(record: Record | BadRecord, why: str) -> dict[str, Any]:
    return _with_data({**_head(record), "error": why}, record)


def _with_data(made: dict[str, Any], record: Record | BadRecord) -> dict[str, Any]:
    data = record.data if isinstance(record, Record) else None
    return {**made, "data": dict(data)} if data else made
