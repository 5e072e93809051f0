"""Functions of users in runs of the shipped model: what they decide, and what is said of them."""

from __future__ import annotations

import json
import pickle
from functools import partial

import numpy as np
import pytest

import hoshikage_cli as hk
from hoshikage_cli.engines.functions import FunctionError

PROMPT = "What is the capital of Japan?"
PROMPTS = (PROMPT, "Sort 3 1 2.", "Tell a story about Mia and a kite.", "Hello!")


def as_confidence(view):
    return -view.proposal.rest


def as_linear(step, block, masked, eps):
    remaining = block.masks * max(0, block.steps - step - 1) // block.steps
    return max(0, masked - remaining)


def as_threshold(view, least=0.9):
    return view.proposal.probability >= least


def best(view, count):
    masked = np.flatnonzero(view.masked)
    return masked[np.argsort(-view.proposal.probability[masked], kind="stable")][:count]


def at_random(view):
    """Takes tokens back and replaces others by chance; bounded, since the steps are."""
    rng = np.random.default_rng((view.seed, view.step))
    settled = rng.permutation(np.flatnonzero(~view.masked))
    back, again = np.split(settled, [rng.integers(len(settled) + 1)])
    kept = again[: rng.integers(len(again) + 1)]
    return hk.Decision(np.concatenate([best(view, view.quota + rng.integers(4)), kept]), back)


def plainly(view):
    return hk.Decision(best(view, view.quota))


@pytest.fixture
def generator(shipped):
    return shipped("hoshi-tiny")


def steps_of(run):
    return [(e.step.commits, e.step.remasked, e.step.canvas.tolist()) for e in run]


# ------------------------------------------------------------------------------ each of them


@pytest.mark.parametrize(
    ("own", "ours"),
    [
        ({"algorithm": as_confidence}, {"algorithm": "confidence"}),
        ({"schedule": as_linear}, {"schedule": "linear"}),
        ({"rule": as_threshold, "steps": 0}, {"threshold": 0.9, "steps": 0}),
        ({"step": plainly}, {}),
    ],
    ids=["algorithm", "schedule", "rule", "step"],
)
def test_a_function_that_does_what_ours_does(generator, own, ours):
    found = steps_of(generator.stream(PROMPT, **{"steps": 9, **own}))
    wanted = steps_of(generator.stream(PROMPT, **{"steps": 9, **ours}))
    assert [step for step in found if step[0]] == wanted


def test_all_that_goes_together(generator):
    own = {
        "algorithm": as_confidence,
        "schedule": as_linear,
        "rule": partial(as_threshold, least=1),
    }
    result = generator.generate(PROMPT, steps=9, cfg_scale=0.5, cache="active", **own)
    assert result.text
    names = [result.settings[name].split(":")[1] for name in own]
    assert names == ["as_confidence", "as_linear", "as_threshold"]
    json.dumps(result.to_dict())
    # A result goes to other processes, where a function may not.
    assert pickle.loads(pickle.dumps(result)) == result
    assert {type(result.settings[name]) for name in own} == {str}


def test_the_same_seed_gives_the_same_tokens(generator):
    settings = {"steps": 12, "step": at_random, "temperature": 0.8}
    assert steps_of(generator.stream(PROMPT, **settings)) == steps_of(
        generator.stream(PROMPT, **settings)
    )
    other = steps_of(generator.stream(PROMPT, **settings, seed=8))
    assert other != steps_of(generator.stream(PROMPT, **settings))


@pytest.mark.parametrize("own", [{"algorithm": as_confidence}, {"step": at_random}])
def test_side_by_side_as_alone(generator, own):
    jobs = [(prompt, generator.resolve(steps=12, **own)) for prompt in PROMPTS]
    together = dict(generator.generate_many(jobs, at_once=3))
    for number, prompt in enumerate(PROMPTS):
        alone = generator.generate(prompt, steps=12, **own)
        assert together[number].tokens == alone.tokens


def test_holes_are_filled_by_a_step_function(generator):
    text = "Mia had a [MASK:2] kite. Ben loved the red kite too."
    run = generator.stream_infill(text, steps=6, step=at_random)
    states = {cell.state for event in run for cell in event.cells}
    assert states >= {"masked", "remasked", "prompt"}
    filled = run.result()
    assert filled.text.endswith(" kite. Ben loved the red kite too.")


def test_a_stop_text_does_not_end_what_may_be_taken_back(generator):
    seen = []

    def back_to_the_start(view):
        seen.append(view.step)
        fifth = view.step == 5
        return hk.Decision(
            best(view, len(view.positions)) if not fifth else [],
            np.flatnonzero(~view.masked) if fifth else [],
        )

    result = generator.generate(PROMPT, steps=8, step=plainly, stop=("capital",))
    assert result.stop_reason == "stop"
    assert "capital" not in result.text
    assert result.steps == 8
    generator.generate(PROMPT, steps=8, step=back_to_the_start)
    # All was committed in the first step, and nothing changes in the second: that is the end.
    assert seen == [0, 1]


