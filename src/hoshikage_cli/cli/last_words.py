"""What is still said where llama.cpp gives up, which ends the process (llama/aborts.py).

The thread that gave up calls `end`, whatever the others are at; the main one, mostly, waits inside
the library for a pass that never ends. What a command has to tell by then it leaves here
beforehand: the same function that prints it when it is interrupted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from ..llama import aborts
from .exits import Exit
from .signals import give_terminal_back
from .streams import flush, note

REPORT = "please report it with `hoshikage --version`, as SECURITY.md says"

_owed: list[Callable[[], object]] = []


def install() -> None:
    """For the whole program, before the library is loaded."""
    _owed.clear()
    aborts.end_by(end, Exit.GAVE_UP)


@contextmanager
def owing(tell: Callable[[], object]) -> Iterator[None]:
    """While something is under way: what tells how far it is, should it get no further. It is
    called at most once, and asks nothing of a context."""
    _owed.append(tell)
    try:
        yield
    finally:
        _owed.remove(tell)


def end(reason: str) -> NoReturn:
    """Print what there is, say why there is no more, and end the process: neither this thread nor
    any other that waits for the library can go on."""
    try:
        for tell in (give_terminal_back, *reversed(_owed), flush):
            # Whatever fails here, the rest is still to be said.
            with suppress(BaseException):
                tell()
        note(f"llama.cpp gave up: {in_short(reason)}; {REPORT}")
    finally:
        os._exit(Exit.GAVE_UP)


def in_short(reason: str) -> str:
    """The library's reason on one line, its source file without the folders."""
    place = re.match(r"(?:.*/)?([^/\s]+:\d+): (.*)", reason, re.DOTALL)
    words = f"{place[2]} ({place[1]})" if place else reason
    return " ".join(words.split())
