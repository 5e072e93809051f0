"""The canvas while it is being unmasked, live on a terminal's stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..generation import Result, Run, TextEvent
from ..text import Cell
from .figures import progress_facts, share_done, summary
from .layout import Line, shorten, window, wrap
from .plain import Silent
from .progress import say

FRAMES_PER_SECOND = 30
PROMPT_LINES = 4
# Named colours follow the terminal's palette, so they read on light and dark backgrounds alike.
STYLES = {
    "prompt": "dim",
    "masked": "dim blue",
    "fresh": "bold green",
    "settled": "",
    "end": "dim",
}
END_CELL = "·"
BAR_FULL, BAR_EMPTY = "━", "─"


class LiveView(Silent):
    """Header, canvas and progress, redrawn in place; gone when the run is over."""

    def __init__(self, view: str | None = None, console: Console | None = None) -> None:
        self.view = view
        self.console = console or Console(stderr=True, highlight=False)
        self._live = Live(
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._drawn = 0.0

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def loading(self, share: float) -> None:
        self._draw(lambda: Text(f"loading the model: {share:.0%}", style="dim"))

    def event(self, event: TextEvent) -> None:
        self._draw(lambda: frame(event, self.console.width, self.console.height))

    def finish(self, result: Result) -> None:
        self._live.stop()
        say(self.console, summary(result))

    def _draw(self, make) -> None:
        now = time.monotonic()
        if now - self._drawn < 1 / FRAMES_PER_SECOND:
            return
        self._drawn = now
        self._live.update(make(), refresh=True)


def frame(event: TextEvent, width: int, height: int) -> Text:
    """One picture of a run, for a screen of this size."""
    # A line that fills the last column makes some terminals wrap on their own.
    room = max(width - 1, 10)
    header = [_cut(header_text(event.run), room), Line()]
    footer = [Line(), *footer_lines(event, room)]
    space = max(height - len(header) - len(footer) - 1, 1)
    return _as_text([*header, *window(canvas_lines(event, room), space), *footer])


def header_text(run: Run) -> str:
    settings = run.settings
    facts = [run.generator.name]
    if run.mask_token is not None:
        facts += [settings["algorithm"], settings["schedule"]]
    return " · ".join([*facts, f"seed {run.seed}"])


def footer_lines(event: TextEvent, width: int) -> list[Line]:
    facts = wrap([(" · ".join(progress_facts(event)), "", False)], width)
    return [bar_line(share_done(event), min(width, 48)), *facts]


def bar_line(share: float, width: int) -> Line:
    full = round(share * width)
    return Line([(BAR_FULL * full, "green"), (BAR_EMPTY * (width - full), "dim")], width)


def canvas_lines(event: TextEvent, width: int) -> list[Line]:
    """The prompt, dimmed and shortened, then the answer with its masks."""
    cells, split = event.cells, event.run.prompt_length
    prompt = shorten(wrap(_pieces(cells[:split]), width), PROMPT_LINES, STYLES["prompt"])
    while prompt and not prompt[-1].runs:
        prompt.pop()
    return prompt + wrap(_pieces(cells[split:]), width)


def _pieces(cells: list[Cell]) -> Iterator[tuple[str, str, bool]]:
    for cell in cells:
        text = (cell.text.strip() or END_CELL) if cell.state == "end" else cell.text
        yield text, STYLES[cell.state], cell.state == "fresh"


def _cut(text: str, width: int) -> Line:
    return wrap([(text, "dim", False)], width)[0]


def _as_text(lines: list[Line]) -> Text:
    # Appended part by part, so that text of the model is never read as markup.
    picture = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(lines):
        picture.append("\n" if number else "")
        for text, style in line.runs:
            picture.append(text, style)
    return picture
