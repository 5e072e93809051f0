"""Several runs side by side: their forward passes share batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .denoiser import Denoiser, Query
from .diffusion import Diffusion, DiffusionPlan
from .proposal import Proposer, propose
from .step import Step

Rows = NDArray[np.float32]


class Decoding(Protocol):
    """A run without its forward passes, as `Diffusion` and `blocks.Blocks` are."""

    sequence: int
    """The first of the denoiser's that it was given."""

    @property
    def sequences_needed(self) -> int:
        """How many of the denoiser's sequences it needs."""

    @property
    def over(self) -> bool:
        """Whether no step is left to make."""

    def begin(self, sequence: int) -> None:
        """Take a sequence of the denoiser, and those behind it that it needs."""

    def ask(self) -> list[Query]:
        """What it needs for its next step."""

    def answer(self, rows: list[Rows]) -> Step:
        """Make that step, with one array of rows a query."""


Run = TypeVar("Run", bound=Decoding)

Admission = Callable[[int, bool], Iterable[Run]]
"""arrivals(free, idle): up to `free` runs that are to begin now. When nothing is under way (`idle`)
none means that it is over; it may wait then, and not otherwise."""


def together(
    denoiser: Denoiser, arrivals: Admission[Run], sequences: int = 1
) -> Iterator[tuple[Run, Step | None]]:
    """Make the steps of runs as they arrive, as many at a time as the denoiser has room for.

    sequences: how many of the denoiser's each of them needs. Yields (run, step) as steps are made,
    and (run, None) behind the last one. Each run gives the tokens that it gives alone, as far as
    the denoiser's rows do not depend on what else is in a batch.
    """
    if sequences > denoiser.max_sequences:
        raise ValueError(
            f"a run needs {sequences} sequences and the denoiser has {denoiser.max_sequences}"
        )
    free = list(range(0, denoiser.max_sequences - sequences + 1, sequences))
    under_way: list[Run] = []
    while True:
        arrived = list(arrivals(len(free), not under_way))
        if not arrived and not under_way:
            return
        for run in arrived:
            run.begin(free.pop(0))
        under_way += arrived
        working = [run for run in under_way if not run.over]
        yield from _pass(denoiser, working)
        for run in [run for run in under_way if run.over]:
            under_way.remove(run)
            free.append(run.sequence)
            yield run, None


def _pass(denoiser: Denoiser, runs: list[Run]) -> list[tuple[Run, Step]]:
    """One step of each run, out of one call of the denoiser."""
    if not runs:
        return []
    asked = [run.ask() for run in runs]
    rows = iter(denoiser.logits([query for queries in asked for query in queries]))
    answered = [[next(rows) for _ in queries] for queries in asked]
    return [(run, run.answer(mine)) for run, mine in zip(runs, answered, strict=True)]


def all_at_once(runs: Iterable[Run]) -> Admission[Run]:
    """Admission of runs that are all there already."""
    waiting = list(runs)

    def arrivals(free: int, idle: bool) -> list[Run]:
        admitted = waiting[:free]
        del waiting[:free]
        return admitted

    return arrivals


def alone(denoiser: Denoiser, run: Decoding) -> Iterator[Step]:
    """The steps of one run."""
    steps = together(denoiser, all_at_once([run]), run.sequences_needed)
    return (step for _, step in steps if step is not None)


def diffuse(
    denoiser: Denoiser,
    tokens: NDArray[np.int32],
    prompt_length: int,
    plan: DiffusionPlan,
    proposer: Proposer = propose,
) -> Iterator[Step]:
    """Unmask every masked position of `tokens` (L,), wherever it stands.

    Answers count from `prompt_length`. Yields the steps that commit something; a step that would
    commit nothing costs no forward pass and is passed over, which is exact because every random
    number belongs to its step and position.
    """
    return alone(denoiser, Diffusion(denoiser, tokens, prompt_length, plan, proposer))
