"""Models that write in blocks: block after block, behind an exact cache."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..decoding.blocks import BlockPlan, Blocks
from ..decoding.profile import PROFILES, Profile
from ..decoding.proposal import ProposalRule
from ..decoding.step import Step
from ..decoding.together import all_at_once, together
from ..errors import UsageError
from ..llama.block_attention import attention_of
from ..llama.block_context import BlockContext
from ..llama.model import Model
from ..settings.declared import Settings
from .contexts import Contexts
from .diffusion import (
    TimedDenoiser,
    canvas_length,
    mask_token_of,
    named,
    parallel_rule_of,
    proposer_of,
    suppressed_by,
)
from .engine import Jobs, one_by_one
from .job import Complete, Ended, Job, Tokens


@dataclass(eq=False, kw_only=True)
class BlockJob(Job):
    """A text to be written in blocks."""

    mask_token: int
    profile: Profile
    """How the family writes, with what was changed of it."""
    settings: Settings


class BlockEngine:
    """The engine of models that write in blocks; one job at a time."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.contexts = Contexts(model)

    def job(
        self, prompt: Tokens, settings: Settings, seed: int, complete: Complete | None = None
    ) -> BlockJob:
        mask_token = mask_token_of(self.model, settings)
        tokens = np.full(canvas_length(self.model, len(prompt), settings), mask_token, np.int32)
        tokens[: len(prompt)] = prompt
        return BlockJob(
            tokens=tokens,
            prompt_length=len(prompt),
            mask_token=mask_token,
            seed=seed,
            total_steps=None,
            complete=complete,
            profile=profile_of(self.model.family.name, settings),
            settings=settings,
        )

    def steps(self, jobs: Jobs, at_once: int = 1) -> Iterator[tuple[Job, Step | Ended]]:
        return one_by_one(jobs, self._written)

    def _written(self, job: BlockJob) -> Iterator[Step]:
        began, profile = time.perf_counter(), job.profile
        with self.contexts.lease(
            BlockContext,
            attention=attention_of(profile),
            length=len(job.tokens) + profile.block_length,
            threads=job.settings.model.threads,
            mask_token=job.mask_token,
        ) as context:
            job.watch.opening = time.perf_counter() - began
            denoiser, plan = TimedDenoiser(context), plan_of(self.model, job)
            proposer = proposer_of(context.threads, job.watch)
            run = Blocks(denoiser, job.tokens, job.prompt_length, plan, proposer)
            for _, step in together(denoiser, all_at_once([run])):
                job.watch.decode += denoiser.time_spent_on(run)
                if step is None:
                    return
                yield step
                # What may still be edited ends nothing.
                answer = step.canvas[job.prompt_length : run.settled].tolist()
                if job.complete is not None and job.complete(answer):
                    run.end()


def profile_of(family: str, settings: Settings) -> Profile:
    """A family's profile under these settings, which begin with what the profile says.

    Raises UsageError for settings that do not go together.
    """
    diffusion, speed = settings.diffusion, settings.speed
    changed = named(Profile, diffusion, settings.sampling) | {
        "parallel": parallel_rule_of(speed),
        "sub_block": diffusion.sub_block or 0,
        "confidence": diffusion.confidence or PROFILES[family].confidence,
    }
    try:
        return replace(PROFILES[family], **changed)
    except ValueError as error:
        raise UsageError(f"family {family}: {error}") from None


def plan_of(model: Model, job: BlockJob) -> BlockPlan:
    """The pure plan of a run."""
    settings, profile = job.settings, job.profile
    rule = named(ProposalRule, settings.diffusion, settings.sampling) | {
        "confidence": profile.confidence,
        "banned": suppressed_by(model, settings),
        "seed": job.seed,
    }
    plan = named(BlockPlan, settings.diffusion, settings.output) | {
        "profile": profile,
        "end_tokens": model.vocabulary.end_tokens,
        "rule": ProposalRule(**rule),
    }
    try:
        return BlockPlan(**plan)
    except ValueError as error:
        raise UsageError(str(error)) from None
