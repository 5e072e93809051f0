"""Text from where a user has it: an argument, a file, stdin."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..files import expanded, read_bounded

if TYPE_CHECKING:
    from ..trace import Recording

STDIN = "-"
NO_PROMPT = (
    'no prompt: type one, as in hoshikage generate "What is the capital of Japan?", '
    "or give a file with -f, or pipe one in"
)
NO_TEXT = (
    'no text: type one, as in hoshikage infill "The capital of Japan is [MASK].", '
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
    if instruction == STDIN:
        instruction, file = None, file or STDIN
    parts = [part for part in (_material(file), instruction) if part]
    if not parts:
        raise UsageError(NO_PROMPT)
    return "\n\n".join(parts)


def read_text(argument: str | None, file: str | None, missing: str = NO_TEXT) -> str:
    """A text that is to stay as it is, to the last byte. Raises UsageError, with the words of
    `missing`, when there is none."""
    if argument is not None and argument != STDIN:
        if file is not None:
            raise UsageError("a text as argument and a file: give one of them")
        return argument
    if file is not None and file != STDIN:
        return _from_file(file, "text")
    text = _from_stdin(asked=STDIN in (argument, file))
    if not text:
        raise UsageError(missing)
    return text


def read_recording(file: str) -> Recording:
    """A trace of a file; of stdin, whole, for "-"."""
    from ..trace import read_trace, trace_from

    if file != STDIN:
        return read_trace(file)
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("cannot read stdin: it is closed")
    return trace_from(sys.stdin.buffer, "what came through stdin")


def _material(file: str | None) -> str:
    if file is None or file == STDIN:
        text = _from_stdin(asked=file == STDIN)
    else:
        text = _from_file(file, "prompt").replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n").removesuffix("\r")


def _from_file(file: str, what: str) -> str:
    path = expanded(file)
    try:
        with path.open("rb") as opened:
            return _decoded(read_bounded(opened, str(path)), str(path))
    except OSError as error:
        raise UsageError(f"cannot read the {what} from {path}: {error.strerror}") from None


def _from_stdin(asked: bool) -> str:
    """What is piped in; what somebody types only where they `asked` to be heard."""
    if sys.stdin is None or sys.stdin.closed or (sys.stdin.isatty() and not asked):
        return ""
    try:
        name = "what came through stdin"
        return _decoded(read_bounded(sys.stdin.buffer, name), name)
    except OSError as error:
        raise UsageError(f"cannot read stdin: {error.strerror}") from None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text") from None
