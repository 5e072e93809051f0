"""Runs of a diffusion model: canvases, alone or several side by side in shared forward passes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..decoding.cache import CachePlan, cheapest_window
from ..decoding.diffusion import Diffusion, DiffusionPlan, diffuse_together
from ..decoding.proposal import Proposal, ProposalRule
from ..decoding.step import Step
from ..errors import NoMaskToken, PromptTooLong, UsageError
from ..generation.run import Run, Stopwatch, TextEvent
from ..llama.context import Context
from ..llama.model import Model
from ..llama.rows import RowRule, reduce_rows
from ..settings.declared import Settings
from .pass_costs import Costs, costs_of

if TYPE_CHECKING:
    from ..generation.generator import Generator

DEFAULT_MAX_TOKENS = 128


@dataclass(frozen=True)
class Task:
    """A canvas to be unmasked and how, before any context is opened for it. early_stop: end as
    soon as nothing that follows could be part of the answer."""

    tokens: NDArray[np.int32]
    prompt_length: int
    mask_token: int
    shift_logits: bool
    settings: Settings
    seed: int
    early_stop: bool = True

    @property
    def guided(self) -> bool:
        return self.settings.diffusion.cfg_scale > 0

    @property
    def caching(self) -> bool:
        return self.settings.speed.cache != "none"

    @property
    def alike(self) -> tuple:
        """Tasks that agree in this can share a context."""
        model = self.settings.model
        return (self.mask_token, self.shift_logits, model.threads, self.guided, self.caching)


def task_of(generator: Generator, prompt: NDArray[np.int32], settings: Settings, seed: int) -> Task:
    """The prompt's canvas. Raises UsageError when it does not fit or there is no mask token."""
    model = generator.model
    mask_token = mask_token_of(model, settings)
    tokens = np.full(_canvas_length(model, len(prompt), settings), mask_token, np.int32)
    tokens[: len(prompt)] = prompt
    shift = settings.model.shift_logits
    shift = model.shift_logits if shift is None else shift
    return Task(tokens, len(prompt), mask_token, shift, settings, seed)


def context_for(generator: Generator, tasks: list[Task], at_once: int) -> Context:
    """Room for `at_once` of these tasks, which are alike, side by side."""
    first = tasks[0]
    return generator.context(
        length=max(len(task.tokens) for task in tasks),
        sequences=at_once * (2 if first.guided else 1),
        threads=first.settings.model.threads,
        shift_logits=first.shift_logits,
        mask_token=first.mask_token,
        # Passes over part of a canvas are to agree with whole ones.
        flash_attention=False if first.caching else None,
    )


def _run_of(generator: Generator, context: Context, task: Task, costs: Costs) -> Run:
    """A run whose steps are yet to come."""
    watch = Stopwatch()
    cache = cache_plan(task, costs)
    plan = diffusion_plan(generator.model, task, cache)
    proposer = _proposer(context.threads, watch)
    total = plan.steps or int((task.tokens == task.mask_token).sum())
    run = Run(generator, task.tokens, task.prompt_length, task.mask_token, task.seed, total, watch)
    run.diffusion = Diffusion(context, task.tokens, task.prompt_length, plan, proposer)
    if cache.mode == "dual":
        run.chosen["cache_window"] = cache.window
    return run


def _costs_for(context: Context, tasks: Sequence[Task]) -> Costs:
    """What passes cost, looked up once for all tasks of a context; empty where none asks."""
    asked = any(t.settings.speed.cache in ("dual", "active") for t in tasks)
    fixed = all(t.settings.speed.cache_window for t in tasks)
    return costs_of(context) if context.has_cache and asked and not fixed else ()


def cache_plan(task: Task, costs: Costs) -> CachePlan:
    """How much of the canvas a pass evaluates, by what passes cost on this machine."""
    speed = task.settings.speed
    plan = CachePlan(speed.cache, window=speed.cache_window or 0, refresh=speed.cache_refresh)
    if speed.cache_window or not costs:
        return plan
    if speed.cache == "dual":
        window = cheapest_window(task.settings.diffusion.block_length, costs)
        return replace(plan, window=window)
    return replace(plan, costs=costs)


def start_task(generator: Generator, task: Task) -> Run:
    """Begin to unmask one canvas."""
    context = context_for(generator, [task], 1)
    run = _run_of(generator, context, task, _costs_for(context, [task]))
    run.steps = (step for _, step in _steps_of(context, [run]))
    return run


