"""The diffusion loop: predict, propose, select, commit, until no mask is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from . import selection
from .cache import Cache, CachePlan
from .canvas import Canvas
from .denoiser import Denoiser, Query
from .guidance import unconditional_canvas
from .proposal import Proposal, ProposalRule, Proposer, propose
from .schedule import SCHEDULES, Block, blocks, one_a_step
from .step import Commit, Step


@dataclass(frozen=True)
class DiffusionPlan:
    """Everything that decides the result but the model and the prompt.

    steps: 0 means one token a step. algorithm: a name of `selection.ALGORITHMS`. schedule: a name
    of `schedule.SCHEDULES`. eos_policy: `natural`; `suppress` (the rule bans end tokens); `last`,
    where proposed end tokens rank behind all others. early_stop: end as soon as the answer is
    complete, which loses nothing.

    threshold, factor and entropy_bound commit more than the schedule asks for where the model is
    sure (at most one of them; see `selection`): steps are then a maximum.
    """

    steps: int = 50
    algorithm: str = "confidence"
    schedule: str = "timestep"
    eps: float = 1e-3
    block_length: int = 32
    alg_temp: float = 0.0
    eos_policy: str = "natural"
    end_tokens: frozenset[int] = frozenset()
    early_stop: bool = True
    threshold: float | None = None
    factor: float | None = None
    entropy_bound: float | None = None
    cache: CachePlan = field(default_factory=CachePlan)
    rule: ProposalRule = field(default_factory=ProposalRule)

    @property
    def commits_in_parallel(self) -> bool:
        rules = (self.threshold, self.factor, self.entropy_bound)
        return any(rule is not None for rule in rules)


@dataclass(frozen=True)
class Turn:
    """A step to be made: its number within the block and in the run, and the positions that it may
    commit."""

    block: Block
    step: int
    index: int
    positions: NDArray[np.int64]


class Diffusion:
    """One run, without its forward passes: `ask` what it needs next, `answer` with the rows."""

    def __init__(
        self,
        denoiser: Denoiser,
        tokens: NDArray[np.int32],
        prompt_length: int,
        plan: DiffusionPlan,
        proposer: Proposer = propose,
    ) -> None:
        self.sequence = 0
        self.canvas = Canvas(tokens, prompt_length, denoiser.mask_token)
        self.plan = plan
        self.proposer = proposer
        self.schedule = SCHEDULES[plan.schedule] if plan.steps else one_a_step(plan.schedule)
        self.end_tokens = np.array(sorted(plan.end_tokens), np.int32)
        self.blocks = blocks(
            self.canvas.masked(), len(self.canvas), plan.schedule, plan.steps, plan.block_length
        )
        mode = plan.cache if denoiser.has_cache else CachePlan()
        self.cache = Cache(mode, len(self.canvas))
        self.evaluated = len(self.canvas)
        self.turns = self.all_turns()
        self.began = time.perf_counter()
        self.ended = False

    def end(self) -> None:
        """Make no more steps: the answer needs none."""
        self.ended = True

    def begin(self, sequence: int) -> None:
        """Take a sequence of the denoiser, and let the clock start."""
        self.sequence = sequence
        self.began = time.perf_counter()

    def ask(self) -> list[Query]:
        """The queries of the next step of a run that is not over."""
        self.turn = next(turn for turn in self.turns if len(turn.positions))
        return self.queries(self.turn)

    def answer(self, rows: list[NDArray[np.float32]]) -> Step:
        """Make the step that was asked about, with one array of rows a query."""
        turn = self.turn
        unconditional = rows[1] if self.guided else None
        proposal = self.proposer(rows[0], unconditional, turn.positions, turn.index, self.plan.rule)
        return self.commit(turn, proposal, self.select(turn, proposal))

    def all_turns(self) -> Iterator[Turn]:
        offset = 0
        for block in self.blocks:
            for step in range(block.steps):
                positions = self.in_question(block, step, offset + step)
                yield Turn(block, step, offset + step, positions)
            offset += block.steps

    # ----------------------------------------------------------------------- one step

    def in_question(self, block: Block, step: int, index: int) -> NDArray[np.int64]:
        """Positions that this step may commit; none when it has nothing to commit.

        `origin` does not look at the proposals, so its choice is made before the forward pass.
        """
        plan = self.plan
        positions = self.canvas.masked(block.start, block.end)
        if plan.algorithm == "origin":
            share = self.schedule.share(step, block, plan.eps)
            return positions[selection.origin(share, positions, index, plan.rule.seed)]
        quota = self.schedule.quota(step, block, len(positions), plan.eps)
        return positions if quota > 0 or plan.commits_in_parallel else positions[:0]

    def queries(self, turn: Turn) -> list[Query]:
        """Rows that predict the positions in question, and their twins under guidance."""
        block, canvas = turn.block, self.canvas
        window = self.cache.window(block, canvas.masked(block.start, block.end))
        self.evaluated = len(canvas) if window is None else len(window)
        queries = [Query(canvas.tokens, turn.positions, window, self.sequence)]
        if self.guided:
            twin = unconditional_canvas(canvas.tokens, canvas.given, canvas.mask_token)
            queries.append(Query(twin, turn.positions, window, self.sequence + 1))
        return queries

    def select(self, turn: Turn, proposal: Proposal) -> NDArray[np.int64]:
        """Indices into the positions in question of what is committed, best first."""
        positions, index = turn.positions, turn.index
        plan = self.plan
        if plan.algorithm == "origin":
            return np.arange(len(positions))
        confidence = selection.confidences(
            plan.algorithm, proposal, positions, index, plan.rule.seed
        )
        if plan.alg_temp > 0:
            confidence = selection.perturbed(
                confidence, plan.alg_temp, positions, index, plan.rule.seed
            )
        late = np.isin(proposal.tokens, self.end_tokens) if plan.eos_policy == "last" else None
        order = selection.ranked(confidence, late)
        quota = self.schedule.quota(turn.step, turn.block, len(positions), plan.eps)
        return order[: max(quota, self.sure(confidence[order], proposal.entropy[order]))]

    def sure(self, confidence: NDArray[np.float64], entropy: NDArray[np.float32]) -> int:
        """How many of the best, which come first, the model is sure enough of."""
        plan = self.plan
        if plan.threshold is not None:
            return selection.over_threshold(confidence, plan.threshold)
        if plan.factor is not None:
            return selection.by_factor(confidence, plan.factor)
        if plan.entropy_bound is not None:
            return selection.within_entropy_bound(entropy.astype(np.float64), plan.entropy_bound)
        return 0

    def commit(self, turn: Turn, proposal: Proposal, chosen: NDArray[np.int64]) -> Step:
        positions, block = turn.positions, turn.block
        self.canvas.commit(positions[chosen], proposal.tokens[chosen])
        self.cache.committed(positions[chosen])
        commits = zip(
            positions[chosen].tolist(),
            proposal.tokens[chosen].tolist(),
            proposal.probability[chosen].tolist(),
            proposal.runner_up[chosen].tolist(),
            strict=True,
        )
        evaluations = self.sequences_needed
        return Step(
            index=turn.index,
            total=sum(block.steps for block in self.blocks),
            commits=tuple(Commit(*commit) for commit in commits),
            canvas=self.canvas.snapshot(),
            masked=len(self.canvas.masked()),
            block=(block.start, block.end) if self.schedule.in_blocks else None,
            positions_decoded=evaluations * self.evaluated,
            nfe=evaluations,
            elapsed=time.perf_counter() - self.began,
        )

    # ------------------------------------------------------------------------- a run

    @property
    def guided(self) -> bool:
        return self.plan.rule.guidance > 0

    @property
    def sequences_needed(self) -> int:
        """How many of the denoiser's sequences it takes, and so how many evaluations a step."""
        return 2 if self.guided else 1

    @property
    def over(self) -> bool:
        """Whether no step is left to make."""
        if self.ended:
            return True
        if self.plan.early_stop and self.canvas.answered(self.end_tokens):
            return True
        return len(self.canvas.masked()) == 0
