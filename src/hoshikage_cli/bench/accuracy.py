"""What settings get right on tasks, and what that costs.

The settings take turns: each answers a few items, side by side, before any goes on to the next few,
so that a machine whose speed drifts does so for all of them. What counts is the time of a turn,
from its first prompt to its last answer: its answers share it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..batch.run import BatchProgress
from ..errors import HoshikageError, NoMaskToken
from ..generation.generator import AT_ONCE, Generator
from ..generation.run import Result
from ..llama.errors import DecodeAborted
from ..settings.resolve import Resolved
from .tasks import Item, in_chunks

Settle = Callable[[Mapping[str, Any]], Resolved]
"""The settings of an item, from its own ones."""

ROUNDS_OF_A_TURN = 4
"""So many times as many items as run side by side: places that fall empty at its end count less."""

NO_TASK = "no task"
"""What items are counted under that name none, where others do."""


@dataclass(frozen=True)
class Answer:
    """What became of an item under a setting."""

    item: Item
    """What was asked."""
    right: bool
    """Whether the answer is what was wanted."""
    text: str = ""
    """The answer."""
    nfe: int = 0
    """Forward evaluations."""
    tokens: int = 0
    """Tokens of the answer."""
    error: str | None = None
    """Why there is no answer; that counts as a wrong one."""

    def to_dict(self) -> dict[str, Any]:
        record = self.item.record
        told = {"line": record.line, "id": record.id, "task": self.item.task or None}
        told |= {"text": self.text, "right": self.right, "nfe": self.nfe, "error": self.error}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class Tally:
    """How many of how many are right."""

    right: int
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else 0.0

    def __str__(self) -> str:
        return f"{self.right}/{self.count}"


@dataclass
class Score:
    """One setting on the items that it has answered."""

    name: str
    """What is varied, and to what."""
    answers: dict[int, Answer] = field(default_factory=dict)
    """By the line of the item."""
    seconds: float = 0.0
    """Of all its turns."""

    @property
    def tally(self) -> Tally:
        return tally(self.answers.values())

    @property
    def nfe(self) -> float:
        """Forward evaluations a prompt."""
        return sum(each.nfe for each in self.answers.values()) / len(self.answers)

    @property
    def tokens(self) -> int:
        """Of all answers."""
        return sum(each.tokens for each in self.answers.values())

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def seconds_per_prompt(self) -> float:
        return self.seconds / len(self.answers)

    @property
    def errors(self) -> list[Answer]:
        """What could not be answered."""
        return [each for each in self.answers.values() if each.error is not None]

    def tasks(self) -> dict[str, Tally]:
        """The tally of each task, in the order of the file; none where no item names one."""
        groups: dict[str, list[Answer]] = {}
        for line in sorted(self.answers):
            groups.setdefault(self.answers[line].item.task, []).append(self.answers[line])
        tallies = {name or NO_TASK: tally(each) for name, each in groups.items()}
        return tallies if any(groups) else {}

    def points_lost(self, reference: Score) -> float:
        """Points of accuracy below the reference, on the items that both have answered."""
        both = self.answers.keys() & reference.answers.keys()
        mine, theirs = (tally(s.answers[line] for line in both) for s in (self, reference))
        return 100 * (theirs.share - mine.share)

    def details(self) -> list[dict[str, Any]]:
        """Every answer, in the order of the file."""
        return [self.answers[line].to_dict() for line in sorted(self.answers)]

    def to_dict(self, reference: Score) -> dict[str, Any]:
        total = self.tally
        tasks = {name: vars(each) | {"accuracy": each.share} for name, each in self.tasks().items()}
        return {
            "prompts": total.count,
            "right": total.right,
            "accuracy": total.share,
            "points_lost": self.points_lost(reference),
            "errors": len(self.errors),
            "nfe_per_prompt": self.nfe,
            "tokens_per_second": self.tokens_per_second,
            "seconds_per_prompt": self.seconds_per_prompt,
            "tasks": tasks,
        }


def tally(answers: Iterable[Answer]) -> Tally:
    counts = Counter(each.right for each in answers)
    return Tally(counts[True], counts.total())


class Trial:
    """Settings on trial: iterate for the progress, after each answer.

    items: each with a line of its own. settings: by name. `scores` has whatever is finished: a turn
    that is broken off counts for nothing.
    """

    def __init__(
        self,
        generator: Generator,
        items: list[Item],
        settings: Mapping[str, Settle],
        at_once: int = AT_ONCE,
    ) -> None:
        self.progress = BatchProgress(total=len(items) * len(settings))
        self._generator = generator
        self._items = items
        self._settings = settings
        self._at_once = at_once
        self._scores = {name: Score(name) for name in settings}

    @property
    def over(self) -> bool:
        """Whether every setting has answered everything."""
        return all(len(score.answers) == len(self._items) for score in self._scores.values())

    @property
    def scores(self) -> list[Score]:
        """Of every setting that has answered anything."""
        return [score for score in self._scores.values() if score.answers]

    def __iter__(self) -> Iterator[BatchProgress]:
        """Raises what concerns all items: a model without a mask token, an interrupt."""
        self._warm_up()
        names = list(self._settings)
        chunks = in_chunks(self._items, ROUNDS_OF_A_TURN * self._at_once)
        for number, chunk in enumerate(chunks):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                yield from self._turn(name, chunk)

    def _warm_up(self) -> None:
        """One answer of each setting, so that what the first one waits for is not measured."""
        for settle in self._settings.values():
            for _ in self._answered(settle, self._items[:1]):
                pass

    def _turn(self, name: str, items: list[Item]) -> Iterator[BatchProgress]:
        answers: list[Answer] = []
        self._generator.forget()
        began = time.perf_counter()
        for answer in self._answered(self._settings[name], items):
            answers.append(answer)
            self._note(answer)
            yield self.progress
        score = self._scores[name]
        score.seconds += time.perf_counter() - began
        score.answers |= {each.item.record.line: each for each in answers}

    def _answered(self, settle: Settle, items: list[Item]) -> Iterator[Answer]:
        jobs = tuple((item.record.prompt, settle(item.record.settings)) for item in items)
        for number, outcome in self._generator.generate_many(jobs, self._at_once):
            if isinstance(outcome, (NoMaskToken, DecodeAborted)):
                raise outcome
            yield judged(items[number], outcome)

    def _note(self, answer: Answer) -> None:
        self.progress.answered += answer.error is None
        self.progress.bad += answer.error is not None
        self.progress.tokens += answer.tokens


def judged(item: Item, outcome: Result | HoshikageError) -> Answer:
    if isinstance(outcome, HoshikageError):
        return Answer(item, False, error=str(outcome))
    right = item.check(outcome.text)
    return Answer(item, right, outcome.text, outcome.nfe, outcome.completion_tokens)