def run_together(
    generator: Generator, tasks: Sequence[Task], at_once: int
) -> Iterator[tuple[int, TextEvent]]:
    """Unmask several canvases in shared forward passes, at most `at_once` at a time.

    Yields (index into `tasks`, event); after its last one a run is `finished`. The tasks must
    be `alike`.
    """
    context = context_for(generator, list(tasks), min(at_once, len(tasks)))
    costs = _costs_for(context, tasks)
    runs = [_run_of(generator, context, task, costs) for task in tasks]
    for i, step in _steps_of(context, runs):
        run = runs[i]
        event = run.record(step)
        run.finished = run.diffusion.over
        yield i, event


def _steps_of(context: Context, runs: Sequence[Run]) -> Iterator[tuple[int, Step]]:
    """Steps of all runs as they are made, the time of each pass shared out among them."""
    denoiser = _TimedDenoiser(context)
    for i, step in diffuse_together(denoiser, [run.diffusion for run in runs]):
        runs[i].watch.decode += denoiser.time_spent_on(runs[i].diffusion)
        yield i, step


def diffusion_plan(model: Model, task: Task, cache: CachePlan) -> DiffusionPlan:
    """The pure plan of a run: what the decoding package needs of the settings and the model."""
    settings = task.settings
    diffusion, speed, sampling = settings.diffusion, settings.speed, settings.sampling
    end_tokens = model.vocabulary.end_tokens
    suppressed = tuple(sorted(end_tokens)) if diffusion.eos_policy == "suppress" else ()
    rule = ProposalRule(
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        gumbel=diffusion.gumbel,
        confidence=diffusion.confidence or ("sampled" if task.shift_logits else "clean"),
        guidance=diffusion.cfg_scale,
        banned=(task.mask_token, *suppressed),
        seed=task.seed,
    )
    return DiffusionPlan(
        steps=diffusion.steps,
        algorithm=diffusion.algorithm,
        schedule=diffusion.schedule,
        eps=diffusion.eps,
        block_length=diffusion.block_length,
        alg_temp=diffusion.alg_temp,
        eos_policy=diffusion.eos_policy,
        end_tokens=end_tokens,
        early_stop=task.early_stop,
        threshold=speed.threshold,
        factor=speed.factor,
        entropy_bound=speed.entropy_bound,
        cache=cache,
        rule=rule,
    )


def mask_token_of(model: Model, settings: Settings) -> int:
    chosen = settings.model.mask_token
    if chosen is None:
        chosen = model.vocabulary.mask_token
    if chosen is None:
        raise NoMaskToken(
            f"{model.path.name} is a diffusion model whose vocabulary names no mask token: "
            "give its id with --mask-token"
        )
    if not 0 <= chosen < model.n_vocab:
        raise UsageError(
            f"--mask-token {chosen} is outside the vocabulary (0 to {model.n_vocab - 1})"
        )
    return chosen


def _canvas_length(model: Model, prompt_length: int, settings: Settings) -> int:
    canvas = settings.canvas
    limit = settings.model.ctx_size or model.n_ctx_train
    if canvas.max_length is not None:
        length = canvas.max_length
    else:
        length = prompt_length + (canvas.max_tokens or DEFAULT_MAX_TOKENS)
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


class _TimedDenoiser:
    """A context as the decoding loop sees it, with the time of its forward passes noted."""

    def __init__(self, context: Context) -> None:
        self.n_vocab = context.n_vocab
        self.mask_token = context.mask_token
        self.shift_logits = context.shift_logits
        self.has_cache = context.has_cache
        self.max_sequences = context.max_sequences
        self._context = context
        self._seconds: Counter[int] = Counter()

    def logits(self, queries):
        began = time.perf_counter()
        rows = self._context.logits(queries)
        share = (time.perf_counter() - began) / len(queries)
        for query in queries:
            self._seconds[query.sequence] += share
        return rows

    def time_spent_on(self, diffusion: Diffusion) -> float:
        """Seconds of passes since this was last asked of the canvas: an equal share of each."""
        width = 2 if diffusion.guided else 1
        return sum(self._seconds.pop(diffusion.sequence + twin, 0.0) for twin in range(width))


def _proposer(threads: int, watch: Stopwatch) -> Callable[..., Proposal]:
    def native(logits, unconditional, positions, step, rule: ProposalRule) -> Proposal:
        began = time.perf_counter()
        rows = reduce_rows(logits, unconditional, positions, step, _row_rule(rule), threads)
        watch.reduce += time.perf_counter() - began
        return Proposal(**vars(rows))

    return native


def _row_rule(rule: ProposalRule) -> RowRule:
    return RowRule(
        temperature=rule.temperature,
        top_k=rule.top_k,
        top_p=rule.top_p,
        gumbel=rule.gumbel,
        clean=rule.confidence == "clean",
        guidance=rule.guidance,
        banned=rule.banned,
        seed=rule.seed,
    )
