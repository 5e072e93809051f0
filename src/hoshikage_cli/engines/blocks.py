"""Models that write in blocks: block after block, behind an exact cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..decoding.areas import area_of, blind_spot
from ..decoding.blocks import BlockPlan, Blocks
from ..decoding.denoiser import Query
from ..decoding.profile import PROFILES, Profile
from ..decoding.proposal import ProposalRule
from ..decoding.step import Step
from ..errors import UsageError
from ..llama.block_attention import BlockAttention, attention_of
from ..llama.block_context import BlockContext
from ..llama.model import Model
from ..settings.declared import Settings
from ..settings.family import unread_by
from .contexts import Contexts
from .diffusion import laid_out, mask_token_of, named, parallel_rule_of, suppressed_by
from .engine import Jobs
from .job import Complete, Ended, Job, Tokens
from .room import Room
from .worker import Worker, proposer_of, side_by_side

AHEAD = 512
"""Positions of an answer that a context has room for when it begins; it grows with longer ones."""


@dataclass(eq=False, kw_only=True)
class BlockJob(Job):
    """A text to be written in blocks, and how."""

    mask_token: int
    plan: BlockPlan
    threads: int | None

    @property
    def attention(self) -> BlockAttention:
        return attention_of(self.plan.profile)

    @property
    def room(self) -> int:
        """Its last block may be whole, however short the answer."""
        begins = min(len(self.tokens), self.prompt_length + AHEAD)
        return begins + self.plan.profile.block_length

    @property
    def alike(self) -> tuple[Any, ...]:
        """Jobs that agree in this can share a context."""
        return self.attention, self.mask_token, self.threads

    @property
    def blind_spot(self) -> int | None:
        """The first masked position that would not see all that is known of the text."""
        masked = self.tokens == self.mask_token
        return blind_spot(self.plan.profile, masked, self.prompt_length)

    def query(self, position: int) -> Query:
        """For the row of a masked position, in sight of its block."""
        area = area_of(self.plan.profile, position, self.prompt_length, len(self.tokens))
        room = np.full(max(0, area.end - len(self.tokens)), self.mask_token, np.int32)
        tokens = np.concatenate([self.tokens[: area.end], room])
        return Query(tokens, np.array([position], np.int64), origin=area.origin)


class BlockEngine:
    """The engine of models that write in blocks."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.contexts = Contexts(model)

    def job(
        self, prompt: Tokens, settings: Settings, seed: int, complete: Complete | None = None
    ) -> BlockJob:
        tokens = laid_out(self.model, prompt, settings)
        return replace(self.canvas_job(tokens, len(prompt), settings, seed), complete=complete)

    def canvas_job(
        self,
        tokens: Tokens,
        prompt_length: int,
        settings: Settings,
        seed: int,
        early_stop: bool = True,
    ) -> BlockJob:
        """A job from a text (L,) that is laid out already."""
        return BlockJob(
            tokens=tokens,
            prompt_length=prompt_length,
            mask_token=mask_token_of(self.model, settings),
            seed=seed,
            total_steps=None,
            plan=replace(plan_of(self.model, settings, seed), early_stop=early_stop),
            threads=settings.model.threads,
        )

    def likeliest(self, job: BlockJob, positions: Sequence[int]) -> tuple[list[int], int]:
        """What the model would put at masked positions, were it to unmask them first; and the
        passes that it took to know."""
        found = []
        with self.lease(job) as context:
            for query in map(job.query, positions):
                (rows,) = context.logits([query])
                row = rows[0].copy()
                row[job.mask_token] = -np.inf
                found.append(int(row.argmax()))
        return found, len(positions)

    def lease(self, job: BlockJob) -> AbstractContextManager[BlockContext]:
        """A context for this job alone."""
        return self.contexts.lease(BlockContext, **self._shape(job, job.room, 1))

    def steps(self, jobs: Jobs, at_once: int = 1) -> Iterator[tuple[Job, Step | Ended]]:
        return side_by_side(Room(jobs, lambda job: job.alike), self._worker, at_once)

    def _worker(self, stack: ExitStack, first: BlockJob, length: int, at_once: int) -> _BlockWorker:
        shape = self._shape(first, length, at_once)
        return _BlockWorker(stack.enter_context(self.contexts.lease(BlockContext, **shape)))

    def _shape(self, job: BlockJob, length: int, at_once: int) -> dict[str, Any]:
        """The context that `at_once` jobs like this one need, on texts of up to `length`."""
        return {
            "attention": job.attention,
            "length": length,
            "sequences": at_once,
            "threads": job.threads,
            "mask_token": job.mask_token,
        }


