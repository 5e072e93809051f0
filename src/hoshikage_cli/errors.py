"""What can go wrong, in words for the person who typed the command.

    HoshikageError
    ├── UsageError                  exit code 2: something to type differently; a ValueError
    │   └── SettingsError
    └── RunError                    exit code 1: a run that failed; a RuntimeError
        ├── PromptTooLong
        ├── NoMaskToken
        ├── FunctionError           engines/functions.py
        ├── NotAModel               models/header.py
        ├── DoesNotFit              models/fit.py
        ├── HubError                hub/repository.py
        ├── ChatTemplateError       chat/template.py
        ├── TraceError              trace.py
        ├── StrictStop              batch/run.py
        ├── OutputLost              cli/streams.py
        │   └── ClosedPipe          cli/streams.py: exit code 141, and no line
        └── LlamaError              llama/errors.py
            ├── ModelLoadError      llama/errors.py: an OSError
            ├── ContextError        llama/errors.py
            ├── DecodeError         llama/errors.py
            ├── DecodeAborted       llama/errors.py
            ├── TokenizeError       llama/errors.py: a ValueError
            └── ClosedError         llama/errors.py: a ValueError

Errors live beside what raises them; those above without a file live here. `cli/errors.py` makes the
line and the exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NOT_BUILT = "llama.cpp: not built (run make)"
"""What is to be said where the build has not been made."""


def not_built(error: ImportError) -> str:
    """In a line what an import of the build's parts failed of; "" for an import of others. A module
    that is missing says no more than that; a library that is, says which."""
    if (error.name or "").rpartition(".")[2] not in ("_native", "_build_facts"):
        return ""
    return NOT_BUILT if isinstance(error, ModuleNotFoundError) else f"{NOT_BUILT} ({error})"


class HoshikageError(Exception):
    """Base of every error whose message is meant for a user: one line that says what to do."""


class UsageError(HoshikageError, ValueError):
    """A wrong option, value, name or prompt."""


class SettingsError(UsageError):
    """An unknown setting, or a value that is out of range."""


class RunError(HoshikageError, RuntimeError):
    """A run that could not be started or finished with what was typed."""


class PromptTooLong(RunError):
    """The prompt and its answer do not fit into the context."""


class NoMaskToken(RunError):
    """A diffusion model whose vocabulary names no mask token."""


LONGEST_QUOTE = 200
"""Characters of what was typed that a message repeats."""


def shortened(text: str, most: int = LONGEST_QUOTE) -> str:
    """A text as a message may repeat it: long ones without their middle."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}… {len(text) - 2 * half:,} characters …{text[-half:]}"


def quoted(value: object) -> str:
    """What was given, in quotation marks if it is text, as a message repeats it."""
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return f"the {type(value).__name__} that was given"


def did_you_mean(name: str, allowed: Iterable[str], likeness: float = 0.6) -> str:
    """`; did you mean X?` where something allowed looks like `name`, else nothing.

    What begins with the name is meant first: `step` means `steps` rather than `stop`. And a letter
    is mistyped more often than one too many is: `stepz` means `steps` rather than `step`.
    """
    close = difflib.get_close_matches(name, list(allowed), n=3, cutoff=likeness)
    mistyped = [each for each in close if len(each) == len(name) and _wrong(each, name) <= 2]
    longer = [each for each in close if each.startswith(name)]
    return f"; did you mean {(longer or mistyped or close)[0]}?" if close else ""


def _wrong(one: str, other: str) -> int:
    """In how many places they differ: in two where neighbours have changed places."""
    return sum(a != b for a, b in zip(one, other, strict=True))
