"""The loop of models that write in blocks: block after block, each denoised behind finished text.

What the passes see of the text is the denoiser's matter, and so is keeping what it has read: the
loop asks for rows of the block under way and says where that block begins and ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .areas import Area, area_of, is_foretold
from .canvas import Canvas
from .choice import Chooser
from .denoiser import Denoiser, Query
from .movement import Movement
from .parallel import over_threshold, prefix_of, rule_of
from .profile import Profile
from .proposal import ProposalRule, Proposer, edited_logits, propose
from .schedule import Block, even_quota, even_share, one_quota
from .selection import Algorithm, algorithm_of, in_place
from .step import Candidates, Commit, Step
from .telling import candidates, kept, with_logprobs
from .turns import InTurns
from .view import Floats, Indices, View

Rows = NDArray[np.float32]

QUOTAS = {"even": even_quota, "one": one_quota}
"""Of (step, block, masked, eps): how many a step commits at least. One or more while any is masked,
and in the last step all."""


@dataclass(frozen=True)
class BlockPlan:
    """Everything that decides the result but the model and the prompt."""

    profile: Profile
    """How the model's family writes, with what was changed of it."""
    block_cache: bool = False
    """Between whole passes over a block evaluate only the part that is being filled: cheaper, and
    no longer exact. Where the profile has parts, and the denoiser can."""
    alg_temp: float = 0.0
    """Above 0 the positions are drawn, at this temperature of their scores; those of text that is
    filled left to right never are."""
    eos_policy: str = "natural"
    """`natural`; `suppress` (the proposal rule bans end tokens); `last`: proposed end tokens rank
    behind all others of the block, and no parallel rule accepts them."""
    end_tokens: frozenset[int] = frozenset()
    """What ends an answer."""
    early_stop: bool = True
    """End as soon as the answer is complete, which loses nothing."""
    rule: ProposalRule = field(default_factory=ProposalRule)
    """How logits become proposals. The mask token is never proposed."""
    trace_proposals: int | None = None
    """Steps tell so many of the likeliest tokens of each position in question; None: no positions.
    """
    logprobs: int | None = None
    """Commits tell their log-probabilities, and so many alternatives; None: neither."""

    def __post_init__(self) -> None:
        profile = self.profile
        if self.rule.guidance > 0:
            raise ValueError("guidance is not defined for models that write in blocks")
        if profile.block_length == 0:
            raise ValueError("a block has at least one position")
        others = profile.parallel, profile.edit_threshold
        if self.algorithm.draw is not None and others != (None, None):
            name = profile.algorithm
            raise ValueError(f"{name} decides by itself: it takes no parallel rule, and no edits")
        if profile.order == "left to right" and self.eos_policy == "last":
            raise ValueError("end tokens cannot be last in text that is filled left to right")

    @property
    def telling_rule(self) -> ProposalRule:
        """The rule, with as many of the likeliest tokens kept as are to be told."""
        return replace(self.rule, keep=kept(self.rule.keep, self.trace_proposals, self.logprobs))

    @property
    def algorithm(self) -> Algorithm:
        """What puts proposals in order."""
        profile = self.profile
        return algorithm_of(in_place if profile.order == "left to right" else profile.algorithm)

    def chooser(self) -> Chooser:
        """What decides which masks a step commits."""
        profile = self.profile
        rule = rule_of(profile.parallel) if profile.parallel is not None else None
        if profile.order == "left to right":
            return Chooser(self.algorithm, prefix_of(rule) if rule else None)
        late = self.end_tokens if self.eos_policy == "last" else ()
        return Chooser(self.algorithm, rule, self.alg_temp, late)


@dataclass(frozen=True)
class Turn:
    """A step to be made."""

    area: Area
    """The block under way."""
    scope: Block
    """What is in question: the block, a part of it, or what a moving block predicts."""
    step: int
    """Its number in that scope."""
    positions: Indices
    """What it may change; at least one."""
    first: bool = False
    """Whether it writes the block's first token, by the row of the text before."""


