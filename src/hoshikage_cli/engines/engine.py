"""What a generator asks of the engine of a family: jobs in, steps out.

    prompt --job--> Job --steps--> Step, Step, …, Ended

An engine knows of models, contexts and canvases; nothing of text, terminals or files. Each way of
decoding has one, in a file of its own; `ENGINES` (in `engines.table`) says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ..decoding.step import Step
from ..errors import HoshikageError
from ..llama.model import Model
from ..settings.declared import Settings
from .job import Complete, Ended, Job, Tokens

if TYPE_CHECKING:  # Contexts need the library, and jobs and rooms do not.
    from .contexts import Contexts


class Jobs(Protocol):
    """Where an engine takes its next job from."""

    ahead: int
    """How many may be taken before they can run, so that those alike run together; 0: none."""

    def take(self, wait: bool) -> Job | None:
        """The next job. Without `wait`, None says that there is none now; with it, that the
        engine's work is over."""
        ...

    @property
    def over(self) -> bool:
        """Whether it is known that no more will come."""
        ...


class Engine(Protocol):
    """A family of decoding over one model."""

    model: Model
    contexts: Contexts
    """What its runs lease."""

    def job(
        self, prompt: Tokens, settings: Settings, seed: int, complete: Complete | None = None
    ) -> Job:
        """Lay a prompt out. Raises PromptTooLong, NoMaskToken or UsageError when it cannot run."""
        ...

    def steps(self, jobs: Jobs, at_once: int = 1) -> Iterator[tuple[Job, Step | Ended]]:
        """Run the jobs as they come, up to `at_once` side by side, and yield their steps.

        No more are taken than can run, but for as many as `jobs` has at hand and that are better
        run in another order. Behind its last step each job yields Ended, with an error if it never
        began. An error in the middle of a pass is raised and ends all. What the engine holds is
        given back when the iterator is exhausted, closed or dropped.
        """
        ...


def one_by_one(
    jobs: Jobs, steps_of: Callable[[Any], Iterator[Step]]
) -> Iterator[tuple[Job, Step | Ended]]:
    """`Engine.steps` for an engine that runs one job after the other."""
    while (job := jobs.take(wait=True)) is not None:
        try:
            for step in steps_of(job):
                yield job, step
        except HoshikageError as error:
            yield job, Ended(error)
        else:
            yield job, Ended()
