"""Contexts at work: jobs come in from a room and run side by side, in shared forward passes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..decoding.denoiser import Denoiser, Query
from ..decoding.proposal import Proposal, ProposalRule, Proposer
from ..decoding.step import Step
from ..decoding.together import Decoding, together
from ..errors import HoshikageError
from ..llama.rows import reduce_rows
from .job import Ended, Job, Stopwatch
from .room import Room

Rows = NDArray[np.float32]
Positions = NDArray[np.int64]

LENGTHS = 64
"""While more jobs may come, a context is made for a multiple of so many positions."""

SomeJob = TypeVar("SomeJob", bound=Job)
SomeRun = TypeVar("SomeRun", bound=Decoding)


class Worker(ABC, Generic[SomeJob, SomeRun]):
    """A context at work. How a job becomes a run, and when that is over, is the engine's to say."""

    def __init__(self, context: Denoiser, longest: int, needed: int = 1) -> None:
        """longest: jobs of up to so many positions fit the context. needed: sequences of the
        context that each takes."""
        self._denoiser = TimedDenoiser(context)
        self._longest = longest
        self._needed = needed
        self._jobs: dict[SomeRun, SomeJob] = {}

    def run(self, room: Room[SomeJob], first: SomeJob) -> Iterator[tuple[Job, Step | Ended]]:
        """Steps of the jobs like `first`, until none of them is left."""

        refused: list[tuple[Job, Ended]] = []

        def arrivals(free: int, idle: bool) -> list[SomeRun]:
            runs = []
            for job in room.admit(free, first, self._longest, wait=idle):
                try:
                    run = self.begun(job)
                except HoshikageError as error:
                    refused.append((job, Ended(error)))
                else:
                    self._jobs[run] = job
                    runs.append(run)
            return runs

        for run, step in together(self._denoiser, arrivals, self._needed):
            job = self._jobs[run]
            job.watch.decode += self._denoiser.time_spent_on(run)
            if step is not None:
                yield job, self.told(run, step)
                self.after(job, run, step)
            else:
                del self._jobs[run]
                yield job, Ended(self.unfinished(job, run))
            while refused:
                yield refused.pop(0)
        yield from refused

    @abstractmethod
    def begun(self, job: SomeJob) -> SomeRun:
        """The run of a job. Raises HoshikageError if there cannot be one."""

    def told(self, run: SomeRun, step: Step) -> Step:
        """The step with what the context knows of it."""
        return step

    @abstractmethod
    def after(self, job: SomeJob, run: SomeRun, step: Step) -> None:
        """A step was made: end the run if its answer needs no more."""

    def unfinished(self, job: SomeJob, run: SomeRun) -> HoshikageError | None:
        """What is wrong with a run that is over."""
        return None


OpenWorker = Callable[[ExitStack, SomeJob, int, int], Worker[SomeJob, SomeRun]]
"""Of (stack, job, length, at once): a worker for jobs like this one, of up to `length` positions.
What it leases goes on the stack."""


def side_by_side(
    room: Room[SomeJob], open_worker: OpenWorker[SomeJob, SomeRun], at_once: int
) -> Iterator[tuple[Job, Step | Ended]]:
    """`Engine.steps`: one worker after the other, each for jobs that are alike."""
    while (first := room.first()) is not None:
        with ExitStack() as stack:
            began = time.perf_counter()
            try:
                worker = open_worker(stack, first, *_size(room, first, at_once))
            except HoshikageError as error:
                room.discard(first)
                yield first, Ended(error)
            else:
                first.watch.opening = time.perf_counter() - began
                yield from worker.run(room, first)


def _size(room: Room[SomeJob], first: SomeJob, at_once: int) -> tuple[int, int]:
    """Positions of the longest job to expect, and how many jobs at once."""
    alike = room.like(first)
    length = max(job.room for job in alike)
    if room.last:
        return length, min(at_once, len(alike))
    return -(-length // LENGTHS) * LENGTHS, at_once


class TimedDenoiser:
    """A context as the decoding loop sees it, with the time of its forward passes noted."""

    def __init__(self, context: Denoiser) -> None:
        self.mask_token = context.mask_token
        self.has_cache = context.has_cache
        self.max_sequences = context.max_sequences
        self._context = context
        self._seconds: defaultdict[int, float] = defaultdict(float)

    def logits(self, queries: Sequence[Query]) -> list[Rows]:
        began = time.perf_counter()
        rows = self._context.logits(queries)
        share = (time.perf_counter() - began) / len(queries)
        for query in queries:
            self._seconds[query.sequence] += share
        return rows

    def time_spent_on(self, run: Decoding) -> float:
        """Seconds of passes since this was last asked of the canvas: an equal share of each."""
        mine = range(run.sequence, run.sequence + run.sequences_needed)
        return sum(self._seconds.pop(sequence, 0.0) for sequence in mine)


def proposer_of(threads: int, watch: Stopwatch) -> Proposer:
    """The native reduction of rows, its time noted."""

    def native(
        logits: Rows,
        unconditional: Rows | None,
        positions: Positions,
        step: int,
        rule: ProposalRule,
    ) -> Proposal:
        began = time.perf_counter()
        proposal = reduce_rows(logits, unconditional, positions, step, rule, threads)
        watch.reduce += time.perf_counter() - began
        return proposal

    return native
