"""A prompt laid out for an engine. Nothing here needs the library: a recording has a job too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import HoshikageError

Tokens = NDArray[np.int32]
Complete = Callable[[Sequence[int]], bool]
"""Of the settled beginning of an answer: whether it needs no more."""


@dataclass
class Stopwatch:
    """Seconds that a job has taken so far."""

    opening: float = 0.0
    """Waiting for a context."""
    decode: float = 0.0
    """In forward passes: its share of those that it had with others."""
    reduce: float = 0.0
    """In reductions of rows."""


@dataclass(eq=False, kw_only=True)
class Job:
    """A prompt laid out for an engine, before anything is computed for it."""

    tokens: Tokens
    """(L,) the canvas as it begins; masked positions hold `mask_token`."""
    prompt_length: int
    """Where the answer begins."""
    mask_token: int | None
    """None where positions are added and none is ever masked."""
    seed: int
    total_steps: int | None
    """The most steps that it takes, if that is known."""
    complete: Complete | None = None
    """Asked after each step; None: only what the family knows ends an answer."""
    watch: Stopwatch = field(default_factory=Stopwatch)
    chosen: dict[str, Any] = field(default_factory=dict)
    """Settings that the engine has settled itself, by name."""

    @property
    def room(self) -> int:
        """Positions to make room for when it begins."""
        return len(self.tokens)

    def settled(self, canvas: Tokens) -> list[int]:
        """The answer's tokens in front of the first masked one."""
        answer: list[int] = canvas[self.prompt_length :].tolist()
        if self.mask_token not in answer:
            return answer
        return answer[: answer.index(self.mask_token)]

    def is_complete(self, canvas: Tokens) -> bool:
        """Whether nothing that could still come would be part of the answer."""
        return self.complete is not None and self.complete(self.settled(canvas))


@dataclass(frozen=True)
class Ended:
    """Stands behind the last step of a job."""

    error: HoshikageError | None = None
    """Why the job could not be run; None for one that is finished."""
