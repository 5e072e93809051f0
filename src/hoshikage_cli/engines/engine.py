"""What a generator asks of the engine of a family: jobs in, steps out.

    prompt --job--> Job --steps--> Step, Step, …, Ended

An engine knows of models, contexts and canvases; nothing of text, terminals or files. Each way of
decoding has one, in a file of its own; `ENGINES` (in `engines.table`) says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..decoding.step import Step
from ..errors import HoshikageError
from ..settings.declared import Settings

if TYPE_CHECKING:
    # A run that is played again needs a job, and no library.
    from .contexts import Contexts

Tokens = NDArray[np.int32]


@dataclass
class Stopwatch:
    """Seconds that a job has taken so far."""

    opening: float = 0.0
    """Waiting for a context."""
    decode: float = 0.0
    """In forward passes: its share of those that it had with others."""
    reduce: float = 0.0
    """In reductions of rows."""


@dataclass(eq=False, kw_only=True)
class Job:
    """A prompt laid out for an engine, before anything is computed for it."""

    tokens: Tokens
    """(L,) the canvas as it begins; masked positions hold `mask_token`."""
    prompt_length: int
    """Where the answer begins."""
    mask_token: int | None
    """None where positions are added and none is ever masked."""
    seed: int
    total_steps: int | None
    """The most steps that it takes, if that is known."""
    watch: Stopwatch = field(default_factory=Stopwatch)
    chosen: dict[str, Any] = field(default_factory=dict)
    """Settings that the engine has settled itself, by name."""


@dataclass(frozen=True)
class Ended:
    """Stands behind the last step of a job."""

    error: HoshikageError | None = None
    """Why the job could not be run; None for one that is finished."""


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

    contexts: Contexts
    """What its runs lease."""

    def job(self, prompt: Tokens, settings: Settings, seed: int) -> Job:
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
