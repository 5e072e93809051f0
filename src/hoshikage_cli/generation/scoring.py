"""What a model holds a text for, in figures: log-likelihood, perplexity, bits per byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.likelihood import Likelihood
from .run import Words
from .text import decode, piece_texts

DRAWS = 128
"""As many as LLaDA's own evaluation takes."""


@dataclass(frozen=True)
class ScoredToken:
    """A token of a scored text."""

    text: str
    """What it adds; a character is shown where its last byte stands."""
    token: int
    """Its id."""
    logprob: float | None
    """In nats; of an estimate the mean over the draws that masked it. None: not known."""
    likeliest: str | None
    """What the model would have put there; None for an estimate, where it varies."""

    @property
    def surprise(self) -> float:
        """Nats; 0 where nothing is known."""
        return -(self.logprob or 0.0)


@dataclass(frozen=True)
class Score:
    """How likely a text is to a model."""

    text: str
    """The text, without what was given before it."""
    log_likelihood: float
    """In nats."""
    standard_error: float | None
    """Of an estimate, in nats; None where it is exact, or where one draw does not tell."""
    perplexity: float
    """exp of the nats a token."""
    bits_per_byte: float
    """Comparable between models with different tokens."""
    bytes: int
    """Of the text in UTF-8, as far as it is scored."""
    tokens: tuple[ScoredToken, ...]
    """The text, token by token."""
    prompt_tokens: int
    """Tokens given before it."""
    method: str
    """`exact`, `monte-carlo` or `order`."""
    samples: int | None
    """Draws of an estimate."""
    nfe: int
    """Forward evaluations."""
    greedy: bool | None
    """Whether each token is the one that the model would have put there; None: not known."""
    model: str
    """The model's name."""
    settings: dict[str, Any]
    """What decided it, by name; the seed is the one that was used."""
    timings: dict[str, float]
    """Seconds: `load`, `score`."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `--json`."""
        return {**vars(self), "tokens": [dict(vars(token)) for token in self.tokens]}


def figures(
    text: str | NDArray[np.int32], ids: NDArray[np.int32], found: Likelihood, words: Words
) -> dict[str, Any]:
    """What of a `Score` follows from the text, if that is known, its tokens and its likelihood."""
    tokens = ids.tolist()
    if not isinstance(text, str):
        text = decode(tokens, words.piece)
    known = ~np.isnan(found.log_probability)
    # Of an estimate all tokens count, whether or not a draw has masked each.
    unscored = [] if found.draws else [t for t, k in zip(tokens, known, strict=True) if not k]
    size = len(text.encode("utf-8", "surrogatepass")) - sum(len(words.piece(t)) for t in unscored)
    count = len(tokens) - len(unscored)
    return {
        "text": text,
        "log_likelihood": found.log_likelihood,
        "standard_error": found.standard_error,
        "perplexity": _exp(-found.log_likelihood / max(1, count)),
        "bits_per_byte": -found.log_likelihood / math.log(2) / max(1, size),
        "bytes": size,
        "tokens": tuple(_scored_tokens(tokens, found, words)),
        "samples": found.draws,
        "nfe": found.nfe,
        "greedy": None if found.likeliest is None else found.likeliest.tolist() == tokens,
    }


def _scored_tokens(tokens: Sequence[int], found: Likelihood, words: Words) -> list[ScoredToken]:
    texts = piece_texts(tokens, None, words.piece)
    likeliest = _spelled(found.likeliest, words) or [None] * len(tokens)
    return [
        ScoredToken(text, int(token), None if math.isnan(nats) else nats, likely)
        for text, token, nats, likely in zip(
            texts, tokens, found.log_probability.tolist(), likeliest, strict=True
        )
    ]


def _spelled(tokens: NDArray[np.int32] | None, words: Words) -> list[str | None]:
    found = [] if tokens is None else tokens.tolist()
    return [decode([token], words.piece) or words.text(token) for token in found]


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
