"""The diffusion loop: predict, propose, select, commit, until no mask is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .cache import Cache, CachePlan
from .canvas import Canvas
from .choice import Chooser
from .denoiser import Denoiser, Query
from .guidance import unconditional_canvas
from .movement import Movement
from .parallel import ParallelRule, Rule, rule_of
from .proposal import ProposalRule, Proposer, edited_logits, propose
from .schedule import Block, Schedule, blocks, one_a_step, schedule_of
from .selection import Algorithm, algorithm_of
from .step import Commit, Step
from .telling import candidates, kept, with_logprobs
from .turns import Cost, InTurns
from .view import Decision, Flags, Floats, Indices, View

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class DiffusionPlan:
    """Everything that decides the result but the model and the prompt."""

    steps: int = 50
    """0 means one token a step."""
    algorithm: str | Algorithm | Callable[[View], Floats] = "confidence"
    """Which proposals go first: a name of `selection.ALGORITHMS`, or a score (n,) of a view."""
    schedule: str | Schedule | Callable[[int, Block, int, float], int] = "timestep"
    """How many: a name of `schedule.SCHEDULES`, or a quota of (step, block, masked, eps)."""
    eps: float = 1e-3
    """Where the timesteps of the schedule `timestep` end."""
    block_length: int = 32
    """Size of the blocks of the schedule `block`."""
    alg_temp: float = 0.0
    """Above 0 the positions are drawn, at this temperature of their scores."""
    eos_policy: str = "natural"
    """`natural`; `suppress` (the proposal rule bans end tokens); `last`: proposed end tokens rank
    behind all others, and no parallel rule accepts them."""
    end_tokens: frozenset[int] = frozenset()
    """What ends an answer."""
    early_stop: bool = True
    """End as soon as the answer is complete, which loses nothing."""
    parallel: ParallelRule | Rule | Callable[[View], Flags] | None = None
    """Commits more than the schedule asks for where the model is sure; steps are then a maximum.
    A name of `parallel.RULES` with its limits, or flags (n,) of a view."""
    decide: Callable[[View], Decision] | None = None
    """A whole step of your own, in place of algorithm, rule and eos_policy. It sees all generated
    positions of the block, masked or not, and may take tokens back; what is still masked in the
    block's last step is committed."""
    cache: CachePlan = field(default_factory=CachePlan)
    """What a pass evaluates afresh."""
    look_ahead: int | None = None
    """In blocks: so many masked positions behind the block are on the canvas yet; None: all. The
    rest is dropped, but for what has known text behind it (DPad, arXiv 2508.14148)."""
    rule: ProposalRule = field(default_factory=ProposalRule)
    """How logits become proposals."""
    trace_proposals: int | None = None
    """Steps tell so many of the likeliest tokens of each position in question; None: no positions.
    """
    logprobs: int | None = None
    """Commits tell their log-probabilities, and so many alternatives; None: neither."""

    def __post_init__(self) -> None:
        alone = self.decide is not None or algorithm_of(self.algorithm).draw is not None
        if alone and self.parallel is not None:
            name = "a step function" if self.decide else self.algorithm
            raise ValueError(f"{name} decides by itself what to unmask: it takes no parallel rule")

    @property
    def sequences_needed(self) -> int:
        """How many canvases a pass evaluates: with guidance a second one, without the prompt."""
        return 2 if self.rule.guidance > 0 else 1

    @property
    def telling_rule(self) -> ProposalRule:
        """The rule, with as many of the likeliest tokens kept as are to be told."""
        return replace(self.rule, keep=kept(self.rule.keep, self.trace_proposals, self.logprobs))


@dataclass(frozen=True)
class Turn:
    """A step to be made."""

    block: Block
    """What is in scope."""
    step: int
    """Its number in the block."""
    index: int
    """Its number in the run."""
    positions: Indices
    """What it may commit; at least one."""


