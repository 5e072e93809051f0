"""The evaluation of infilling: its items have one right answer, and most are found."""

from __future__ import annotations

import pytest

import hoshikage_cli
from demo_model import evaluate_infill, stories


@pytest.fixture(scope="module")
def generator():
    with hoshikage_cli.load("hoshi-tiny", threads=1) as loaded:
        yield loaded


def test_the_items_say_what_is_right():
    for item in evaluate_infill.colours(5):
        before, after = item.text.split(item.marker)
        (colour,) = [c for c in stories.COLOURS if item.wanted == before + c + after]
        assert f" {colour} " in after
    for item in evaluate_infill.sudokus(5, asked=True):
        assert item.text.count("_") >= 4
        assert len(item.text) == len(item.wanted)
        assert item.text in item.prompt


@pytest.mark.parametrize(
    ("task", "least"),
    [
        ("sudoku, filled behind the question", 0.8),
        ("sudoku, filled without a question", 0.7),
        # One in eight is what can be had without a look at what comes after.
        ("colour told again later", 0.8),
    ],
)
def test_the_shipped_model_fills_holes_by_what_surrounds_them(generator, task, least):
    assert evaluate_infill.TASKS[task](generator, 12) >= least
