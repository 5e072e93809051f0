"""The plot of accuracy against speed."""

from __future__ import annotations

import re

import pytest

from hoshikage_cli.errors import RunError
from hoshikage_cli.export import plot as drawn
from hoshikage_cli.export.plot import COLOURS, GROUND, INK, Point, plot

CROWD = [Point(f"threshold=0.{n} cache=dual", 100 + n, 90 + n % 3) for n in range(12)]

LONG = [Point(" ".join([point.name] * 4), point.x, point.y) for point in CROWD]


def luminance(colour):
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ground", [GROUND, "#0d1117"])
@pytest.mark.parametrize("colour", COLOURS)
def test_colours_read_on_light_and_dark(colour, ground):
    dark, light = sorted((luminance(colour), luminance(ground)))
    assert (light + 0.05) / (dark + 0.05) > 4


def test_without_matplotlib_it_says_what_to_type(monkeypatch):
    monkeypatch.setattr(drawn, "find_spec", lambda name: None)
    with pytest.raises(RunError, match=r"pip install 'hoshikage-cli\[plot\]'"):
        plot(CROWD, "x", "y", ".svg")


def test_a_picture_of_each_kind():
    pytest.importorskip("matplotlib")
    svg = plot(CROWD, "x", "y", ".svg")
    assert svg == plot(CROWD, "x", "y", ".svg")
    assert svg.count(b"prefers-color-scheme: dark") == 1
    for spelling in (f"fill: {INK}", f"stroke: {INK}", f"fill: {GROUND}"):
        assert f'style="{spelling}'.encode() in svg  # else the dark page would not change it
    assert plot(CROWD, "x", "y", ".png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "points",
    [
        CROWD,
        CROWD[:1],
        [Point(f"p{n}", 10, 50) for n in range(9)],
        [Point("far", 0, 0), *CROWD],
        LONG,
    ],
    ids=["crowd", "one", "one place", "from nothing", "long names"],
)
def test_no_name_covers_another(points, monkeypatch):
    pytest.importorskip("matplotlib")
    boxes, place = [], drawn._placed

    def placed(*arguments):
        boxes.append(place(*arguments))
        return boxes[-1]

    monkeypatch.setattr(drawn, "_placed", placed)
    svg = plot(points, "x", "y", ".svg").decode()
    assert len(boxes) == len(points)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(re.search(f"<!-- {re.escape(point.name)} -->", svg) for point in points)
