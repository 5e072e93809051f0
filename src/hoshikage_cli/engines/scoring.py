"""How likely texts are to a model: what an engine can do beside running jobs.

Each method is a function from an engine and what is asked of it to one `Likelihood` a text; a new
one is a row of `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..decoding.likelihood import Likelihood, Scorer, along_order, chain, monte_carlo
from ..errors import PromptTooLong, UsageError
from ..llama.canvases import CanvasContext
from ..llama.context import Context
from ..llama.model import Model
from ..llama.score import log_probabilities
from ..llama.text_context import TextContext
from ..settings.declared import Settings
from .blocks import BlockEngine
from .diffusion import (
    CanvasJob,
    DiffusionEngine,
    cache_plan_of,
    plan_of,
    shape_of,
)
from .engine import Engine
from .job import Tokens
from .pass_costs import costs_of
from .worker import LENGTHS, proposer_of

Heard = Callable[[float], object]

AT_ONCE = 8
"""Draws side by side: enough rows for a matrix product to be worth its start."""
LOGITS_AT_ONCE = 2**27
"""Logits that a forward pass may leave: half a gigabyte of them."""


@dataclass(frozen=True)
class ScoreJob:
    """Texts whose likelihood is wanted, each behind the same tokens."""

    before: Tokens
    """What is given, and not scored."""
    texts: Sequence[Tokens]
    """Each has a token at least."""
    settings: Settings
    seed: int
    draws: int
    """How many, where the method draws."""


def likelihoods(engine: Engine, method: str, asked: ScoreJob, heard: Heard) -> Iterator[Likelihood]:
    """One for each text, in order; `heard` is told the share of all work that is done.

    Raises PromptTooLong before anything is computed.
    """
    _check_lengths(engine.model, asked)
    return METHODS[method][engine.model.family.kind](engine, asked, heard)


def method_of(kind: str, wanted: str | None) -> str:
    """The method for a kind of model: what is `wanted`, or the first there is.

    Raises UsageError for one that is not there, or that is for other models.
    """
    fitting = [name for name, kinds in METHODS.items() if kind in kinds]
    if wanted is None:
        return fitting[0]
    if wanted not in fitting:
        known = " or ".join(fitting)
        raise UsageError(f"--method {wanted} is none for {kind} models: they have {known}")
    return wanted


def _check_lengths(model: Model, asked: ScoreJob) -> None:
    limit = asked.settings.model.ctx_size or model.n_ctx_train
    before, text = len(asked.before), max(map(len, asked.texts))
    if before + text > limit:
        given = f" behind a prompt of {before}" if before else ""
        raise PromptTooLong(
            f"a text of {text} tokens{given} exceeds the context of {limit}: shorten it"
        )


def _shares(heard: Heard, count: int) -> Iterator[Heard]:
    """For each of several texts, whom to tell its own share."""
    for done in range(count):
        yield lambda share, done=done: heard((done + share) / count)  # type: ignore[misc]


def _scorer(context: Context) -> Scorer:
    return partial(log_probabilities, threads=context.threads)


def _rounded(length: int) -> int:
    """Of texts of nearly one length each finds the context of the last."""
    return -(-length // LENGTHS) * LENGTHS


# ------------------------------------------------------------------- autoregressive models


def _exactly(engine: Engine, asked: ScoreJob, heard: Heard) -> Iterator[Likelihood]:
    """Token by token; what stands before the texts is evaluated once."""
    before, threads = asked.before, asked.settings.model.threads
    length = _rounded(len(before) + max(map(len, asked.texts)))
    with engine.contexts.lease(TextContext, length=length, threads=threads) as context:
        for text, told in zip(asked.texts, _shares(heard, len(asked.texts)), strict=True):
            _refill(context, before[:-1])
            yield _of_text(context, before[-1:], text)
            told(1.0)


def _refill(context: TextContext, tokens: Tokens) -> None:
    """Leave these tokens in a context that holds them, and maybe more, or nothing."""
    if len(tokens) == 0 or not context.rewind(len(tokens)):
        context.clear()
        context.prefill(tokens)


def _of_text(context: TextContext, last: Tokens, text: Tokens) -> Likelihood:
    """last: the token before the text, if there is one; without it the first of the text has
    nothing that predicts it, and counts for nothing."""
    whole = np.concatenate([last, text])
    found = chain(context.rows(whole[:-1]), whole[1:], _scorer(context))
    if len(last):
        return found
    return Likelihood(
        found.log_likelihood,
        None,
        np.concatenate([[np.nan], found.log_probability]),
        None if found.likeliest is None else np.concatenate([text[:1], found.likeliest]),
        nfe=found.nfe,
    )


# ------------------------------------------------------------------------ diffusion models


def _by_draws(engine: Engine, asked: ScoreJob, heard: Heard) -> Iterator[Likelihood]:
    assert isinstance(engine, DiffusionEngine)
    for text, told in zip(asked.texts, _shares(heard, len(asked.texts)), strict=True):
        job = _canvas(engine, asked, text)
        at_once = _at_once(engine.model, job, len(text), asked.draws)
        shape = shape_of(job, _rounded(len(job.tokens)), at_once)
        with engine.contexts.lease(CanvasContext, **shape) as context:
            yield monte_carlo(
                context,
                job.tokens,
                job.prompt_length,
                asked.draws,
                job.seed,
                asked.settings.diffusion.cfg_scale,
                _scorer(context),
                told,
            )


def _at_once(model: Model, job: CanvasJob, length: int, draws: int) -> int:
    """Draws in one pass: half of the text is masked as a rule, at most all of it."""
    affordable = LOGITS_AT_ONCE // (model.n_vocab * length * job.sequences)
    return max(1, min(AT_ONCE, draws, affordable))


def _in_order(engine: Engine, asked: ScoreJob, heard: Heard) -> Iterator[Likelihood]:
    assert isinstance(engine, DiffusionEngine)
    _refuse_revising(asked)
    for text, told in zip(asked.texts, _shares(heard, len(asked.texts)), strict=True):
        job = _canvas(engine, asked, text)
        shape = shape_of(job, _rounded(len(job.tokens)), 1)
        with engine.contexts.lease(CanvasContext, **shape) as context:
            costs = costs_of(context) if job.asks_costs and context.has_cache else ()
            yield along_order(
                context,
                job.tokens,
                job.prompt_length,
                plan_of(engine.model, job, cache_plan_of(job, costs)),
                proposer_of(context.threads, job.watch),
                _scorer(context),
                told,
            )


def _refuse_revising(asked: ScoreJob) -> None:
    """Raises UsageError for what may unmask a token twice."""
    step = asked.settings.diffusion.step
    if step is not None:
        raise UsageError(
            f"--step {step} may take tokens back, so that there is no order to score a text along: "
            "leave it out, or give --method monte-carlo"
        )


def _canvas(engine: DiffusionEngine, asked: ScoreJob, text: Tokens) -> CanvasJob:
    """The text behind what is given, as a canvas. Raises UsageError for masks in either."""
    tokens = np.concatenate([asked.before, text]).astype(np.int32)
    job = engine.canvas_job(tokens, len(asked.before), asked.settings, asked.seed)
    _refuse_masks(tokens, job.mask_token)
    return job


# -------------------------------------------------------------- models that write in blocks


def _block_after_block(engine: Engine, asked: ScoreJob, heard: Heard) -> Iterator[Likelihood]:
    """Along the order of a run that edits nothing."""
    assert isinstance(engine, BlockEngine)
    for text, told in zip(asked.texts, _shares(heard, len(asked.texts)), strict=True):
        tokens = np.concatenate([asked.before, text]).astype(np.int32)
        job = engine.canvas_job(tokens, len(asked.before), asked.settings, asked.seed)
        _refuse_masks(tokens, job.mask_token)
        profile = replace(job.plan.profile, edit_threshold=None)
        with engine.lease(job) as context:
            yield along_order(
                context,
                tokens,
                job.prompt_length,
                replace(job.plan, profile=profile),
                proposer_of(context.threads, job.watch),
                _scorer(context),
                told,
            )


def _refuse_masks(tokens: Tokens, mask_token: int) -> None:
    if (tokens == mask_token).any():
        raise UsageError("what is scored holds the mask token: leave it out, of the prompt as well")


# ------------------------------------------------------------------------------ the methods


Way = Callable[[Any, ScoreJob, Heard], Iterator[Likelihood]]

METHODS: dict[str, dict[str, Way]] = {
    "exact": {"autoregressive": _exactly},
    "monte-carlo": {"diffusion": _by_draws},
    "order": {"diffusion": _in_order, "block": _block_after_block},
}
"""By name, for the kinds of model that each is defined for; the first for a kind is its default."""
