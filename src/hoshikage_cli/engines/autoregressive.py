"""Runs of an autoregressive model: one token after the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..decoding.autoregressive import extend
from ..errors import PromptTooLong
from ..generation.run import Run, Stopwatch
from ..llama.context import Context
from ..llama.model import Model
from ..llama.sampler import Sampler
from ..settings.declared import Settings

if TYPE_CHECKING:
    from ..generation.generator import Generator

DEFAULT_MAX_TOKENS = 512


class _NextToken:
    """What the autoregressive loop asks for, over a context and a chain of samplers."""

    def __init__(self, context: Context, sampler: Sampler, watch: Stopwatch) -> None:
        self._context = context
        self._sampler = sampler
        self._watch = watch

    def prefill(self, tokens: NDArray[np.int32]) -> None:
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


def start_text(
    generator: Generator, prompt: NDArray[np.int32], settings: Settings, seed: int
) -> Run:
    model = generator.model
    max_tokens, length = _autoregressive_length(model, len(prompt), settings)
    context = generator.context(length=length, threads=settings.model.threads)
    sampling = settings.sampling
    sampler = Sampler(
        model,
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
        repeat_penalty=sampling.repeat_penalty,
        seed=seed,
    )
    if sampling.repeat_penalty != 1.0:
        for token in prompt.tolist():
            sampler.accept(token)
    watch = Stopwatch()
    source = _NextToken(context, sampler, watch)
    run = Run(generator, prompt, len(prompt), None, seed, max_tokens, watch)
    run.steps = extend(source, prompt, max_tokens, model.vocabulary.end_tokens)
    return run


def _autoregressive_length(model: Model, prompt_length: int, settings: Settings) -> tuple[int, int]:
    """How many tokens to generate and how large a context that takes."""
    limit = settings.model.ctx_size or model.n_ctx_train
    canvas = settings.canvas
    if prompt_length >= limit:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and the context holds {limit}: shorten it"
        )
    if canvas.max_length is not None:
        wanted = canvas.max_length - prompt_length
    else:
        wanted = canvas.max_tokens or DEFAULT_MAX_TOKENS
    if wanted <= 0:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and leaves no room in {canvas.max_length}: "
            "shorten it or raise --max-length"
        )
    max_tokens = min(wanted, limit - prompt_length)
    return max_tokens, prompt_length + max_tokens
