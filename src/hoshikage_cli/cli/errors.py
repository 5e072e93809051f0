"""The one place that turns what went wrong into a line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol, runtime_checkable

from ..errors import HoshikageError, UsageError, did_you_mean, not_built, shortened
from ..settings.declared import declarations
from ..settings.option import TRUE_WORDS
from .exits import Exit
from .streams import ClosedPipe, note, tell, visible

LONGEST_LINE = 2000
"""Characters of a line on stderr: a path may be long, what an argument held is not repeated."""

QUOTE_PROMPT = '; a prompt is put in quotes, as in hoshikage generate "What is 2 + 3?"'
QUOTE_TEXT = '; a text is put in quotes, as in hoshikage infill "2 + 3 = [MASK]"'
UNQUOTED = {
    ("hoshikage", "No such command"): QUOTE_PROMPT,
    ("hoshikage generate", "Got unexpected extra"): QUOTE_PROMPT,
    ("hoshikage infill", "Got unexpected extra"): QUOTE_TEXT,
}
"""What to say besides, by the command and how the parser's complaint begins."""


@runtime_checkable
class Refusal(Protocol):
    """What typer raises, known by what it has: its class is typer's own in some versions, and in
    others click's."""

    exit_code: int

    def format_message(self) -> str: ...


def report(error: BaseException, arguments: list[str]) -> int:
    """Say what happened in one line; the exit code that goes with it."""
    if isinstance(error, ClosedPipe):
        return Exit.CLOSED_PIPE
    if isinstance(error, KeyboardInterrupt):
        note("interrupted")
        return Exit.INTERRUPTED
    if isinstance(error, Refusal) and type(error).__name__ == "NoArgsIsHelpError":
        tell(error.format_message())
        return Exit.USAGE
    if _debugging(arguments, os.environ):
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(visible("".join(traceback.format_exception(error))))
    message, code = _described(error)
    note(shortened(message, LONGEST_LINE))
    return code


def _described(error: BaseException) -> tuple[str, int]:
    if isinstance(error, Refusal):
        return _typed_wrong(error), Exit.USAGE
    if isinstance(error, UsageError):
        return str(error), Exit.USAGE
    if isinstance(error, HoshikageError):
        return str(error), Exit.FAILED
    if _is_lack_of_memory(error):
        return "not enough memory", Exit.FAILED
    if isinstance(error, ImportError) and (why := not_built(error)):
        return why, Exit.FAILED
    if isinstance(error, OSError):
        return _os_error(error), Exit.FAILED
    words = f"{type(error).__name__}: {error}"
    return f"internal error, {words} (--debug shows where)", Exit.FAILED


def _is_lack_of_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # Of a thread, whose stack there was no room for.
    return isinstance(error, MemoryError) or "can't start new thread" in str(error)


def _os_error(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _typed_wrong(error: Refusal) -> str:
    context = getattr(error, "ctx", None)
    name = getattr(error, "option_name", None)
    unknown = type(error).__name__ == "NoSuchOption"
    message = error.format_message().rstrip(".")
    if unknown and name:
        message = f"no option {name}{_likely(name, _flags(context))}"
    where = getattr(context, "command_path", None) or "hoshikage"
    if "Did you mean" not in message:
        message += _unquoted(where, message)
    message = message.replace(". Did you", "; did you")
    return f"{message[:1].lower()}{message[1:]} (see {where} --help)"


def _unquoted(where: str, message: str) -> str:
    found = (UNQUOTED[key] for key in UNQUOTED if key[0] == where and message.startswith(key[1]))
    return next(found, "")


def _likely(name: str, flags: list[str]) -> str:
    """`; did you mean --X?`: dashes all look alike, so they do not count."""
    by_word = {flag.lstrip("-"): flag for flag in flags}
    guess = did_you_mean(name.lstrip("-"), by_word)
    return re.sub(r"mean (.*)\?", lambda m: f"mean {by_word[m[1]]}?", guess)


def _flags(context: object) -> list[str]:
    parameters = getattr(getattr(context, "command", None), "params", [])
    return [
        flag for parameter in parameters for flag in (*parameter.opts, *parameter.secondary_opts)
    ]


def _debugging(arguments: list[str], environ: Mapping[str, str]) -> bool:
    """Whether tracebacks are wanted, before there are settings: some errors come so early."""
    known = declarations()["debug"]
    by_variable = any(environ.get(name, "").lower() in TRUE_WORDS for name in known.variables)
    return by_variable or any(flag in arguments for flag in known.option.flags)
