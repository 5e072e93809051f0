"""The evaluation of infilling: its items have one right answer, and it runs."""

from __future__ import annotations

import evaluate_infill
import hoshikage_cli
import stories


def test_the_items_say_what_is_right():
    for item in evaluate_infill.colours(5):
        before, after = item.text.split(item.marker)
        (colour,) = [c for c in stories.COLOURS if item.wanted == before + c + after]
        assert f" {colour} " in after
    for item in evaluate_infill.sudokus(5, asked=True):
        assert item.text.count("_") >= 4
        assert len(item.text) == len(item.wanted)
        assert item.text in item.prompt


def test_every_task_runs():
    with hoshikage_cli.load("hoshi-tiny", threads=1) as generator:
        for share_of in evaluate_infill.TASKS.values():
            assert 0 <= share_of(generator, 2) <= 1
