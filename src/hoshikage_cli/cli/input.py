"""Where the prompt comes from: the argument, -p, a file, stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import UsageError

NO_PROMPT = (
    'no prompt: type one, as in hoshikage generate "What is the capital of Japan?", '
    "or give a file with -f, or pipe one in"
)


def read_prompt(argument: str | None, option: str | None, file: str | None) -> str:
    """The whole prompt.

    A file or what is piped in is the material, the argument the instruction: material first, then
    a blank line, then the instruction. One newline at the end of the material is left out. "-" as
    argument or file means stdin. Raises UsageError when there is no prompt.
    """
    if argument is not None and option is not None:
        raise UsageError("a prompt as argument and another with -p: give one of them")
    instruction = option if argument is None else argument
    if instruction == "-":
        instruction, file = None, file or "-"
    material = _material(file, needed=instruction is None)
    parts = [part for part in (material, instruction) if part]
    if not parts:
        raise UsageError(NO_PROMPT)
    return "\n\n".join(parts)


def _material(file: str | None, needed: bool) -> str:
    if file not in (None, "-"):
        return _without_newline(_read_file(Path(file).expanduser()))
    if sys.stdin is None or sys.stdin.closed:
        return ""
    if file is None and sys.stdin.isatty():
        return ""
    return _without_newline(_read_stdin())


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read the prompt from {path}: {error.strerror}") from None


def _read_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("what came through stdin is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read stdin: {error.strerror}") from None


def _without_newline(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
