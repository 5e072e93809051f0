"""Autoregressive models: one token after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..decoding.autoregressive import extend
from ..decoding.proposal import ProposalRule
from ..decoding.step import Step
from ..decoding.telling import candidates, kept, with_logprobs
from ..errors import PromptTooLong
from ..llama.model import Model
from ..llama.rows import reduce_rows
from ..llama.sampler import Sampler
from ..llama.text_context import TextContext
from ..settings.declared import OutputSettings, Settings
from .contexts import Contexts
from .engine import Jobs, one_by_one
from .job import Complete, Ended, Job, Stopwatch, Tokens


@dataclass(eq=False, kw_only=True)
class TextJob(Job):
    """A prompt to be continued."""

    max_tokens: int
    settings: Settings


class AutoregressiveEngine:
    """The engine of autoregressive models; one job at a time."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.contexts = Contexts(model)

    def job(
        self, prompt: Tokens, settings: Settings, seed: int, complete: Complete | None = None
    ) -> TextJob:
        max_tokens = _most_tokens(self.model, len(prompt), settings)
        return TextJob(
            tokens=prompt,
            prompt_length=len(prompt),
            mask_token=None,
            seed=seed,
            total_steps=max_tokens,
            complete=complete,
            max_tokens=max_tokens,
            settings=settings,
        )

    def steps(self, jobs: Jobs, at_once: int = 1) -> Iterator[tuple[Job, Step | Ended]]:
        return one_by_one(jobs, self._extended)

    def _extended(self, job: TextJob) -> Iterator[Step]:
        began, threads = time.perf_counter(), job.settings.model.threads
        length = job.prompt_length + job.max_tokens
        with self.contexts.lease(TextContext, length=length, threads=threads) as context:
            job.watch.opening = time.perf_counter() - began
            source = _Source(context, _sampler(self.model, job), job.watch)
            end_tokens = self.model.vocabulary.end_tokens
            for step in extend(source, job.tokens, job.max_tokens, end_tokens):
                yield _telling(step, context, job.settings.output)
                if job.is_complete(step.canvas):
                    return


class _Source:
    """What the loop asks for, over a context and a chain of samplers."""

    def __init__(self, context: TextContext, sampler: Sampler, watch: Stopwatch) -> None:
        self._context = context
        self._sampler = sampler
        self._watch = watch

    def prefill(self, tokens: Tokens) -> None:
        began = time.perf_counter()
        self._context.prefill(tokens)
        self._watch.decode += time.perf_counter() - began

    def sample(self) -> tuple[int, float]:
        began = time.perf_counter()
        drawn = self._sampler.sample(self._context)
        self._watch.reduce += time.perf_counter() - began
        return drawn

    def append(self, token: int) -> None:
        began = time.perf_counter()
        self._context.append(token)
        self._watch.decode += time.perf_counter() - began


def _telling(step: Step, context: TextContext, output: OutputSettings) -> Step:
    """The step with what else is to be told of it: of the model's own distribution, whatever the
    samplers made of it. The row is still there, since nothing has been appended yet."""
    keep = kept(output.trace_proposals, output.logprobs)
    if keep is None:
        return step
    row, (commit,) = context.logits(), step.commits
    positions = np.array([commit.position])
    proposal = reduce_rows(row, None, positions, step.index, ProposalRule(keep=keep))
    assert proposal.likeliest is not None
    # Known of the likeliest token; the logits tell how far the one that was drawn lies below.
    proposal.likeliest.logprob[0] += float(row[0, commit.token]) - float(row[0, proposal.tokens[0]])
    return replace(
        step,
        commits=with_logprobs(step.commits, np.array([0]), proposal, output.logprobs),
        proposals=candidates(positions, proposal, output.trace_proposals),
    )


def _sampler(model: Model, job: TextJob) -> Sampler:
    sampling = job.settings.sampling
    sampler = Sampler(
        model,
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
        repeat_penalty=sampling.repeat_penalty,
        seed=job.seed,
    )
    if sampling.repeat_penalty != 1.0:
        for token in job.tokens.tolist():
            sampler.accept(token)
    return sampler


def _most_tokens(model: Model, prompt_length: int, settings: Settings) -> int:
    """How many tokens to generate: what is wanted, as far as it fits the context."""
    limit = settings.model.ctx_size or model.n_ctx_train
    canvas = settings.canvas
    if prompt_length >= limit:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and the context holds {limit}: shorten it"
        )
    if canvas.max_length is not None:
        wanted = canvas.max_length - prompt_length
    else:
        wanted = canvas.max_tokens or limit
    if wanted <= 0:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and leaves no room in {canvas.max_length}: "
            "shorten it or raise --max-length"
        )
    return min(wanted, limit - prompt_length)
