"""A prompt laid out for an engine. Nothing here needs the library: a recording has a job too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import HoshikageError

Tokens = NDArray[np.int32]


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
    watch: Stopwatch = field(default_factory=Stopwatch)
    chosen: dict[str, Any] = field(default_factory=dict)
    """Settings that the engine has settled itself, by name."""


@dataclass(frozen=True)
class Ended:
    """Stands behind the last step of a job."""

    error: HoshikageError | None = None
    """Why the job could not be run; None for one that is finished."""
