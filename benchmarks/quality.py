"""What each way of decoding gets right on the demo model's held-out tasks, and what it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import hoshikage_cli as hk
from demo_model import corpus

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
    "--fast": {"fast": True},
}
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
    with hk.load("hoshi-tiny", threads=2, seed=1) as generator:
        return [score(generator, name, settings, items) for name, settings in SETTINGS.items()]


def score(generator, name: str, settings: dict, items: int) -> Score:
    right, nfe, tokens, began = {}, 0, 0, time.perf_counter()
    for task in corpus.GENERATORS:
        examples = corpus.held_out_examples(task, items)
        results = [generator.generate(example.prompt, **settings) for example in examples]
        correct = [corpus.is_right(e, r.text) for e, r in zip(examples, results, strict=True)]
        right[task] = sum(correct) / len(correct)
        nfe += sum(result.nfe for result in results)
        tokens += sum(result.completion_tokens for result in results)
    return Score(name, right, nfe, tokens, time.perf_counter() - began)