class Diffusion(InTurns[Turn]):
    """One run, without its forward passes."""

    def __init__(
        self,
        denoiser: Denoiser,
        tokens: NDArray[np.int32],
        prompt_length: int,
        plan: DiffusionPlan,
        proposer: Proposer = propose,
    ) -> None:
        self.plan = plan
        self.proposer = proposer
        self.algorithm = algorithm_of(plan.algorithm)
        self.proposal_rule = plan.telling_rule
        self.rule = rule_of(plan.parallel) if plan.parallel is not None else None
        late = plan.end_tokens if plan.eos_policy == "last" else ()
        self.chooser = Chooser(self.algorithm, self.rule, plan.alg_temp, late)
        schedule = schedule_of(plan.schedule)
        self.schedule = schedule if plan.steps else one_a_step(schedule)
        self.end_tokens = np.array(sorted(plan.end_tokens), np.int32)
        self.canvas = Canvas(tokens, prompt_length, denoiser.mask_token)
        self.blocks = blocks(
            self.canvas.masked(),
            len(self.canvas),
            self.schedule.in_blocks,
            plan.steps,
            plan.block_length,
        )
        self.cache = Cache(plan.cache if denoiser.has_cache else CachePlan())
        self._known = _end_of(self.canvas.tokens != denoiser.mask_token)
        memory = self.rule.memory if self.rule else 0
        self.movement = Movement(memory, len(self.canvas)) if memory else None
        self._moving = False  # whether the last step changed anything
        super().__init__(self._all_turns())

    @property
    def sequences_needed(self) -> int:
        """How many canvases a pass evaluates for this run."""
        return self.plan.sequences_needed

    @property
    def over(self) -> bool:
        """Whether no step is left to make."""
        if self._ended or self._turn is None:
            return True
        settled = self._turn.block.start if self.plan.decide else len(self.canvas)
        return self.plan.early_stop and self.canvas.answered(self.end_tokens, settled)

    def ask(self) -> list[Query]:
        """The queries of the next step: rows that predict the positions in question, and their
        twins under guidance."""
        turn, canvas = self._due(), self.canvas
        block = turn.block
        wanted = turn.positions if self.plan.decide else canvas.masked(block.start, block.end)
        length = self._length(block)
        window = self.cache.window(block, wanted, length)
        evaluated = length if window is None else len(window)
        self._cost = self.sequences_needed * evaluated, self.sequences_needed
        twin = unconditional_canvas(canvas.tokens, canvas.given, canvas.mask_token)
        canvases = (canvas.tokens, twin)[: self.sequences_needed]
        places = enumerate(canvases, start=self.sequence)
        return [Query(tokens[:length], turn.positions, window, place) for place, tokens in places]

    def answer(self, rows: list[Rows]) -> Step:
        """Make the step that was asked about, with one array of rows a query."""
        turn, cost = self._asked()
        view = self._view(turn, rows)
        decide = self.plan.decide
        decision = _decided(turn, view, decide(view)) if decide else self.chooser.choose(view)
        commits = view.commits(decision.commit)
        committed, remasked = view.positions[decision.commit], view.positions[decision.remask]
        self.canvas.commit(committed, view.proposal.tokens[decision.commit])
        self.canvas.remask(remasked)
        changed = np.concatenate([committed, remasked])
        self.cache.committed(changed)
        self._moving = len(changed) > 0
        self._take_next()
        step = self._step(turn, commits, remasked, cost)
        return self._telling(step, view, decision.commit)

    # ----------------------------------------------------------------------- one step

    def _all_turns(self) -> Iterator[Turn]:
        """The steps that have something to commit, each as the canvas is when it is taken."""
        offset = 0
        for block in self.blocks:
            for step in range(block.steps):
                positions = self._in_question(block, step, offset + step)
                if len(positions):
                    yield Turn(block, step, offset + step, positions)
            offset += block.steps

    def _in_question(self, block: Block, step: int, index: int) -> Indices:
        """Positions that a step may commit; none when it has nothing to commit. A step function may
        go on when all is unmasked, until it changes nothing any more."""
        plan = self.plan
        positions = self.canvas.masked(block.start, block.end)
        if plan.decide is not None:
            going = len(positions) > 0 or self._moving
            return self.canvas.generated(block.start, block.end) if going else positions
        if self.algorithm.draw is not None:
            share = self.schedule.share(step, block, plan.eps)
            return positions[self.algorithm.draw(share, positions, index, plan.rule.seed)]
        return positions if self._least(block, step, len(positions)) > 0 else positions[:0]

    def _length(self, block: Block) -> int:
        """So much of the canvas is there while this block is unmasked."""
        ahead = self.plan.look_ahead
        if ahead is None or not self.schedule.in_blocks:
            return len(self.canvas)
        return min(len(self.canvas), max(self._known, block.end + ahead))

    def _least(self, block: Block, step: int, masked: int) -> int:
        """How many a step commits at least: the quota, never none under a parallel rule, and in a
        block's last step all."""
        if step == block.steps - 1:
            return masked
        quota = self.schedule.quota(step, block, masked, self.plan.eps)
        return quota if self.rule is None else max(1, quota)

    def _view(self, turn: Turn, rows: list[Rows]) -> View:
        rule = self.proposal_rule
        masked = self.canvas.tokens[turn.positions] == self.canvas.mask_token
        return View(
            positions=turn.positions,
            masked=masked,
            proposal=self.proposer(*_with_twin(rows), turn.positions, turn.index, rule),
            canvas=self.canvas.view(),
            block=turn.block,
            quota=self._least(turn.block, turn.step, int(masked.sum())),
            step=turn.index,
            seed=rule.seed,
            divergences=self._divergences(turn.positions, rows),
        )

    def _divergences(self, positions: Indices, rows: list[Rows]) -> Floats:
        """How far the distributions have moved, for a rule that asks for it."""
        if self.movement is None:
            return np.empty((0, len(positions)))
        # One row after the other: all of them in double precision would fill the memory.
        single = ([array[i : i + 1] for array in rows] for i in range(len(positions)))
        edited = (edited_logits(z, u, self.plan.rule)[0] for z, u in map(_with_twin, single))
        return self.movement.note(positions, edited)

    def _step(self, turn: Turn, commits: tuple[Commit, ...], remasked: Indices, cost: Cost) -> Step:
        block, (positions_decoded, nfe) = turn.block, cost
        return Step(
            index=turn.index,
            total=sum(block.steps for block in self.blocks),
            commits=commits,
            canvas=self.canvas.snapshot(),
            masked=len(self.canvas.masked()),
            block=(block.start, block.end) if self.schedule.in_blocks else None,
            positions_decoded=positions_decoded,
            nfe=nfe,
            elapsed=self._elapsed,
            remasked=tuple(remasked.tolist()),
        )

    def _telling(self, step: Step, view: View, chosen: Indices) -> Step:
        """The step with what else is to be told of it."""
        plan, proposal = self.plan, view.proposal
        if proposal.likeliest is None:
            return step
        return replace(
            step,
            commits=with_logprobs(step.commits, chosen, proposal, plan.logprobs),
            proposals=candidates(view.positions, proposal, plan.trace_proposals),
        )


def _decided(turn: Turn, view: View, decision: Decision) -> Decision:
    """What a step function decided, less what changes nothing; in a block's last step with
    everything that is still masked, and nothing taken back."""
    commit, remask = np.asarray(decision.commit, int), np.asarray(decision.remask, int)
    remask = remask[~view.masked[remask]]
    if turn.step == turn.block.steps - 1:
        commit = np.concatenate([commit, np.setdiff1d(np.flatnonzero(view.masked), commit)])
        remask = remask[:0]
    if len(np.unique(np.concatenate([commit, remask]))) < len(commit) + len(remask):
        raise ValueError("a step function decides about each position once")
    standing = view.canvas[view.positions[commit]]
    return Decision(commit[view.proposal.tokens[commit] != standing], remask)


def _end_of(flags: Flags) -> int:
    """Where the last of them ends; 0 where there is none."""
    places = np.flatnonzero(flags)
    return int(places[-1]) + 1 if len(places) else 0


def _with_twin(rows: list[Rows]) -> tuple[Rows, Rows | None]:
    """Conditional rows, and the unconditional ones or None."""
    return rows[0], rows[1] if len(rows) > 1 else None
