"""The diffusion loop: predict, propose, select, commit, until no mask is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .cache import Cache, CachePlan
from .canvas import Canvas
from .denoiser import Denoiser, Query
from .guidance import unconditional_canvas
from .movement import Movement
from .parallel import ParallelRule, Rule, rule_of
from .proposal import ProposalRule, Proposer, edited_logits, propose
from .schedule import Block, Schedule, blocks, one_a_step, schedule_of
from .selection import Algorithm, algorithm_of, perturbed, ranked
from .step import Commit, Step
from .telling import candidates, kept, with_logprobs
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


class Diffusion:
    """One run, without its forward passes: `begin` once, then `ask` what it needs next and `answer`
    with the rows, in turn, until it is `over`.

    What a step may commit follows from the canvas, so that the next turn must not be taken before
    the last commit: `answer` alone takes it, and `ask` raises RuntimeError when it is not yet due.
    """

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
        self.cache = Cache(plan.cache if denoiser.has_cache else CachePlan(), len(self.canvas))
        memory = self.rule.memory if self.rule else 0
        self.movement = Movement(memory, len(self.canvas)) if memory else None
        self.sequence = 0
        self._ended = False
        self._began: float | None = None
        self._evaluated: int | None = None  # by the pass that `ask` asked for, until `answer`
        self._moving = False  # whether the last step changed anything
        self._turns = self._all_turns()
        self._turn = next(self._turns, None)

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

    def begin(self, sequence: int) -> None:
        """Take a sequence of the denoiser, and the next one if two are needed; the clock starts."""
        self.sequence = sequence
        self._began = time.perf_counter()

    def end(self) -> None:
        """Make no more steps: the answer needs none."""
        self._ended = True

    def ask(self) -> list[Query]:
        """The queries of the next step: rows that predict the positions in question, and their
        twins under guidance."""
        if self._turn is None or self._began is None or self._evaluated is not None:
            raise RuntimeError("a run is asked after it began, before its end, and once a step")
        turn, canvas, block = self._turn, self.canvas, self._turn.block
        wanted = turn.positions if self.plan.decide else canvas.masked(block.start, block.end)
        window = self.cache.window(block, wanted)
        self._evaluated = len(canvas) if window is None else len(window)
        twin = unconditional_canvas(canvas.tokens, canvas.given, canvas.mask_token)
        canvases = (canvas.tokens, twin)[: self.sequences_needed]
        places = enumerate(canvases, start=self.sequence)
        return [Query(tokens, turn.positions, window, place) for place, tokens in places]

    def answer(self, rows: list[Rows]) -> Step:
        """Make the step that was asked about, with one array of rows a query."""
        if self._turn is None or self._evaluated is None:
            raise RuntimeError("a run is answered after it has asked")
        turn, evaluated = self._turn, self._evaluated
        view = self._view(turn, rows)
        decide = self.plan.decide
        decision = _decided(turn, view, decide(view)) if decide else self._select(view)
        committed, remasked = view.positions[decision.commit], view.positions[decision.remask]
        commits = _commits(view, decision.commit)
        self.canvas.commit(committed, view.proposal.tokens[decision.commit])
        self.canvas.remask(remasked)
        changed = np.concatenate([committed, remasked])
        self.cache.committed(changed)
        self._evaluated, self._moving = None, len(changed) > 0
        self._turn = next(self._turns, None)
        step = self._step(turn, commits, remasked, evaluated)
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

    def _select(self, view: View) -> Decision:
        """So many of the most trusted as the step has to commit, and whatever else the parallel
        rule accepts."""
        if self.algorithm.draw is not None:
            return Decision(np.arange(len(view.positions)))
        late = self._late(view)
        order = ranked(self._scores(view), late)
        first = np.arange(len(order)) < view.quota
        return Decision(order[first | self._accepted(view, late)[order]])

    def _scores(self, view: View) -> Floats:
        scores, alg_temp = self.algorithm.score(view), self.plan.alg_temp
        if alg_temp <= 0:
            return scores
        return perturbed(scores, alg_temp, view.positions, view.step, view.seed)

    def _late(self, view: View) -> Flags:
        """What is to be committed behind all others."""
        late = np.isin(view.proposal.tokens, self.end_tokens)
        return late if self.plan.eos_policy == "last" else np.zeros_like(late)

    def _accepted(self, view: View, late: Flags) -> Flags:
        """What the parallel rule accepts of all that is not late."""
        accepted = np.zeros(len(late), bool)
        if self.rule is not None:
            counted = np.flatnonzero(~late)
            accepted[counted] = self.rule.accepts(view.only(counted))
        return accepted

    def _step(
        self, turn: Turn, commits: tuple[Commit, ...], remasked: Indices, evaluated: int
    ) -> Step:
        block = turn.block
        return Step(
            index=turn.index,
            total=sum(block.steps for block in self.blocks),
            commits=commits,
            canvas=self.canvas.snapshot(),
            masked=len(self.canvas.masked()),
            block=(block.start, block.end) if self.schedule.in_blocks else None,
            positions_decoded=self.sequences_needed * evaluated,
            nfe=self.sequences_needed,
            elapsed=time.perf_counter() - (self._began or 0.0),
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


def _with_twin(rows: list[Rows]) -> tuple[Rows, Rows | None]:
    """Conditional rows, and the unconditional ones or None."""
    return rows[0], rows[1] if len(rows) > 1 else None


def _commits(view: View, chosen: Indices) -> tuple[Commit, ...]:
    """Made while the view still shows what stood there."""
    proposal, masked = view.proposal, view.masked[chosen].tolist()
    columns = (view.positions, proposal.tokens, proposal.probability, proposal.runner_up)
    standing = view.canvas[view.positions[chosen]].tolist()
    replaced = [None if was else token for was, token in zip(masked, standing, strict=True)]
    rows = zip(*(column[chosen].tolist() for column in columns), strict=True)
    return tuple(
        Commit(position, token, confidence, runner_up, replaced=other)
        for (position, token, confidence, runner_up), other in zip(rows, replaced, strict=True)
    )
