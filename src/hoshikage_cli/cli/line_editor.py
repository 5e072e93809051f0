"""Where a chat's messages come from: an editor on a terminal, or lines that are piped in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from ..errors import UsageError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

PROMPT = "> "
MORE = ". "
LONGEST_MESSAGE = 16 << 20
"""Characters of a line that is piped in; no context holds as much."""


class Reader(Protocol):
    interactive: bool
    """Whether somebody types, whose Ctrl-C is about a line and not about the program."""

    def read(self) -> str:
        """The next message. Raises EOFError at the end, KeyboardInterrupt for Ctrl-C."""


class PipedLines:
    """A message a line."""

    interactive = False

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._endless = False

    def read(self) -> str:
        line = "" if self._endless else self._source.readline(LONGEST_MESSAGE)
        if not line:
            raise EOFError
        if len(line) == LONGEST_MESSAGE:
            self._endless = True
            raise UsageError(f"a message of {len(line):,} characters is too long: make it shorter")
        return line.rstrip("\r\n")


def piped_lines() -> PipedLines:
    """Those of stdin. Raises UsageError for one that is closed."""
    if sys.stdin is None:
        raise UsageError("no messages: stdin is closed; pipe some in, or chat in a terminal")
    return PipedLines(sys.stdin)


class LineEditor:
    """prompt_toolkit's editor: Enter sends, Alt-Enter begins a new line, and so does a backslash at
    the end; pasted lines stay together. It draws on stderr."""

    interactive = True

    def __init__(self, words: Iterable[str], history: Path | None) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import InMemoryHistory
        from prompt_toolkit.output import ColorDepth
        from prompt_toolkit.output.defaults import create_output
        from prompt_toolkit.styles import Style

        self._session: PromptSession[str] = PromptSession(
            # What is said looks other than what is answered.
            message=[("class:prompt", PROMPT)],
            style=Style.from_dict({"": "bold", "prompt": "ansigreen bold"}),
            multiline=True,
            prompt_continuation=MORE,
            key_bindings=_keys(),
            history=_history(history) if history else InMemoryHistory(),
            completer=_completer(list(words)),
            complete_while_typing=False,
            color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
            output=create_output(stdout=sys.stderr),
        )

    def read(self) -> str:
        return self._session.prompt()


def _history(path: Path) -> History:
    """Earlier messages, kept in a file as far as it can be read and written: a disk that is full
    ends no conversation."""
    from prompt_toolkit.history import FileHistory

    class Kept(FileHistory):
        def load_history_strings(self) -> Iterable[str]:
            with suppress(OSError):
                return list(super().load_history_strings())
            return []

        def store_string(self, string: str) -> None:
            with suppress(OSError):
                super().store_string(string)

    return Kept(str(path))


def _completer(words: list[str]) -> Completer:
    """Completes what stands in front of the cursor. prompt_toolkit's own completers look at the
    last word, which a slash is no part of."""
    from prompt_toolkit.completion import Completer, Completion

    class Commands(Completer):
        def get_completions(
            self, document: Document, complete_event: CompleteEvent
        ) -> Iterator[Completion]:
            typed = document.text_before_cursor
            for found in completions(typed, words):
                yield Completion(found, start_position=-len(typed))

    return Commands()


def completions(typed: str, words: Iterable[str]) -> list[str]:
    """How words (`/set steps`) that begin with what was typed go on, to the end of the next one."""
    known = [word for word in words if typed and word.startswith(typed)]
    return list(
        dict.fromkeys(word[: len(typed)] + _next_word(word[len(typed) :]) for word in known)
    )


def _next_word(rest: str) -> str:
    blanks = len(rest) - len(rest.lstrip())
    return rest[:blanks] + rest[blanks:].partition(" ")[0]


def _keys() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line.endswith("\\") and buffer.document.is_cursor_at_the_end:
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def history_path() -> Path | None:
    """The file of earlier messages, readable by its owner alone; None where there can be none."""
    from platformdirs import user_state_path

    path = user_state_path("hoshikage") / "chat-history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError:
        return None
    return path if path.is_file() else None
