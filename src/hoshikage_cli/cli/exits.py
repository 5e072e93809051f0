"""Exit codes."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """A run that was typed rightly and failed."""
    USAGE = 2
    """Something to type differently."""
    GAVE_UP = 70
    """llama.cpp gave up in the middle of a run: a fault of it, or of ours."""
    HUNG_UP = 129
    """The terminal went away: 128 and the signal's number, as shells count."""
    INTERRUPTED = 130
    """Ctrl-C."""
    CLOSED_PIPE = 141
    """Whoever read the output went away."""
    TERMINATED = 143
