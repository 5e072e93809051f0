"""Figures of a run: the time is the model's, and the tokens are those of the result."""

from __future__ import annotations

import time

import pytest

MODELS = ("hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar")
PROMPT = "What is the capital of Japan?"
STORY = "Tell a story about Mia and a kite."
PAUSE = 0.1


@pytest.mark.parametrize("name", MODELS)
def test_what_is_done_between_steps_is_not_in_their_time(shipped, name):
    run, times = shipped(name).stream(STORY, steps=8), []
    for event in run:
        times.append(event.step.elapsed)
        time.sleep(PAUSE)
    waited = PAUSE * (len(times) - 1)
    result = run.result()
    assert len(times) > 4
    assert times == sorted(times)
    assert result.timings["generate"] == pytest.approx(times[-1], abs=1e-6)
    assert times[-1] < waited
    assert result.timings["decode"] <= result.timings["generate"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("settings", [{}, {"stop": ("Tokyo",)}])
def test_a_live_speed_ends_as_that_of_the_result(shipped, name, settings):
    """End tokens are no tokens of the answer: a live figure that counts them would sink at last."""
    run = shipped(name).stream(PROMPT, temperature=0, **settings)
    events = list(run)
    result = run.result()
    assert run.tokens_done(events[-1].step) == result.completion_tokens
    live = events[-1].tokens_per_second
    assert live == pytest.approx(result.timings["tokens_per_second"], rel=1e-3)


def test_a_live_speed_of_holes_ends_as_that_of_the_result(shipped):
    run = shipped("hoshi-tiny").stream_infill("Mia found a [MASK:8]. Ben loved it too.")
    events = list(run)
    assert run.tokens_done(events[-1].step) == run.result().completion_tokens


def test_a_generator_and_a_result_say_what_they_are(shipped):
    generator = shipped("hoshi-tiny")
    assert repr(generator).startswith("<Generator hoshi-tiny: diffusion, ")
    told = repr(generator.generate(PROMPT, temp=0))
    assert told.startswith("<Result 'The capital of Japan is Tokyo.': 7 tokens, ")
    assert told.endswith(", end>")
    assert repr(generator.infill("Mia [MASK]")).startswith("<InfillResult 'Mia ")
