"""One picture of a run: header, canvas, progress and legend, as lines of looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.cells import cell_len

from ..generation.run import Run, TextEvent
from ..generation.text import Cell
from .figures import counted, progress_facts, share_done
from .layout import Line, Window, pack, printable, shorten, wrap
from .shades import END_CELL, GHOST, PROPOSALS, legend, shade
from .sheet import Piece, Sheet

PROMPT_LINES = 4
BAR_FULL, BAR_EMPTY = "━", "─"
FEWEST_ROWS = 3
GAP = " · "
NEWLINE = "⏎"
NO_TEXT = ("masked", "remasked", "end")
"""States of a position that has no part in the text of the answer."""
CHANGED = ("fresh", "replaced", "remasked")
"""States that a step has brought about, which the window follows."""
MASKED = ("masked", "remasked")
NARROWEST, WIDEST, USUAL = 2, 8, 5
"""Cells of a mask: at the least, at the most, and where nothing is known of the text."""
PRIOR = 4
"""How many tokens of the usual width are believed to have been seen."""


class Memory:
    """What a frame needs to know of the one before, so that what is read stays where it is."""

    def __init__(self) -> None:
        self.sheet = Sheet()
        self.window = Window()


def frame(
    event: TextEvent, view: str, width: int, height: int, memory: Memory, prompt: bool = True
) -> list[Line]:
    """Fewer than `height` lines of fewer than `width` cells; on a small screen the canvas stays
    and the rest gives way. prompt: whether it is shown in front of the answer."""
    # A line that fills the last column makes some terminals wrap on their own.
    room = max(width - 1, 2)
    above = [*header_lines(event.run, room), Line()]
    below = [Line(), bar_line(share_done(event), room), *fact_lines(event, room)]
    key = legend_lines(event, view, room)
    for part in (key, above, below):
        if len(above) + len(below) + len(key) + FEWEST_ROWS >= height:
            part.clear()
    space = max(height - 1 - len(above) - len(below) - len(key), 1)
    window = memory.window
    rows = window.rows(canvas_lines(event, view, room, memory.sheet, prompt), space)
    # The empty lines around the canvas say how much there is beyond.
    above[-1:] = [more_line(window.above, "above")][: len(above)]
    below[:1] = [more_line(window.below, "below")][: len(below)]
    return [*above, *rows, *below, *key]


def more_line(count: int, where: str) -> Line:
    text = f"⋯ {counted(count, 'line')} {where}" if count else ""
    return Line([(text, "dim")], len(text)) if text else Line()


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


def canvas_lines(
    event: TextEvent, view: str, width: int, sheet: Sheet, prompt: bool = True
) -> list[Line]:
    """The prompt, dimmed and shortened, if it is wanted; then the answer with its masks."""
    cells, split = event.cells, event.run.prompt_length
    ghosts = proposed(event) if view == PROPOSALS else {}
    pieces = [_piece(cell, event, view, ghosts) for cell in cells[split:]]
    answer = sheet.lines(pieces, width, expected_cells(cells))
    return [*prompt_lines(cells[:split], width), *answer] if prompt else answer


def proposed(event: TextEvent) -> dict[int, str]:
    """What the model thought likeliest at each position that it looked at in this step."""
    words = event.run.words
    found = {each.position: each.top[0][0] for each in event.step.proposals or () if each.top}
    return {position: _ghost(words.piece(token)) for position, token in found.items()}


def _ghost(piece: bytes) -> str:
    """On one line, and seen where it is an end token or but a part of a character."""
    text = "".join(map(printable, piece.decode("utf-8", "ignore").replace("\n", NEWLINE)))
    return text or END_CELL


def expected_cells(cells: Sequence[Cell]) -> int:
    """How wide a mask is, as long as nobody knows: as the tokens that are there are on average, and
    a cell more, since text moves for want of room and not for too much of it."""
    texts = (cell.text for cell in cells if cell.state not in NO_TEXT and cell.text.strip())
    widths = [cell_len(text) for text in texts]
    mean = round((sum(widths) + PRIOR * USUAL) / (len(widths) + PRIOR))
    return min(max(mean + 1, NARROWEST), WIDEST)


def prompt_lines(cells: Sequence[Cell], width: int) -> list[Line]:
    pieces = [(cell.text, "prompt", False) for cell in cells]
    lines = shorten(wrap(pieces, width), PROMPT_LINES, "prompt")
    while lines and not lines[-1].runs:
        lines.pop()
    return lines


def answer_lines(event: TextEvent, view: str, width: int, length: int) -> list[Line]:
    """The first `length` characters of the answer as a view shows them when it is over: nothing is
    new any more, and what is no text is left out."""
    pieces: list[Piece] = []
    for cell in event.cells[event.run.prompt_length :]:
        if cell.state not in NO_TEXT and length > 0:
            shown = replace(cell, state="settled", text=cell.text[:length])
            pieces.append(_piece(shown, event, view, {}))
            length -= len(cell.text)
    return Sheet().lines(pieces, max(width - 1, 2), USUAL)


def _piece(cell: Cell, event: TextEvent, view: str, ghosts: Mapping[int, str]) -> Piece:
    step, changed = event.step, cell.state in CHANGED
    look = shade(cell, view, step.index, step.total)
    if cell.state not in MASKED:
        text = (cell.text.strip() or END_CELL) if cell.state == "end" else cell.text
        return Piece(cell.position, text, look, active=changed)
    ghost = ghosts.get(cell.position, "") if cell.state == "masked" else ""
    return Piece(cell.position, ghost, GHOST if ghost else look, masked=True, active=changed)
