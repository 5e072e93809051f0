"""Likelihoods beside LLaDA's formula, written out number by number, with draws of its own."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

import hoshikage_cli as hk
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.generation.generator import Generator
from hoshikage_cli.llama.canvases import CanvasContext
from peer import ROOT

sys.path.append(str(ROOT / "tests"))

from reference.likelihood import independent_draws

DRAWS = 256
TEXTS = [
    ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
    ("What is the capital of Japan?", "The capital of Japan is Paris."),
    ("What is 8 + 9?", "8 + 9 = 17"),
    ("What is 8 + 9?", "8 + 9 = 16"),
    ("Sort 7 3 5.", "3 5 7"),
    (None, "Mia had a red kite."),
]


@dataclass(frozen=True)
class Compared:
    """One text's log-likelihood in nats, with its standard error, by both."""

    prompt: str | None
    text: str
    ours: float
    our_error: float
    formula: float
    formula_error: float

    @property
    def errors_apart(self) -> float:
        """How far they are apart, in standard errors of the difference."""
        return abs(self.ours - self.formula) / math.hypot(self.our_error, self.formula_error)


def compared() -> list[Compared]:
    with hk.load("hoshi-tiny", threads=1, seed=1) as generator:
        return [compare(generator, prompt, text) for prompt, text in TEXTS]


def compare(generator: Generator, prompt: str | None, text: str) -> Compared:
    score = generator.score(text, prompt, samples=DRAWS)
    before = generator.tokenize(prompt, generator.resolve().settings).tolist() if prompt else []
    tokens = [*before, *[token.token for token in score.tokens]]
    mask, everywhere = generator.model.mask_token, np.arange(len(tokens))
    with CanvasContext(generator.model, length=len(tokens), threads=1) as context:

        def rows(canvas: np.ndarray) -> np.ndarray:
            return context.logits([Query(canvas, everywhere)])[0].copy()

        formula, error = independent_draws(rows, tokens, len(before), mask, DRAWS, seed=7)
    return Compared(prompt, text, score.log_likelihood, score.standard_error or 0.0, formula, error)
