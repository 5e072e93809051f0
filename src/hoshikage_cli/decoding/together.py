"""Several canvases side by side: their forward passes share batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .denoiser import Denoiser
from .diffusion import Diffusion, DiffusionPlan
from .proposal import Proposer, propose
from .step import Step

Admission = Callable[[int, bool], Iterable[Diffusion]]
"""arrivals(free, idle): up to `free` runs that are to begin now. When nothing is under way (`idle`)
none means that it is over; it may wait then, and not otherwise."""


def together(
    denoiser: Denoiser, arrivals: Admission, sequences: int = 1
) -> Iterator[tuple[Diffusion, Step | None]]:
    """Run canvases as they arrive, as many at a time as the denoiser has room for.

    sequences: how many of the denoiser's each of them needs. Yields (run, step) as steps are made,
    and (run, None) behind the last one. Each run gives the tokens that it gives alone, as far as
    the denoiser's rows do not depend on what else is in a batch.
    """
    if sequences > denoiser.max_sequences:
        raise ValueError(
            f"a run needs {sequences} sequences and the denoiser has {denoiser.max_sequences}"
        )
    free = list(range(0, denoiser.max_sequences - sequences + 1, sequences))
    under_way: list[Diffusion] = []
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


def _pass(denoiser: Denoiser, runs: list[Diffusion]) -> list[tuple[Diffusion, Step]]:
    """One step of each run, out of one call of the denoiser."""
    if not runs:
        return []
    asked = [run.ask() for run in runs]
    rows = iter(denoiser.logits([query for queries in asked for query in queries]))
    answered = [[next(rows) for _ in queries] for queries in asked]
    return [(run, run.answer(mine)) for run, mine in zip(runs, answered, strict=True)]


def all_at_once(runs: Iterable[Diffusion]) -> Admission:
    """Admission of runs that are all there already."""
    waiting = list(runs)

    def arrivals(free: int, idle: bool) -> list[Diffusion]:
        admitted = waiting[:free]
        del waiting[:free]
        return admitted

    return arrivals


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
    run = Diffusion(denoiser, tokens, prompt_length, plan, proposer)
    steps = together(denoiser, all_at_once([run]), run.sequences_needed)
    return (step for _, step in steps if step is not None)