# -------------------------------------------------------------------------- revised and kept


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("schedule", ["timestep", "block"])
def test_a_run_ends_without_masks_and_its_trace_plays_the_same(generator, tmp_path, seed, schedule):
    settings = {"schedule": schedule, "steps": 14, "seed": seed, "temperature": 3.0}
    if schedule == "block":
        settings["block_length"] = 7
    run = generator.stream(PROMPT, step=at_random, eos_policy="suppress", **settings)
    with hk.TraceWriter(tmp_path / "run.jsonl") as trace:
        trace.begin(run)
        events = []
        for event in run:
            trace.step(event)
            events.append((event.step, event.text, event.cells, event.nfe))
        trace.end(run.result())
    assert events[-1][0].masked == 0
    assert any(step.remasked for step, *_ in events)
    recording = hk.read_trace(tmp_path / "run.jsonl")
    again = recording.play()
    for (step, text, cells, nfe), event in zip(events, again, strict=True):
        np.testing.assert_array_equal(event.step.canvas, step.canvas)
        assert event.step.masked == (step.canvas == run.mask_token).sum()
        assert event.step.remasked == step.remasked
        assert [c.replaced for c in event.step.commits] == [c.replaced for c in step.commits]
        assert (event.text, event.nfe) == (text, nfe)
        assert [(c.token, c.state, c.step) for c in event.cells] == [
            (c.token, c.state, c.step) for c in cells
        ]
    assert again.result().text == run.result().text
    assert recording.settings["step"] == f"{__name__}:at_random"


def test_what_was_replaced_is_told_and_what_was_taken_back_forgotten(generator):
    events = list(generator.stream(PROMPT, steps=12, step=at_random, temperature=5.0, seed=3))
    before = events[0].run.job.tokens
    for event in events:
        step = event.step
        for commit in step.commits:
            masked = before[commit.position] == event.run.mask_token
            assert commit.replaced == (None if masked else before[commit.position])
        for position in step.remasked:
            cell = event.cells[position]
            assert (cell.state, cell.confidence, cell.step) == ("remasked", None, None)
        before = step.canvas
        assert event.tokens_per_second >= 0
    assert any(c.replaced is not None for event in events for c in event.step.commits)


# ------------------------------------------------------------------------------- what is refused


def bare(view):
    return view.proposal.probability


def boom(view):
    return 1 / (view.step - view.step)


RETURNED = [
    ("algorithm", lambda view: bare(view)[:2], r"float32 of shape \(2,\): expected a number .*24,"),
    ("algorithm", lambda view: None, "returned None: expected a number for each position"),
    ("algorithm", lambda view: bare(view) * np.nan, "NaN at index 0: expected a number"),
    ("algorithm", lambda view: ["x"] * len(view.positions), "expected a number"),
    ("algorithm", lambda view: [[1], [1, 2]], "of type list: expected a number"),
    ("schedule", lambda step, block, masked, eps: 1.5, "1.5: expected a whole number from 0"),
    ("schedule", lambda step, block, masked, eps: -1, "-1: expected a whole number from 0"),
    ("rule", bare, "float32 of shape .*: expected True or False for each position"),
    ("step", lambda view: [0], "of type list: expected a Decision"),
    ("step", lambda view: hk.Decision(view.masked), "flatnonzero makes them of flags"),
    ("step", lambda view: hk.Decision([99]), "commit with 99: expected indices from 0 to 23"),
    ("step", lambda view: hk.Decision([], [-1]), "remask with -1: expected indices"),
    ("step", lambda view: hk.Decision([0.5]), "commit with float64 of shape"),
    ("step", lambda view: hk.Decision([3, 3]), "index 3 twice"),
]


@pytest.mark.parametrize(("name", "function", "message"), RETURNED)
def test_what_cannot_be_used_is_told_with_what_is_expected(generator, name, function, message):
    with pytest.raises(FunctionError, match=message) as caught:
        generator.generate(PROMPT, steps=8, **{name: function})
    assert str(caught.value).startswith(f"--{name} {__name__}:")
    assert "\n" not in str(caught.value)
    assert " at 0x" not in str(caught.value)


def test_what_a_function_raises_is_told_with_its_line(generator):
    line = boom.__code__.co_firstlineno + 1
    with pytest.raises(FunctionError, match="ZeroDivisionError: division by zero") as caught:
        generator.generate(PROMPT, algorithm=boom)
    assert str(caught.value).endswith(f"(test_functions.py, line {line})")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_generator_goes_on_after_a_function_that_failed(generator):
    wanted = generator.generate(PROMPT, steps=8).tokens
    with pytest.raises(hk.RunError):
        generator.generate(PROMPT, steps=8, algorithm=boom)
    assert generator.generate(PROMPT, steps=8).tokens == wanted


def test_what_a_function_sees_it_cannot_change(generator):
    def meddling(view):
        view.proposal.tokens[:] = 5

    with pytest.raises(FunctionError, match="read-only"):
        generator.generate(PROMPT, algorithm=meddling)


def test_a_text_is_not_scored_along_the_order_of_what_may_be_taken_back(generator):
    with pytest.raises(hk.UsageError, match="may take tokens back"):
        generator.score("Hello!", method="order", step=plainly)
    own = generator.score("Hello!", method="order", steps=0, algorithm=as_confidence)
    ours = generator.score("Hello!", method="order", steps=0)
    assert own.log_likelihood == ours.log_likelihood


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": lambda: 0}, r"cannot be called with \(view\)"),
        ({"schedule": bare}, r"cannot be called with \(step, block, masked, eps\)"),
        ({"step": plainly, "threshold": 0.9}, "--step .*:plainly decides by itself"),
        ({"step": plainly, "rule": as_threshold}, "decides by itself what to unmask"),
        ({"algorithm": "origin", "rule": as_threshold}, "origin decides by itself"),
        ({"rule": as_threshold, "factor": 1.0}, "--factor and --rule exclude each other"),
        ({"schedule": as_linear, "block_length": 8}, "belongs to --schedule block, not to"),
        ({"algorithm": "os:getcwd"}, "'os:getcwd' would run code"),
        ({"step": "plainly"}, "'plainly' is no function"),
        ({"step": 16}, "did you mean --steps"),
        ({"temperature": bare}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused(generator, settings, message):
    with pytest.raises(hk.UsageError, match=message):
        generator.resolve(**settings)
