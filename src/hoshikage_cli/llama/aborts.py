"""What a program says when the library gives up, which ends the process (abort.cpp).

Asked for before the library is loaded, which not every command does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How the process ends then."""

    say: Callable[[str], None]
    """Called with the library's reason by the thread that gave up, where no call into the library's
    contexts returns any more; the process ends with it."""
    code: int
    """With this exit code."""


_asked: list[Ending] = []


def end_by(say: Callable[[str], None], code: int) -> None:
    """For programs: end like this, where otherwise the process would die of SIGABRT."""
    _asked[:] = [Ending(say, code)]


def asked() -> Ending | None:
    """What was asked for, if anything was."""
    return _asked[0] if _asked else None
