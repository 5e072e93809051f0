"""A text by how likely each token is: in colours on a terminal, elsewhere a line a token."""

from __future__ import annotations

import bisect
import math
import sys
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console
from rich.text import Text

from ..generation.scoring import Score, ScoredToken
from .console import on_stderr
from .layout import printable
from .palette import palette
from .plain import one_line
from .shades import CONFIDENCE

EDGES = (0.001, 0.01, 0.1, 0.5)
"""Probabilities at which the levels begin, but for the lowest."""


def show_coloured(scores: Sequence[Score], console: Console | None = None) -> None:
    console = console or on_stderr()
    looks = palette(console)
    for score in scores:
        text = Text()
        for token in score.tokens:
            text.append(_shown(token.text), looks[_look(token)])
        console.print(text, soft_wrap=True)
    legend = Text("probability", looks["dim"])
    for level, word in enumerate([f"<{EDGES[0]:g}", *(f"≥{edge:g}" for edge in EDGES)]):
        legend.append(" ").append(f" {word} ", looks[f"{CONFIDENCE} {level}"])
    console.print(legend)


def show_lines(scores: Sequence[Score]) -> None:
    """Log-probability and token."""
    # Perhaps nobody watches; the figures still go to stdout.
    with suppress(OSError, ValueError):
        for score in scores:
            for token in score.tokens:
                print(f"{_nats(token):>9}  {one_line(token.text)}", file=sys.stderr)
        sys.stderr.flush()


def _nats(token: ScoredToken) -> str:
    return "?" if token.logprob is None else f"{token.logprob:.4f}"


def _look(token: ScoredToken) -> str:
    if token.logprob is None:
        return "dim"
    return f"{CONFIDENCE} {bisect.bisect_right(EDGES, math.exp(token.logprob))}"


def _shown(text: str) -> str:
    return "".join(c if c == "\n" else printable(c) for c in text)