class _BlockWorker(Worker[BlockJob, Blocks]):
    def __init__(self, context: BlockContext) -> None:
        super().__init__(context, sys.maxsize)
        self._context = context

    def begun(self, job: BlockJob) -> Blocks:
        self._context.reserve(job.room)
        proposer = proposer_of(self._context.threads, job.watch)
        return Blocks(self._context, job.tokens, job.prompt_length, job.plan, proposer)

    def told(self, run: Blocks, step: Step) -> Step:
        """The run counts as if nothing had been cached but what it has read itself."""
        return replace(step, positions_decoded=self._context.decoded.pop(run.sequence, 0))

    def after(self, job: BlockJob, run: Blocks, step: Step) -> None:
        if job.complete is None:
            return
        # What may still be edited ends nothing.
        answer = step.canvas[job.prompt_length : run.settled].tolist()
        if job.complete(answer):
            run.end()


def profile_of(family: str, settings: Settings) -> Profile:
    """A family's profile under these settings, which begin with what the profile says.

    Raises UsageError for settings that do not go together.
    """
    diffusion, speed = settings.diffusion, settings.speed
    if (diffusion.sub_block or 0) > diffusion.block_length:
        raise UsageError(
            f"--sub-block {diffusion.sub_block} exceeds --block-length {diffusion.block_length}: "
            "give a smaller part, or 0 for none"
        )
    changed = named(Profile, diffusion, settings.sampling) | {
        "parallel": parallel_rule_of(speed),
        "sub_block": diffusion.sub_block or 0,
        "confidence": diffusion.confidence or PROFILES[family].confidence,
    }
    # What the family decides by itself stays as its profile has it.
    changed = {name: value for name, value in changed.items() if name not in unread_by(family)}
    try:
        return replace(PROFILES[family], **changed)
    except ValueError as error:
        raise UsageError(f"family {family}: {error}") from None


def refuse_endless(profile: Profile, limit: int) -> None:
    """Raises UsageError for blocks that are evaluated whole, however short the text, and are longer
    than any may be: a file can advise that."""
    if profile.last_block != "short" and profile.block_length > limit:
        raise UsageError(
            f"blocks of {profile.block_length} positions exceed the context of {limit}: lower "
            "--block-length or raise --ctx-size"
        )


def plan_of(model: Model, settings: Settings, seed: int) -> BlockPlan:
    """The pure plan of a run. Raises UsageError for settings that do not go together."""
    profile, unread = profile_of(model.family.name, settings), unread_by(model.family.name)
    refuse_endless(profile, settings.model.ctx_size or model.n_ctx_train)
    rule = named(ProposalRule, settings.diffusion, settings.sampling) | {
        "confidence": profile.confidence,
        "banned": suppressed_by(model, settings),
        "seed": seed,
    }
    plan = named(BlockPlan, settings.diffusion, settings.output)
    plan = {name: value for name, value in plan.items() if name not in unread} | {
        "profile": profile,
        "end_tokens": model.vocabulary.end_tokens,
        "rule": ProposalRule(**rule),
    }
    try:
        return BlockPlan(**plan)
    except ValueError as error:
        raise UsageError(str(error)) from None
