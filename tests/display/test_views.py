"""Pictures of a run, made from events that need no model."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from hoshikage_cli.decoding.events import Commit, Step
from hoshikage_cli.display.figures import duration, progress_facts, seconds_left, speed, summary
from hoshikage_cli.display.plain import PlainLines
from hoshikage_cli.display.visual import canvas_lines, frame
from hoshikage_cli.text import MASK_CELL, Cell

ANSWER = [
    ("The", "settled"),
    (" capital", "fresh"),
    (MASK_CELL, "masked"),
    (MASK_CELL, "masked"),
    ("東京", "settled"),
    ("🌠", "fresh"),
    ("\n[bold]x[/bold]\x1b[31m", "settled"),
    ("", "end"),
    (" pad", "end"),
]


def event(answer=ANSWER, prompt="What is it?\n", index=3, total=8, block=None, elapsed=2.0):
    cells = [Cell(i, 5, c, "prompt") for i, c in enumerate(prompt)]
    cells += [Cell(len(prompt) + i, 5, text, state) for i, (text, state) in enumerate(answer)]
    masked = sum(state == "masked" for _, state in answer)
    step = Step(
        index=index,
        total=total,
        commits=(Commit(1, 5, 0.5),),
        canvas=np.zeros(len(cells), np.int32),
        masked=masked,
        block=block,
        positions_decoded=len(cells),
        nfe=1,
        elapsed=elapsed,
    )
    run = SimpleNamespace(
        prompt_length=len(prompt),
        mask_token=1,
        seed=7,
        settings={"algorithm": "confidence", "schedule": "block"},
        generator=SimpleNamespace(name="hoshi-tiny"),
    )
    text = "".join(text for text, state in answer if state != "end")
    return SimpleNamespace(step=step, run=run, cells=cells, text=text, nfe=4, tokens_per_second=3.5)


def drawn(picture, width, **options):
    file = io.StringIO()
    options = {"force_terminal": True, "color_system": "truecolor", **options}
    console = Console(file=file, width=width, **options)
    console.print(picture)
    return file.getvalue()


def plain(picture, width):
    return drawn(picture, width, force_terminal=False, color_system=None)


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("height", [6, 10, 24])
def test_a_frame_fits_its_screen(width, height):
    long = event(answer=ANSWER * 40, prompt="a long prompt " * 50)
    lines = plain(frame(long, width, height), width).splitlines()
    assert len(lines) < height or height < 9
    assert all(cell_len(line) < width for line in lines)


def test_a_frame_says_what_runs_and_how_far_it_is():
    text = plain(frame(event(block=(12, 21)), 100, 24), 100)
    for words in ("hoshi-tiny", "confidence", "seed 7", "step 4/8", "2 masked", "NFE 4"):
        assert words in text
    assert "3.5 tokens/s" in text
    assert "2 s left" in text
    assert "block 12-20" in text


def test_text_of_the_model_is_neither_markup_nor_control():
    text = drawn(frame(event(), 80, 24), 80)
    assert "[bold]x[/bold]" in text
    assert "\x1b[31m" not in text
    assert "·[31m" in text


def test_new_tokens_stand_out_even_without_colour():
    coloured = drawn(frame(event(), 80, 24), 80)
    assert "\x1b[1;32m capital" in coloured
    grey = drawn(frame(event(), 80, 24), 80, no_color=True)
    assert "\x1b[1m capital" in grey


def test_a_long_prompt_is_shortened_in_the_middle():
    lines = canvas_lines(event(prompt="x" * 2000), 40)
    shown = ["".join(text for text, _ in line.runs) for line in lines]
    assert shown[2] == "…"
    assert len(shown) < 10


def test_the_view_follows_the_newest_token():
    settled = [("word ", "settled")] * 400
    answer = [*settled, ("HERE", "fresh"), *settled]
    assert "HERE" in plain(frame(event(answer=answer), 40, 12), 40)


def test_plain_lines(capsys):
    PlainLines().event(event())
    line = capsys.readouterr().err
    assert line.startswith("step 4/8, 2 masked: The capital▁▁東京🌠⏎[bold]")
    assert line.count("\n") == 1


def test_figures():
    assert [duration(s) for s in (0.4, 59, 60, 3723)] == ["0 s", "59 s", "1:00", "1:02:03"]
    assert [speed(v) for v in (1.25, 99.96, 1234.5)] == [
        "1.2 tokens/s",
        "100.0 tokens/s",
        "1234 tokens/s",
    ]
    assert seconds_left(event(index=3, total=8, elapsed=2.0)) == pytest.approx(2.0)
    assert seconds_left(event(total=None)) is None
    assert progress_facts(event())[0] == "step 4/8"


def test_summary_says_when_it_was_cut_short():
    result = SimpleNamespace(
        timings={"generate": 1.5, "tokens_per_second": 8.0},
        completion_tokens=12,
        steps=4,
        nfe=4,
        seed=7,
        stop_reason="interrupted",
    )
    assert summary(result) == (
        "12 tokens · 4 steps · NFE 4 · 1.50 s · 8.0 tokens/s · seed 7 · interrupted"
    )
