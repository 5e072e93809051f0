"""`hoshikage infill`: fill the holes of a text and leave the rest of it as it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ...display.figures import counted
from ...errors import UsageError
from ...generation.generator import Generator
from ...generation.infill import MARKER, InfillResult, parse, refuse_autoregressive, start
from ..exits import Exit
from ..interrupts import run_through
from ..setup import Setup, choose, display_for, load_chosen, tell_setup
from ..streams import note, write, write_exactly

SHOW = ("text", "holes")
NO_TEXT = (
    'no text: type one, as in hoshikage infill "The capital of Japan is [MASK].", '
    "or give a file with -f, or pipe one in"
)


def run_infill(
    flags: dict[str, Any],
    argument: str | None,
    file: str | None,
    marker: str | None,
    prompt: str | None,
    show: str,
) -> int:
    if show not in SHOW:
        raise UsageError(f"--show: {show!r} is unknown: choose {' or '.join(SHOW)}")
    setup = choose(flags)
    refuse_autoregressive(setup.kind, setup.name or str(setup.header.path.name))
    text = read_text(argument, file)
    marker = MARKER if marker is None else marker
    parse(text, marker)
    if not setup.output.quiet:
        tell_setup(setup)
    with display_for(setup) as display, load_chosen(setup, display) as generator:
        result = _fill(generator, text, setup, marker, prompt, display)
        display.finish(result)
    _print(result, setup, show, as_typed=argument not in (None, "-"))
    if result.stop_reason != "interrupted":
        return Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}: some holes are not filled")
    return Exit.INTERRUPTED


def _fill(
    generator: Generator, text: str, setup: Setup, marker: str, prompt: str | None, display
) -> InfillResult:
    run = start(generator, text, setup.resolved, marker=marker, prompt=prompt)
    run_through(run, display.event, setup.delay(display))
    return run.result()


def _print(result: InfillResult, setup: Setup, show: str, as_typed: bool) -> None:
    as_json = setup.output.json
    if as_json:
        told = result.to_dict()
        write(json.dumps(told["holes"] if show == "holes" else told, ensure_ascii=False) + "\n")
    elif show == "holes":
        write("".join(f"{one_line(hole.text)}\n" for hole in result.holes))
    else:
        # A file goes out with the ending that it has; what was typed as an argument has none.
        ending = "\n" if as_typed and not result.text.endswith("\n") else ""
        write_exactly(result.text + ending)


def one_line(fill: str) -> str:
    """A fill on one line: its line breaks as \\n and \\r."""
    return fill.replace("\n", "\\n").replace("\r", "\\r")


# ---------------------------------------------------------------------------------- the text


def read_text(argument: str | None, file: str | None) -> str:
    """The text with its holes, exactly: from the argument, a file or stdin."""
    if argument not in (None, "-"):
        if file is not None:
            raise UsageError("a text as argument and a file: give one of them")
        return argument
    if file not in (None, "-"):
        return _decoded(_read_file(Path(file).expanduser()), file)
    if sys.stdin is None or (argument is None and file is None and sys.stdin.isatty()):
        raise UsageError(NO_TEXT)
    text = _decoded(sys.stdin.buffer.read(), "what came through stdin")
    if not text:
        raise UsageError(NO_TEXT)
    return text


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the text from {path}: {error.strerror}") from None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text") from None
