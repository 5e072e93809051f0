"""Where jobs wait for a context that suits them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from .engine import Jobs
from .job import Job

SomeJob = TypeVar("SomeJob", bound=Job)


class Room(Generic[SomeJob]):
    """Takes jobs in as there is room for them, and hands out those that can share a context.

    They are taken in by the lot: as many as can run now, or as many as the jobs offer ahead, put in
    order of length, since canvases of one length share forward passes. The next lot comes when the
    last is gone, so that none waits for ever.
    """

    def __init__(self, jobs: Jobs, alike: Callable[[SomeJob], Hashable]) -> None:
        self._jobs = jobs
        self._alike = alike
        self._waiting: list[SomeJob] = []

    def first(self) -> SomeJob | None:
        """The job to open a context for; waits for one. None: there are no more."""
        if not self._waiting:
            self._take_in(1, wait=True)
        return self._waiting[0] if self._waiting else None

    def like(self, job: SomeJob) -> list[SomeJob]:
        """Those that wait and can share a context with `job`, itself among them."""
        return [other for other in self._waiting if self._alike(other) == self._alike(job)]

    @property
    def last(self) -> bool:
        """Whether it is known that no more will come than wait already."""
        return self._jobs.over

    def admit(self, count: int, like: SomeJob, longest: int, wait: bool) -> list[SomeJob]:
        """Up to `count` jobs like another, that need room for `longest` at most; none if there is
        none now, or, after waiting, if the next is of another kind or there are no more."""
        if count and not self._waiting:
            self._take_in(count, wait)
        fitting = [job for job in self.like(like) if job.room <= longest][:count]
        for job in fitting:
            self._waiting.remove(job)
        return fitting

    def discard(self, job: SomeJob) -> None:
        """Let a job go that cannot be run."""
        self._waiting.remove(job)

    def _take_in(self, count: int, wait: bool) -> None:
        job = self._jobs.take(wait)
        while job is not None:
            self._waiting.append(job)  # type: ignore[arg-type]  # an engine is given its own jobs
            job = self._jobs.take(False) if len(self._waiting) < self._lot(count) else None
        self._waiting.sort(key=lambda job: (str(self._alike(job)), len(job.tokens)))

    def _lot(self, count: int) -> int:
        return max(count, self._jobs.ahead)
