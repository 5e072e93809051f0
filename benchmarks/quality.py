"""What each way of decoding gets right on held-out tasks of the demo models, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import hoshikage_cli as hk
from demo_model import corpus
from hoshikage_cli.batch.records import Record
from hoshikage_cli.bench import accuracy
from hoshikage_cli.bench.tasks import Item
from hoshikage_cli.generation.generator import Generator
from hoshikage_cli.settings.resolve import Resolved

BLOCKS = {"block_length": 32, "steps": 0}
SETTINGS: dict[str, dict] = {
    "one token a step": {"steps": 0},
    "one token a step, blocks of 32": BLOCKS,
    "default (50 steps)": {},
    "16 steps": {"steps": 16},
    "8 steps": {"steps": 8},
    "prefix cache": {**BLOCKS, "cache": "prefix"},
    "dual cache": {**BLOCKS, "cache": "dual"},
    "active cache": {"steps": 0, "cache": "active"},
    "threshold 0.9": {"steps": 0, "threshold": 0.9},
    "factor 1": {**BLOCKS, "factor": 1.0},
    "entropy bound 0.1": {"steps": 0, "entropy_bound": 0.1},
    "entropy threshold 0.5": {"steps": 0, "entropy_threshold": 0.5},
    "entropy exit 1.5": {"steps": 0, "entropy_exit": 1.5},
    "KLASS 0.01": {"steps": 0, "klass": 0.01},
    "--fast": {"fast": True},
}
IN_BLOCKS: dict[str, dict] = {
    "hoshi-tiny-block, one token a step": {"threshold": 1.0},
    "hoshi-tiny-block": {},
}
MODELS = {"hoshi-tiny": SETTINGS, "hoshi-tiny-block": IN_BLOCKS}
REFERENCE = "one token a step"


@dataclass(frozen=True)
class Score:
    """Shares of right answers by task, evaluations and tokens of all runs, seconds of all runs."""

    name: str
    right: dict[str, float]
    nfe: int
    tokens: int
    seconds: float

    @property
    def accuracy(self) -> float:
        return sum(self.right.values()) / len(self.right)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


def scores(items: int) -> list[Score]:
    """Every setting of each model on so many held-out items of each task, an answer at a time."""
    return [score for model, ways in MODELS.items() for score in scores_of(model, ways, items)]


def scores_of(model: str, ways: dict[str, dict], items: int) -> list[Score]:
    with hk.load(model, threads=2, seed=1) as generator:
        settings = {name: partial(settled, generator, own) for name, own in ways.items()}
        trial = accuracy.Trial(generator, held_out_items(items), settings, at_once=1)
        for _ in trial:
            pass
    return [score_of(found) for found in trial.scores]


def settled(generator: Generator, settings: dict, own: dict) -> Resolved:
    return generator.resolve(**settings, **own)


def held_out_items(count: int) -> list[Item]:
    examples = [
        (task, example)
        for task in corpus.GENERATORS
        for example in corpus.held_out_examples(task, count)
    ]
    return [
        Item(Record(line, example.prompt), partial(corpus.is_right, example), task)
        for line, (task, example) in enumerate(examples, 1)
    ]


def score_of(found: accuracy.Score) -> Score:
    right = {task: tally.share for task, tally in found.tasks().items()}
    nfe = sum(answer.nfe for answer in found.answers.values())
    return Score(found.name, right, nfe, found.tokens, found.seconds)
