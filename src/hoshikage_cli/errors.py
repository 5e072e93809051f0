"""What can go wrong, in words for the person who typed the command.

`UsageError` is something to type differently (exit code 2), `RunError` a run that failed (1).
"""

from __future__ import annotations


class HoshikageError(Exception):
    """Base of every error whose message is meant for a user: one line that says what to do."""


class UsageError(HoshikageError, ValueError):
    """A wrong option, value, name or prompt."""


class RunError(HoshikageError, RuntimeError):
    """A run that could not be started or finished with what was typed."""


class PromptTooLong(RunError):
    """The prompt and its answer do not fit into the context."""


class NoMaskToken(RunError):
    """A diffusion model whose vocabulary names no mask token."""
