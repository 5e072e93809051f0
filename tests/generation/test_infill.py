"""Filling holes: nothing but the holes changes, and each of them is filled."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hoshikage_cli as hk
from hoshikage_cli.generation.holes import parse
from random_models import DIFFUSION


@pytest.fixture(scope="module")
def generator():
    with hk.load("hoshi-tiny", threads=1, seed=1) as loaded:
        yield loaded


TEXTS = [
    "Mia had a [MASK] kite.",
    "[MASK]",
    "[MASK][MASK:3][MASK]",
    "  two  spaces [MASK:4]  and\ttabs\t[MASK]\t",
    "\n\n[MASK:2]\n\nlines\r\n[MASK]\r\n",
    "日本の首都は[MASK:3]です。\n「[MASK]」",
    "def area(r):\n    return [MASK:5] * r ** 2  # 🎈[MASK]\n",
    "emoji 👩‍👩‍👧[MASK]👩‍👩‍👧, marks e\u0301[MASK]\u0301",
    "a <|mask|> and <|endoftext|> [MASK] as text",
]


def check_kept(result, text):
    """The text around the holes stands where it stood; what is between is what was filled in."""
    template, place = parse(text), 0
    for part, hole in zip(template.kept, result.holes, strict=False):
        assert result.text[place : hole.start] == part
        assert result.text[hole.start : hole.end] == hole.text
        assert len(hole.tokens) <= hole.length
        place = hole.end
    assert result.text[place:] == template.kept[-1]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("options", [{}, {"temperature": 1.5}, {"steps": 1}])
def test_kept_text_is_unchanged(generator, text, options):
    result = generator.infill(text, **options)
    check_kept(result, text)
    assert "▁" not in result.text
    assert result.stop_reason == "end"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=2, max_size=4), st.integers(0, 2**32 - 1))
def test_kept_text_is_unchanged_whatever_it_is(generator, parts, seed):
    text = "[MASK:2]".join(part.replace("[", "(") for part in parts)
    check_kept(generator.infill(text, steps=2, temperature=1.0, seed=seed), text)


@pytest.mark.parametrize("schedule", ["timestep", "block", "linear"])
def test_every_schedule_fills_everything(generator, schedule):
    options = {"schedule": schedule, "steps": 4, "eos_policy": "suppress"}
    result = generator.infill("[MASK:3] a [MASK:5] b [MASK:9]", **options)
    assert [len(hole.tokens) for hole in result.holes] == [3, 5, 9]


def test_no_steps_means_a_token_a_step(generator):
    result = generator.infill("a[MASK:5]", steps=0)
    assert result.steps == 5


def test_blocks_of_masks_are_filled_in_order(generator):
    text = "[MASK:4] and [MASK:4]"
    result = generator.infill(text, block_length=4, steps=8, eos_policy="suppress")
    first, second = ([token.step for token in hole.tokens] for hole in result.holes)
    assert max(first) <= min(second)


def test_an_end_token_in_a_hole_ends_that_hole_alone(generator):
    vocabulary = generator.model.vocabulary
    run = generator.stream_infill("a[MASK:2]b[MASK:2]c", steps=1)
    for _ in run:
        pass
    canvas = run.canvas.copy()
    end, letter = min(vocabulary.end_tokens), int(vocabulary.tokenize("x")[0])
    canvas[run.holes.spans[0][0] : run.holes.spans[0][1]] = (end, end)
    canvas[run.holes.spans[1][0] : run.holes.spans[1][1]] = (letter, end)
    run.canvas = canvas
    result = run.result()
    assert result.text == "abxc"
    assert [hole.text for hole in result.holes] == ["", "x"]


def test_holes_of_one_token_are_never_empty(generator):
    for seed in range(5):
        result = generator.infill("[MASK] [MASK]\n[MASK]", temperature=3.0, seed=seed)
        assert all(len(hole.tokens) == 1 for hole in result.holes)


def test_the_same_seed_fills_the_same(generator):
    options = {"temperature": 1.5, "algorithm": "random", "seed": 5}
    first = generator.infill("a [MASK:8] b", **options)
    assert generator.infill("a [MASK:8] b", **options).text == first.text


def test_a_prompt_stands_before_the_text(generator):
    bare = generator.infill("[MASK:3]")
    asked = generator.infill("[MASK:3]", prompt="What is 2 + 3?")
    assert asked.prompt_tokens > bare.prompt_tokens
    check_kept(asked, "[MASK:3]")


def test_steps_can_be_watched(generator):
    run = generator.stream_infill("Mia had a[MASK:4] kite.", steps=4, eos_policy="suppress")
    events = list(run)
    assert events[-1].text == run.result().text
    assert "▁" in events[0].text or len(events) == 1
    states = {cell.state for event in events for cell in event.cells}
    assert states <= {"prompt", "masked", "fresh", "settled", "end"}
    assert {"prompt", "fresh"} <= states


def test_too_long_a_text_is_refused_before_anything_is_made(generator):
    for text in ("[MASK:99999999999999]", "word " * 600 + "[MASK]"):
        with pytest.raises(hk.RunError, match="exceed the context"):
            generator.infill(text)


@pytest.mark.parametrize("arch", DIFFUSION)
def test_every_architecture_keeps_what_is_kept(arch, model_file):
    with hk.load(model_file(arch), threads=1, seed=1, ctx_size=512) as loaded:
        for text in TEXTS:
            check_kept(loaded.infill(text), text)
            check_kept(loaded.infill(text, fast=True), text)