class Blocks(InTurns[Turn]):
    """One run, without its forward passes.

    It unmasks every masked position of `tokens` (L,), wherever it stands; answers count from
    `prompt_length`. The block under way is always that of the first mask: blocks before it are
    finished for good, and a mask of the prompt is filled in sight of its own block alone.

    A step is one pass over the block or a part of it, in which finished text is read as well, where
    both are read alike; else that is a pass of its own. That is how steps are counted, as if
    nothing but this run were cached; a denoiser that needs more passes counts those itself.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        tokens: NDArray[np.int32],
        prompt_length: int,
        plan: BlockPlan,
        proposer: Proposer = propose,
    ) -> None:
        self.plan = plan
        self.profile = plan.profile
        self.proposer = proposer
        self.chooser = plan.chooser()
        self.rule = replace(plan.telling_rule, banned=(denoiser.mask_token, *plan.rule.banned))
        self.end_tokens = np.array(sorted(plan.end_tokens), np.int32)
        self.length = len(tokens)
        # Room for the rest of a last block that is whole.
        room = np.full(self.profile.block_length, denoiser.mask_token, np.int32)
        self.canvas = Canvas(np.concatenate([tokens, room]), prompt_length, denoiser.mask_token)
        memory = self.chooser.rule.memory if self.chooser.rule else 0
        self.movement = Movement(memory, len(self.canvas)) if memory else None
        self._in_part = plan.block_cache and denoiser.has_cache and self.profile.sub_block > 0
        self._total = self._most()
        self._index = 0
        self._read = 0  # so much of the text was read when it was finished
        self._seen: int | None = None  # where the block begins that a pass has seen whole
        self._moving = False  # whether the last step changed anything
        super().__init__(self._all_turns())

    @property
    def sequences_needed(self) -> int:
        """How many texts a pass evaluates for this run."""
        return 1

    @property
    def settled(self) -> int:
        """Before this position nothing will change any more."""
        if self._turn is None:
            return self.length
        changing = self.canvas.masked(0, self.length)
        if self.profile.edit_threshold is not None:
            changing = self.canvas.generated(self._turn.scope.start, self.length)
        return int(changing[0]) if len(changing) else self.length

    @property
    def over(self) -> bool:
        """Whether no step is left to make."""
        settled = self.settled
        if self._ended or self._turn is None or settled == self.length:
            return True
        return self.plan.early_stop and self.canvas.answered(self.end_tokens, settled)

    def ask(self) -> list[Query]:
        """The query of the next step: rows that predict the positions in question."""
        turn = self._due()
        area = turn.area
        window = self._window(turn)
        self._cost = self._cost_of(turn, area.end - area.start if window is None else len(window))
        self._read = area.start
        tokens = self.canvas.tokens[: area.end]
        return [Query(tokens, turn.positions, window, self.sequence, area.origin)]

    def answer(self, rows: list[Rows]) -> Step:
        """Make the step that was asked about, with the rows of its query."""
        turn, cost = self._asked()
        view = self._view(turn, rows[0])
        chosen = np.concatenate([self._unmasked(view), self._edited(view)])
        commits = with_logprobs(view.commits(chosen), chosen, view.proposal, self.plan.logprobs)
        found = candidates(view.positions, view.proposal, self.plan.trace_proposals)
        self.canvas.commit(view.positions[chosen], view.proposal.tokens[chosen])
        self._moving = len(chosen) > 0
        if not self._moving and self.profile.reads_alike:
            self._read = turn.area.end  # as it stands, which is how it stays
        self._index += 1
        self._take_next()
        return self._step(turn, commits, found, *cost)

    # --------------------------------------------------------------------- what comes next

    def _all_turns(self) -> Iterator[Turn]:
        """All steps, each as the canvas is when it is taken."""
        while len(masked := self.canvas.masked(0, self.length)):
            first = int(masked[0])
            area = self._area(first)
            if is_foretold(self.profile, first, area):
                yield Turn(area, Block(first, first + 1, 1, 1), 0, masked[:1], first=True)
            else:
                yield from self._denoising(area, self._scope(area, first))

    def _denoising(self, area: Area, scope: Block) -> Iterator[Turn]:
        """Steps until nothing in scope is masked and, where that is asked for, nothing is edited
        any more; a single one in a moving block."""
        for step in range(1 if self.profile.grid == "moving" else scope.steps):
            positions = self._in_question(scope, step)
            if len(positions):
                yield Turn(area, scope, step, positions)
        if self.profile.edit_threshold is None:
            return
        for step in range(scope.steps, scope.steps + self.profile.max_post_steps):
            yield Turn(area, scope, step, self.canvas.generated(scope.start, scope.end))
            if not self._moving:
                return

    def _in_question(self, scope: Block, step: int) -> Indices:
        """Positions that a step may change; none when nothing in scope is masked."""
        masked = self.canvas.masked(scope.start, scope.end)
        if (draw := self.chooser.algorithm.draw) is not None:
            return masked[draw(even_share(step, scope, 0.0), masked, self._index, self.rule.seed)]
        if self.profile.edit_threshold is None or len(masked) == 0:
            return masked
        return self.canvas.generated(scope.start, scope.end)

    def _area(self, position: int) -> Area:
        return area_of(self.profile, position, self.canvas.prompt_length, self.length)

    def _scope(self, area: Area, first: int) -> Block:
        """What is in question when `first` is the first mask of a block."""
        start, end, steps = area.start, area.end, self.profile.steps
        if self.profile.grid == "moving":
            start, end, steps = first, area.end + 1, 0
        elif size := self.profile.sub_block:
            part = first - (first - area.origin) % self.profile.block_length % size
            start, end = max(start, part), min(end, part + size)
        masks = len(self.canvas.masked(start, end))
        return Block(start, end, steps or masks, masks)

    def _most(self) -> int:
        """How many steps there are at most: each unmasks something, but for those that edit."""
        profile, most, place = self.profile, 0, 0
        edits = profile.max_post_steps if profile.edit_threshold is not None else 0
        masked = self.canvas.masked(0, self.length)
        while place < len(masked):
            first = int(masked[place])
            scope = self._scope(self._area(first), first)
            most += min(scope.masks, scope.steps + (profile.first_token != "denoised")) + edits
            place = int(np.searchsorted(masked, scope.end))
        return most

    # -------------------------------------------------------------------------- one step

    def _window(self, turn: Turn) -> Indices | None:
        """Positions to evaluate against the rest of the block; None for all of it, also where the
        part's first token, which the next ones lean on, is new."""
        start, end = turn.scope.start, turn.scope.end
        leans = self.canvas.tokens[start] != self.canvas.mask_token
        if self._in_part and leans and self._seen == turn.area.start and not turn.first:
            return np.arange(start, end)
        self._seen = None if turn.first else turn.area.start
        return None

    def _cost_of(self, turn: Turn, width: int) -> tuple[int, int]:
        """Positions that a step evaluates, and passes: `width` of the block, and finished text that
        is new; a first token comes with the latter."""
        text = max(0, turn.area.start - self._read)
        if turn.first:
            return text, 1
        return text + width, 1 if self.profile.reads_alike or text == 0 else 2

    def _view(self, turn: Turn, rows: Rows) -> View:
        rule = replace(self.rule, temperature=0.0) if turn.first else self.rule
        masked = self.canvas.tokens[turn.positions] == self.canvas.mask_token
        due = QUOTAS[self.profile.quota](turn.step, turn.scope, int(masked.sum()), 0.0)
        return View(
            positions=turn.positions,
            masked=masked,
            proposal=self.proposer(rows, None, turn.positions, self._index, rule),
            canvas=self.canvas.view(),
            block=turn.scope,
            quota=due,
            step=self._index,
            seed=rule.seed,
            divergences=self._divergences(turn.positions, rows),
        )

    def _divergences(self, positions: Indices, rows: Rows) -> Floats:
        """How far the distributions have moved, for a rule that asks for it."""
        if self.movement is None:
            return np.empty((0, len(positions)))
        # One row after the other: all of them in double precision would fill the memory.
        single = (rows[i : i + 1] for i in range(len(positions)))
        edited = (edited_logits(row, None, self.rule)[0] for row in single)
        return self.movement.note(positions, edited)

    def _unmasked(self, view: View) -> Indices:
        """Masks to be committed, as indices of the view."""
        masked = np.flatnonzero(view.masked)
        return masked[self.chooser.choose(view.only(masked)).commit]

    def _edited(self, view: View) -> Indices:
        """Tokens to be replaced by likelier ones, as indices of the view."""
        least = self.profile.edit_threshold
        if least is None:
            return np.empty(0, np.int64)
        other = view.proposal.tokens != view.canvas[view.positions]
        return np.flatnonzero(~view.masked & other & over_threshold(view, least))

    def _step(
        self,
        turn: Turn,
        commits: tuple[Commit, ...],
        found: tuple[Candidates, ...] | None,
        positions: int,
        nfe: int,
    ) -> Step:
        """What is seen of a step: nothing beyond the answer's length."""
        canvas = self.canvas.snapshot()[: self.length]
        if found is not None:
            found = tuple(each for each in found if each.position < self.length)
        return Step(
            index=self._index - 1,
            total=self._total,
            commits=tuple(commit for commit in commits if commit.position < self.length),
            canvas=canvas,
            masked=int((canvas == self.canvas.mask_token).sum()),
            block=(turn.scope.start, min(turn.scope.end, self.length)),
            positions_decoded=positions,
            nfe=nfe,
            elapsed=self._elapsed,
            settled=self.settled,
            proposals=found,
        )
