"""One picture of a run: header, canvas, progress and legend, as lines of looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..generation.run import Run, TextEvent
from .figures import progress_facts, share_done
from .layout import Line, Window, pack, printable, shorten, wrap
from .shades import END_CELL, legend, shade

PROMPT_LINES = 4
BAR_WIDTH = 48
BAR_FULL, BAR_EMPTY = "━", "─"
FEWEST_ROWS = 3
GAP = " · "
NO_TEXT = ("masked", "remasked", "end")
"""States of a position that has no part in the text of the answer."""
CHANGED = ("fresh", "replaced", "remasked")
"""States that a step has brought about, which the window follows."""


def frame(
    event: TextEvent, view: str, width: int, height: int, window: Window, prompt: bool = True
) -> list[Line]:
    """Fewer than `height` lines of fewer than `width` cells; on a small screen the canvas stays
    and the rest gives way. prompt: whether it is shown in front of the answer."""
    # A line that fills the last column makes some terminals wrap on their own.
    room = max(width - 1, 2)
    above = [*header_lines(event.run, room), Line()]
    below = [Line(), bar_line(share_done(event), min(room, BAR_WIDTH)), *fact_lines(event, room)]
    key = legend_lines(event, view, room)
    for part in (key, above, below):
        if len(above) + len(below) + len(key) + FEWEST_ROWS >= height:
            part.clear()
    space = max(height - 1 - len(above) - len(below) - len(key), 1)
    rows = window.rows(canvas_lines(event, view, room, prompt), space)
    return [*above, *rows, *below, *key]


def header_lines(run: Run, width: int) -> list[Line]:
    return pack([[(fact, "dim")] for fact in header_facts(run)], width, GAP, "dim")


def header_facts(run: Run) -> list[str]:
    facts = ["".join(map(printable, run.model["name"]))]
    if run.has_masks:
        # A step function stands in the place of the algorithm.
        algorithm = run.settings.get("step") or run.settings.get("algorithm", "?")
        facts += [str(algorithm), schedule_of(run)]
    return [*facts, f"seed {run.seed}"]


def schedule_of(run: Run) -> str:
    """Of a model that writes in blocks how long these are."""
    if run.model.get("kind") == "block":
        return f"blocks of {run.settings.get('block_length', '?')}"
    return str(run.settings.get("schedule", "?"))


def fact_lines(event: TextEvent, width: int) -> list[Line]:
    return pack([[(fact, "")] for fact in progress_facts(event)], width, GAP, "dim")


def legend_lines(event: TextEvent, view: str, width: int) -> list[Line]:
    return pack(legend(view, event), width, "  ", "dim")


def bar_line(share: float, width: int) -> Line:
    full = round(min(share, 1.0) * width)
    return Line([(BAR_FULL * full, "done"), (BAR_EMPTY * (width - full), "dim")], width)


def canvas_lines(event: TextEvent, view: str, width: int, prompt: bool = True) -> list[Line]:
    """The prompt, dimmed and shortened, if it is wanted; then the answer with its masks."""
    pieces, split = list(_pieces(event, view)), event.run.prompt_length
    answer = wrap(pieces[split:], width)
    return [*_prompt_lines(pieces[:split], width), *answer] if prompt else answer


def _prompt_lines(pieces: list[tuple[str, str, bool]], width: int) -> list[Line]:
    lines = shorten(wrap(pieces, width), PROMPT_LINES, "prompt")
    while lines and not lines[-1].runs:
        lines.pop()
    return lines


def answer_lines(event: TextEvent, view: str, width: int, length: int) -> list[Line]:
    """The first `length` characters of the answer as a view shows them when it is over: nothing is
    new any more, and what is no text is left out."""
    cells = event.cells[event.run.prompt_length :]
    pieces: list[tuple[str, str, bool]] = []
    for cell in cells:
        if cell.state not in NO_TEXT and length > 0:
            settled = replace(cell, state="settled")
            look = shade(settled, view, event.step.index, event.step.total)
            pieces += _in_look(cell.text[:length], look, False)
            length -= len(cell.text)
    return wrap(pieces, max(width - 1, 2))


def _pieces(event: TextEvent, view: str) -> Iterator[tuple[str, str, bool]]:
    step = event.step
    for cell in event.cells:
        text = (cell.text.strip() or END_CELL) if cell.state == "end" else cell.text
        look = shade(cell, view, step.index, step.total)
        yield from _in_look(text, look, cell.state in CHANGED)


def _in_look(text: str, look: str, active: bool) -> Iterator[tuple[str, str, bool]]:
    """A token's text as pieces: the blanks in front of a word are neither underlined nor on the
    paper of its level."""
    word = text.lstrip(" ")
    if word and word != text:
        yield text[: -len(word)], "", active
    yield word or text, look, active
