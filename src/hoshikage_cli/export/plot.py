"""A plot of points with a name beside each: accuracy against speed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from typing import Any

from ..errors import RunError

KINDS = (".svg", ".png")

INK, GROUND = "#1f2328", "#ffffff"
DARK = f"""<style>@media (prefers-color-scheme: dark) {{
[style*="fill: {INK}"] {{ fill: #e6edf3 !important }}
[style*="stroke: {INK}"] {{ stroke: #e6edf3 !important }}
[style*="fill: {GROUND}"] {{ fill: #0d1117 !important }}
}}</style>"""
"""What an SVG changes for a reader who prefers dark pages; a PNG brings its own light ground."""

COLOURS = ("#2475e7", "#ce5011", "#1d8a4a", "#cd39a8", "#8e5ae7", "#108491", "#98720c", "#e23149")
"""Of points and their names, in turn; each is as light as reads on white and on dark alike: it
contrasts more than 4 to 1 with either ground."""
BESIDE = 8
"""Points of space between a point and its name."""
ROW = 12
"""Points from one place for a name to the next above or below."""
NAME_SIZE = 8

Box = Any
"""A rectangle on the page, of matplotlib's kind."""


@dataclass(frozen=True)
class Point:
    """What is drawn of one setting."""

    name: str
    x: float
    y: float


def require_matplotlib() -> None:
    """Raises RunError, with what to type, where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise RunError("a plot takes matplotlib: pip install 'hoshikage-cli[plot]'")


def plot(points: Sequence[Point], x_label: str, y_label: str, kind: str) -> bytes:
    """The plot as a file of this kind; x is drawn on a logarithmic scale where it spans much.

    The same points make the same file.
    """
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context(_style()):
        figure, axes = _figure(points, x_label, y_label)
        _name(axes, points)
        file = io.BytesIO()
        svg = kind == ".svg"
        figure.savefig(file, format=kind[1:], dpi=150, metadata={"Date": None} if svg else None)
    return _adapted(file.getvalue()) if svg else file.getvalue()


def _style() -> dict[str, Any]:
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    ground = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    looks: dict[str, Any] = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
    }
    looks |= {"grid.color": INK, "grid.alpha": 0.12, "svg.hashsalt": "hoshikage"}
    return {**dict.fromkeys(ink, INK), **dict.fromkeys(ground, GROUND), **looks}


def _adapted(svg: bytes) -> bytes:
    return re.sub(rb"<defs>", lambda found: DARK.encode() + b"\n " + found[0], svg, count=1)


def _figure(points: Sequence[Point], x_label: str, y_label: str) -> tuple[Any, Any]:
    """Axes with the points on them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_size(points), layout="constrained")
    axes = figure.add_subplot()
    for point, colour in _coloured(points):
        axes.scatter(point.x, point.y, color=colour, zorder=3)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.margins(x=0.2, y=0.12)
    _scale(axes, [point.x for point in points])
    # From here on things stay where they are, and names can be put between them.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure, axes


def _size(points: Sequence[Point]) -> tuple[float, float]:
    """Inches: the longest name has room on one side of a point in the middle, and the more names
    there are, the more have room above each other."""
    longest = max(len(point.name) for point in points)
    return max(8.0, 1.5 + 0.15 * longest), max(5.0, 0.3 * len(points))


def _coloured(points: Sequence[Point]) -> list[tuple[Point, str]]:
    return list(zip(points, cycle(COLOURS), strict=False))


def _scale(axes: Any, values: Sequence[float]) -> None:
    from matplotlib import ticker

    if min(values) <= 0 or max(values) < 4 * min(values):
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())


# ----------------------------------------------------------------------------------- names


def _name(axes: Any, points: Sequence[Point]) -> None:
    """Write every name at the first place where it covers no point and no other name."""
    taken = [_around(axes, point) for point in points]
    for point, colour in sorted(_coloured(points), key=lambda each: (each[0].y, each[0].x)):
        taken.append(_placed(axes, point, colour, taken))


def _around(axes: Any, point: Point) -> Box:
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform((point.x, point.y))
    return Bbox.from_extents(x, y, x, y).padded(5)


def _placed(axes: Any, point: Point, colour: str, taken: Sequence[Box]) -> Box:
    """Write a name at the first place that is free, or else at the last one; its rectangle."""
    text = _text(axes, point, point.name, (BESIDE, 0), color=colour)
    box = start = text.get_window_extent().padded(1)
    pixels = axes.figure.dpi / 72
    for x, y in _places(axes):
        left = start.width + 2 * BESIDE * pixels if x < 0 else 0
        box = start.translated(-left, y * pixels)
        if _inside(axes.bbox, box) and not any(box.overlaps(other) for other in taken):
            break
    text.set_position((x, y))
    text.set_ha("left" if x > 0 else "right")
    # A line leads to the point where that is not right beside the name.
    if abs(y) > ROW:
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0}
        _text(axes, point, "", (x, y), arrowprops=line)
    return box


def _text(axes: Any, point: Point, text: str, offset: tuple[float, float], **looks: Any) -> Any:
    where = (point.x, point.y)
    looks |= {"textcoords": "offset points", "fontsize": NAME_SIZE, "va": "center"}
    return axes.annotate(text, where, xytext=offset, **looks)


def _places(axes: Any) -> Iterator[tuple[float, float]]:
    """Offsets of a name from its point: right and left of it, then ever farther below and above."""
    for row in range(int(axes.bbox.height / ROW)):
        for y in sorted({row * ROW, -row * ROW}):
            yield BESIDE, y
            yield -BESIDE, y


def _inside(page: Box, box: Box) -> bool:
    across = page.x0 < box.x0 and box.x1 < page.x1
    return bool(across and page.y0 < box.y0 and box.y1 < page.y1)
