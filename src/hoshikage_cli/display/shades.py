"""How a position looks in each view, by name; what a name looks like is the palette's business."""

from __future__ import annotations

import bisect
import math

from ..generation.run import TextEvent
from ..generation.text import Cell
from ..settings.declared import VIEWS

TOKENS, CONFIDENCE, ORDER, PROPOSALS = VIEWS
LEVELS = 5
CONFIDENCE_EDGES = (0.3, 0.5, 0.7, 0.9)
OF_MASKS = (TOKENS, PROPOSALS)
"""Views that tell what is masked, and what is new."""
RECENT_STEPS = 2
GHOST = "ghost"
"""What the model would put where it is masked."""
END_CELL = "·"
MASK_BLOCK = "▂"
MASK_KEY = MASK_BLOCK * 3
"""A mask in a legend."""

Runs = list[tuple[str, str]]


def view_of(wanted: str | None, diffusion: bool) -> str:
    """The view to show: what an autoregressive model adds is always new, so its tokens tell more
    by their probability."""
    return CONFIDENCE if not diffusion and wanted in (None, *OF_MASKS) else wanted or TOKENS


def shade(cell: Cell, view: str, index: int, total: int | None) -> str:
    """The name of a cell's look in step `index` of `total`: its state, or view and level, as
    `confidence 0` to `confidence 4`, with ` new` behind a level that was reached in this step. What
    a step replaced or took back is shown as that in every view."""
    if cell.state not in ("fresh", "settled"):
        return cell.state
    level = None if view in OF_MASKS else _level(cell, view, total)
    if level is None:
        return _by_age(cell, index)
    return f"{view} {level} new" if cell.state == "fresh" else f"{view} {level}"


def _by_age(cell: Cell, index: int) -> str:
    """Of a text in blocks all of the block under way is recent, and nothing else."""
    recent = cell.step is not None and index - cell.step <= RECENT_STEPS
    if cell.live is not None:
        recent = cell.live and cell.step is not None
    return "recent" if cell.state == "settled" and recent else cell.state


def _level(cell: Cell, view: str, total: int | None) -> int | None:
    if view == ORDER:
        return None if cell.step is None else order_level(cell.step, total)
    return confidence_level(cell.confidence)


def confidence_level(confidence: float | None) -> int | None:
    if confidence is None or math.isnan(confidence):
        return None
    return bisect.bisect_right(CONFIDENCE_EDGES, confidence)


def name_of_confidence(diffusion: bool) -> str:
    return "confidence" if diffusion else "probability"


def order_level(step: int, total: int | None) -> int:
    return min(LEVELS - 1, LEVELS * step // max(total or 1, 1))


REVISED: dict[str, Runs] = {
    "remasked": [(MASK_KEY, "remasked"), (" taken back", "dim")],
    "replaced": [("replaced", "replaced")],
}


def legend(view: str, event: TextEvent) -> list[Runs]:
    """What is to be seen in a view: items of (text, look)."""
    diffusion = event.run.has_masks
    masked: list[Runs] = [[(MASK_KEY, "masked"), (" masked", "dim")]] if diffusion else []
    masked += [REVISED[state] for state in event.run.revisions]
    if view == PROPOSALS:
        masked += [[("proposed", GHOST)]]
    if view in OF_MASKS:
        end = [(END_CELL, "end"), (" end", "dim")]
        return [*masked, [("new", "fresh")], [("text", "settled")], end]
    words = name_of_confidence(diffusion) if view == CONFIDENCE else "step"
    return [*masked, [(words, "dim")], scale(view, event.step.total)]


def scale(view: str, total: int | None) -> Runs:
    """The levels by where they begin, lowest first."""
    steps = [-(-level * max(total or 1, 1) // LEVELS) + 1 for level in range(LEVELS)]
    words = [f"<{CONFIDENCE_EDGES[0]:g}", *(f"≥{edge:g}" for edge in CONFIDENCE_EDGES)]
    shown = words if view == CONFIDENCE else list(map(str, steps))
    return [(f" {word} ", f"{view} {level}") for level, word in enumerate(shown)]
