"""Diffusion models: canvases, alone or several side by side in shared forward passes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.cache import CachePlan, cheapest_window
from ..decoding.denoiser import Denoiser, Query
from ..decoding.diffusion import Diffusion, DiffusionPlan
from ..decoding.parallel import ParallelRule
from ..decoding.proposal import Proposal, ProposalRule, Proposer
from ..decoding.step import Step
from ..decoding.together import Decoding, together
from ..decoding.view import Flags, View
from ..errors import HoshikageError, PromptTooLong, RunError, UsageError
from ..llama.canvases import CanvasContext
from ..llama.model import Model
from ..llama.rows import reduce_rows
from ..settings.declared import Settings, SpeedSettings, alternatives
from ..settings.function import Function
from .contexts import Contexts
from .engine import Jobs
from .functions import checked
from .job import Complete, Ended, Job, Stopwatch, Tokens
from .pass_costs import Costs, costs_of
from .room import Room

Rows = NDArray[np.float32]
Positions = NDArray[np.int64]

LENGTHS = 64
"""While more jobs may come, a context is made for canvases of a multiple of so many positions."""


@dataclass(eq=False, kw_only=True)
class CanvasJob(Job):
    """A canvas to be unmasked, and how."""

    mask_token: int
    shift_logits: bool
    settings: Settings
    early_stop: bool = True
    """Whether to end as soon as nothing that follows could be part of the answer."""

    @property
    def sequences(self) -> int:
        """How many canvases are evaluated for it in each step."""
        return 2 if self.settings.diffusion.cfg_scale > 0 else 1

    @property
    def revises(self) -> bool:
        """Whether what stands on the canvas may still be taken back."""
        return self.settings.diffusion.step is not None

    @property
    def caching(self) -> bool:
        return self.settings.speed.cache != "none"

    @property
    def asks_costs(self) -> bool:
        """Whether what passes cost decides how much of the canvas they evaluate."""
        speed = self.settings.speed
        return speed.cache in ("dual", "active") and not speed.cache_window

    @property
    def alike(self) -> tuple[Any, ...]:
        """Jobs that agree in this can share a context."""
        threads = self.settings.model.threads
        shape = (self.mask_token, self.shift_logits, threads, self.sequences)
        return (*shape, self.caching, self.asks_costs)


class DiffusionEngine:
    """The engine of diffusion models."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.contexts = Contexts(model)

    # ------------------------------------------------------------------------------- jobs

    def job(
        self, prompt: Tokens, settings: Settings, seed: int, complete: Complete | None = None
    ) -> CanvasJob:
        mask_token = mask_token_of(self.model, settings)
        length = canvas_length(self.model, len(prompt), settings)
        tokens = np.full(length, mask_token, np.int32)
        tokens[: len(prompt)] = prompt
        return replace(self.canvas_job(tokens, len(prompt), settings, seed), complete=complete)

    def canvas_job(
        self,
        tokens: Tokens,
        prompt_length: int,
        settings: Settings,
        seed: int,
        early_stop: bool = True,
    ) -> CanvasJob:
        """A job from a canvas (L,) that is laid out already."""
        mask_token = mask_token_of(self.model, settings)
        shift = settings.model.shift_logits
        return CanvasJob(
            tokens=tokens,
            prompt_length=prompt_length,
            mask_token=mask_token,
            seed=seed,
            total_steps=settings.diffusion.steps or int((tokens == mask_token).sum()),
            shift_logits=self.model.shift_logits if shift is None else shift,
            settings=settings,
            early_stop=early_stop,
        )

    # ------------------------------------------------------------------------------ steps

    def steps(self, jobs: Jobs, at_once: int = 1) -> Iterator[tuple[Job, Step | Ended]]:
        room: Room[CanvasJob] = Room(jobs, lambda job: job.alike)
        while (first := room.first()) is not None:
            with ExitStack() as stack:
                try:
                    bench = self._worker(stack, first, room, at_once)
                except HoshikageError as error:
                    room.discard(first)
                    yield first, Ended(error)
                else:
                    yield from bench.run(room, first)

    def likeliest(self, job: CanvasJob, positions: Sequence[int]) -> list[int]:
        """What the model would put at masked positions, were it to unmask them first."""
        query = Query(job.tokens, np.array(positions, np.int64))
        with self.contexts.lease(CanvasContext, **shape_of(job, len(job.tokens), 1)) as context:
            (rows,) = context.logits([query])
            rows = rows.copy()
        rows[:, job.mask_token] = -np.inf
        return rows.argmax(axis=1).tolist()

    def _worker(
        self, stack: ExitStack, first: CanvasJob, room: Room[CanvasJob], at_once: int
    ) -> _Worker:
        began, alike = time.perf_counter(), room.like(first)
        length = max(len(job.tokens) for job in alike)
        if room.last:
            at_once = min(at_once, len(alike))
        else:
            length = -(-length // LENGTHS) * LENGTHS
        shape = shape_of(first, length, at_once)
        context = stack.enter_context(self.contexts.lease(CanvasContext, **shape))
        # Measured before anything else is in the context.
        costs = costs_of(context) if first.asks_costs and context.has_cache else ()
        first.watch.opening = time.perf_counter() - began
        return _Worker(self.model, context, costs)


class _Worker:
    """A context at work: jobs come in from the room and run side by side."""

    def __init__(self, model: Model, context: CanvasContext, costs: Costs) -> None:
        self._model = model
        self._context = context
        self._denoiser = TimedDenoiser(context)
        self._costs = costs
        self._jobs: dict[Diffusion, CanvasJob] = {}

    def run(self, room: Room[CanvasJob], first: CanvasJob) -> Iterator[tuple[Job, Step | Ended]]:
        """Steps of the jobs like `first`, until none of them is left."""

        def arrivals(free: int, idle: bool) -> list[Diffusion]:
            admitted = room.admit(free, first, self._context.length, wait=idle)
            return [self._begun(job) for job in admitted]

        for run, step in together(self._denoiser, arrivals, first.sequences):
            job = self._jobs[run]
            job.watch.decode += self._denoiser.time_spent_on(run)
            if step is not None:
                yield job, step
                if not job.revises and job.is_complete(step.canvas):
                    run.end()
            else:
                del self._jobs[run]
                yield job, Ended(_unfinished(job, run))

    def _begun(self, job: CanvasJob) -> Diffusion:
        cache = cache_plan_of(job, self._costs)
        if cache.mode == "dual":
            job.chosen["cache_window"] = cache.window
        plan = plan_of(self._model, job, cache)
        proposer = proposer_of(self._context.threads, job.watch)
        run = Diffusion(self._denoiser, job.tokens, job.prompt_length, plan, proposer)
        self._jobs[run] = job
        return run


def _unfinished(job: CanvasJob, run: Diffusion) -> RunError | None:
    """What is wrong with a run that is over: masks may stay behind a complete answer alone."""
    canvas, left = run.canvas, len(run.canvas.masked())
    answered = job.early_stop and canvas.answered(run.end_tokens, len(canvas))
    if not left or answered or job.is_complete(canvas.tokens):
        return None
    return RunError(f"{left} positions were left masked: the algorithm or schedule is at fault")


class TimedDenoiser:
    """A context as the decoding loop sees it, with the time of its forward passes noted."""

    def __init__(self, context: Denoiser) -> None:
        self.mask_token = context.mask_token
        self.has_cache = context.has_cache
        self.max_sequences = context.max_sequences
        self._context = context
        self._seconds: defaultdict[int, float] = defaultdict(float)

    def logits(self, queries: Sequence[Query]) -> list[NDArray[np.float32]]:
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


# ------------------------------------------------------------------ from settings to plans


def shape_of(job: CanvasJob, length: int, at_once: int) -> dict[str, Any]:
    """The context that `at_once` jobs like this one need, on canvases of up to `length`."""
    return {
        "length": length,
        "sequences": at_once * job.sequences,
        "threads": job.settings.model.threads,
        "shift_logits": job.shift_logits,
        "mask_token": job.mask_token,
        # Passes over part of a canvas are to agree with whole ones.
        "flash_attention": False if job.caching else None,
    }


def cache_plan_of(job: CanvasJob, costs: Costs) -> CachePlan:
    """How much of the canvas a pass evaluates, by what passes cost on this machine."""
    speed = job.settings.speed
    plan = CachePlan(speed.cache, window=speed.cache_window or 0, refresh=speed.cache_refresh)
    if speed.cache_window or not costs:
        return plan
    if speed.cache == "dual":
        window = cheapest_window(job.settings.diffusion.block_length, costs)
        return replace(plan, window=window)
    return replace(plan, costs=costs)


def plan_of(model: Model, job: CanvasJob, cache: CachePlan) -> DiffusionPlan:
    """The pure plan of a run: what the decoding package needs of the settings and the model.
    Settings that have the name of a field flow by themselves."""
    settings, end_tokens = job.settings, model.vocabulary.end_tokens
    diffusion, sampling = settings.diffusion, settings.sampling
    rule = named(ProposalRule, diffusion, sampling) | {
        "confidence": diffusion.confidence or ("sampled" if job.shift_logits else "clean"),
        "guidance": diffusion.cfg_scale,
        "banned": (job.mask_token, *suppressed_by(model, settings)),
        "seed": job.seed,
    }
    plan = named(DiffusionPlan, diffusion, settings.speed, settings.output) | {
        "end_tokens": end_tokens,
        "early_stop": job.early_stop,
        "parallel": parallel_rule_of(settings.speed),
        "decide": _callable("step", diffusion.step),
        "cache": cache,
        "rule": ProposalRule(**rule),
    }
    return DiffusionPlan(**plan)


def suppressed_by(model: Model, settings: Settings) -> tuple[int, ...]:
    """End tokens that are never proposed."""
    suppress = settings.diffusion.eos_policy == "suppress"
    return tuple(sorted(model.vocabulary.end_tokens)) if suppress else ()


def named(plan: type, *groups: object) -> dict[str, Any]:
    """Settings of these groups that a plan has a field for."""
    known = {item.name for item in fields(plan)}
    return {
        n: _callable(n, value) for group in groups for n, value in vars(group).items() if n in known
    }


def _callable(name: str, value: Any) -> Any:
    """A setting's value; the function itself where one stands for it."""
    return checked(name, value) if isinstance(value, Function) else value


def parallel_rule_of(speed: SpeedSettings) -> ParallelRule | Callable[[View], Flags] | None:
    """The rule for parallel commits that the settings name, if any."""
    named = [name for name in alternatives()["parallel rule"] if getattr(speed, name) is not None]
    if not named:
        return None
    limit = getattr(speed, named[0])
    if isinstance(limit, Function):
        return checked("rule", limit)
    limits = (speed.klass_confidence, limit) if named[0] == "klass" else (limit,)
    return ParallelRule(named[0], limits)


def mask_token_of(model: Model, settings: Settings) -> int:
    """Raises NoMaskToken, or UsageError for an id outside the vocabulary."""
    chosen = settings.model.mask_token
    if chosen is None:
        chosen = model.mask_token
    if not 0 <= chosen < model.n_vocab:
        raise UsageError(
            f"--mask-token {chosen} is outside the vocabulary (0 to {model.n_vocab - 1})"
        )
    return chosen


def canvas_length(model: Model, prompt_length: int, settings: Settings) -> int:
    canvas = settings.canvas
    limit = settings.model.ctx_size or model.n_ctx_train
    length = canvas.max_length or prompt_length + (canvas.max_tokens or limit)
    if prompt_length >= length:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and leaves no room on a canvas of {length}: "
            "shorten it or raise --max-length"
        )
    if length > limit:
        raise PromptTooLong(
            f"a prompt of {prompt_length} tokens and {length - prompt_length} to generate "
            f"exceed the context of {limit}: shorten the prompt or lower --max-tokens"
        )
    return length
