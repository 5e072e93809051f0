"""Diffusion models: canvases, alone or several side by side in shared forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..decoding.cache import CachePlan, cheapest_window
from ..decoding.denoiser import Query
from ..decoding.diffusion import Diffusion, DiffusionPlan
from ..decoding.parallel import ParallelRule
from ..decoding.proposal import ProposalRule
from ..decoding.step import Step
from ..decoding.view import Flags, View
from ..errors import PromptTooLong, RunError, UsageError
from ..llama.canvases import CanvasContext
from ..llama.memory import need_of, refuse_too_large
from ..llama.model import Model
from ..settings.declared import Settings, SpeedSettings, alternatives
from ..settings.family import confidence_of
from ..settings.function import Function
from .contexts import Contexts
from .engine import Jobs
from .functions import checked
from .job import Complete, Ended, Job, Tokens
from .pass_costs import Costs, costs_of
from .room import Room
from .worker import Worker, proposer_of, side_by_side


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
        tokens = laid_out(self.model, prompt, settings)
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
        job = CanvasJob(
            tokens=tokens,
            prompt_length=prompt_length,
            mask_token=mask_token,
            seed=seed,
            total_steps=settings.diffusion.steps or int((tokens == mask_token).sum()),
            shift_logits=self.model.shift_logits if shift is None else shift,
            settings=settings,
            early_stop=early_stop,
        )
        rows = job.sequences * min(settings.diffusion.block_length or len(tokens), len(tokens))
        need = need_of(self.model, len(tokens), job.sequences, job.sequences * len(tokens), rows)
        refuse_too_large(need, len(tokens))
        return job

    # ------------------------------------------------------------------------------ steps

    def steps(self, jobs: Jobs, at_once: int = 1) -> Iterator[tuple[Job, Step | Ended]]:
        return side_by_side(Room(jobs, lambda job: job.alike), self._worker, at_once)

    def likeliest(self, job: CanvasJob, positions: Sequence[int]) -> tuple[list[int], int]:
        """What the model would put at masked positions, were it to unmask them first; and the
        passes that it took to know."""
        query = Query(job.tokens, np.array(positions, np.int64))
        with self.contexts.lease(CanvasContext, **shape_of(job, len(job.tokens), 1)) as context:
            (rows,) = context.logits([query])
            rows = rows.copy()
        rows[:, job.mask_token] = -np.inf
        return rows.argmax(axis=1).tolist(), 1

    def _worker(
        self, stack: ExitStack, first: CanvasJob, length: int, at_once: int
    ) -> _CanvasWorker:
        shape = shape_of(first, length, at_once)
        context = stack.enter_context(self.contexts.lease(CanvasContext, **shape))
        # Measured before anything else is in the context.
        costs = costs_of(context) if first.asks_costs and context.has_cache else ()
        return _CanvasWorker(self.model, context, first.sequences, costs)


class _CanvasWorker(Worker[CanvasJob, Diffusion]):
    def __init__(self, model: Model, context: CanvasContext, needed: int, costs: Costs) -> None:
        super().__init__(context, context.length, needed)
        self._model = model
        self._context = context
        self._costs = costs

    def begun(self, job: CanvasJob) -> Diffusion:
        cache = cache_plan_of(job, self._costs)
        if cache.mode == "dual":
            job.chosen["cache_window"] = cache.window
        plan = plan_of(self._model, job, cache)
        proposer = proposer_of(self._context.threads, job.watch)
        return Diffusion(self._context, job.tokens, job.prompt_length, plan, proposer)

    def after(self, job: CanvasJob, run: Diffusion, step: Step) -> None:
        if not job.revises and job.is_complete(step.canvas):
            run.end()

    def unfinished(self, job: CanvasJob, run: Diffusion) -> RunError | None:
        return _unfinished(job, run)


def _unfinished(job: CanvasJob, run: Diffusion) -> RunError | None:
    """What is wrong with a run that is over: masks may stay behind a complete answer alone."""
    canvas, left = run.canvas, len(run.canvas.masked())
    answered = job.early_stop and canvas.answered(run.end_tokens, len(canvas))
    if not left or answered or job.is_complete(canvas.tokens):
        return None
    return RunError(f"{left} positions were left masked: the algorithm or schedule is at fault")


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
    speed, in_blocks = job.settings.speed, job.settings.diffusion.schedule == "block"
    plan = CachePlan(
        speed.cache,
        window=speed.cache_window or 0,
        refresh=speed.cache_refresh,
        reach=speed.cache_reach if in_blocks else None,
    )
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
        "confidence": diffusion.confidence or confidence_of(job.shift_logits),
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


def laid_out(model: Model, prompt: Tokens, settings: Settings) -> Tokens:
    """A prompt and the masks behind it. Raises as `mask_token_of` and `canvas_length` do."""
    mask_token = mask_token_of(model, settings)
    tokens = np.full(canvas_length(model, len(prompt), settings), mask_token, np.int32)
    tokens[: len(prompt)] = prompt
    return tokens


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
    # Before a canvas of that length is made: its cells alone may be too many.
    refuse_too_large(need_of(model, length, 1, batch=0, rows=0), length)
    return length
