"""Log-probabilities of an answer's tokens, in the shape that programs know from APIs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..decoding.step import Commit

Spell = Callable[[int], bytes]
Name = Callable[[int], str]


@dataclass(frozen=True)
class Alternative:
    """A token that could have been put at a position."""

    id: int
    """Its number in the vocabulary."""
    token: str
    """Its text, or what the vocabulary calls it where it has none."""
    bytes: bytes
    """Its bytes, which may be part of a character; empty where it has no text."""
    logprob: float
    """The logarithm of its probability, in nats."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "token": self.token,
            "id": self.id,
            "logprob": self.logprob if math.isfinite(self.logprob) else None,
            "bytes": list(self.bytes) or None,
        }


@dataclass(frozen=True)
class TokenLogprob(Alternative):
    """A token of the answer, with what was known when it was put there."""

    position: int
    """Where on the canvas."""
    step: int
    """The step that it came in: positions are not filled in order."""
    top_logprobs: tuple[Alternative, ...]
    """The likeliest tokens of the position in that step, the likeliest first."""

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "position": self.position,
            "step": self.step,
            "top_logprobs": [other.to_dict() for other in self.top_logprobs],
        }


class Logprobs:
    """What has been told of each position, as steps are made."""

    def __init__(self, spell: Spell, name: Name) -> None:
        self._spell = spell
        self._name = name
        self._told: dict[int, tuple[Commit, float, int]] = {}

    def note(self, commits: Iterable[Commit], step: int) -> None:
        """Take note of what a step has put; the last that was put at a position counts."""
        for commit in commits:
            if commit.logprob is not None:
                self._told[commit.position] = (commit, commit.logprob, step)

    def of(self, positions: Iterable[int]) -> tuple[TokenLogprob, ...] | None:
        """Of the tokens at these positions; None where nothing was told of any."""
        told = [self._token(*self._told[p]) for p in positions if p in self._told]
        return tuple(told) if self._told else None

    def _token(self, commit: Commit, logprob: float, step: int) -> TokenLogprob:
        known = self._alternative(commit.token, logprob)
        others = tuple(self._alternative(*pair) for pair in commit.alternatives)
        return TokenLogprob(**vars(known), position=commit.position, step=step, top_logprobs=others)

    def _alternative(self, token: int, logprob: float) -> Alternative:
        data = self._spell(token)
        text = data.decode("utf-8", "replace") if data else self._name(token)
        return Alternative(token, text, data, logprob)
