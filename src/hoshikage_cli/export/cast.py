"""A run as a recording for asciinema: the live view, frame by frame."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from ..display.figures import summary
from ..display.frame import Memory, frame
from ..display.layout import Line, wrap
from ..display.painter import FRAMES_PER_SECOND
from ..display.palette import palette
from ..display.region import Region
from ..display.shades import view_of
from ..generation.run import Result, TextEvent
from ..trace import Recording
from .timeline import timeline

ROWS = 24


def cast(recording: Recording, view: str | None, columns: int, seconds: float | None) -> str:
    """The recording in asciinema's format, version 2."""
    head = {
        "version": 2,
        "width": columns,
        "height": ROWS,
        "title": f"hoshikage: {recording.name}",
        "env": {"TERM": "xterm-256color"},
    }
    lines = [head, *_events(recording, view, columns, seconds)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _events(
    recording: Recording, view: str | None, columns: int, seconds: float | None
) -> Iterator[list[Any]]:
    screen = _Screen(columns)
    view = view_of(view, recording.has_masks)
    run = recording.play()
    last = len(recording.steps) - 1
    shown_at = -1.0
    yield [0.0, "o", screen.opened()]
    for number, (time, event) in enumerate(zip(timeline(recording, seconds), run, strict=True)):
        if number == last or time - shown_at >= 1 / FRAMES_PER_SECOND:
            shown_at = time
            yield [round(time, 4), "o", screen.drawn(event, view)]
    yield [round(max(shown_at, 0.0) + 1, 4), "o", screen.closed(run.result())]


class _Screen:
    """What a terminal of this width is sent."""

    def __init__(self, columns: int) -> None:
        self._codes = io.StringIO()
        self._console = Console(
            file=self._codes,
            force_terminal=True,
            color_system="256",
            width=columns,
            height=ROWS,
            highlight=False,
            _environ={},
        )
        self._region = Region(self._console, palette(self._console))
        self._memory = Memory()

    def opened(self) -> str:
        self._region.open()
        return self._sent()

    def drawn(self, event: TextEvent, view: str) -> str:
        self._region.draw(frame(event, view, *self._console.size, self._memory))
        return self._sent()

    def closed(self, result: Result) -> str:
        """The view gives way to what is left on the terminal: the summary and the text."""
        self._region.close()
        width = self._console.width - 1
        self._region.draw([*_plain(summary(result), "dim", width), *_plain(result.text, "", width)])
        return self._sent() + "\r\n"

    def _sent(self) -> str:
        codes = self._codes.getvalue()
        self._codes.seek(0)
        self._codes.truncate()
        return codes.replace("\n", "\r\n")


def _plain(text: str, look: str, width: int) -> list[Line]:
    return wrap([(text, look, False)], width)
