"""Runs do not disturb each other: interleaved, in threads, dropped, each gives what it gives alone.

Each leases a context of its own; two that shared one would read what the other has cached.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hoshikage_cli as hk
from hoshikage_cli.errors import RunError
from hoshikage_cli.llama.context import Context
from hoshikage_cli.llama.errors import ClosedError, ContextError

FIRST, SECOND = "What is 7 + 8?", "What is 3 + 4?"


@dataclass(frozen=True)
class Way:
    """A model and settings of its runs."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)


BLOCKS = {"block_length": 16, "steps": 24, "eos_policy": "suppress"}
WAYS = {
    "left to right": Way("hoshi-tiny-ar", {"temperature": 0.0}),
    "exact": Way("hoshi-tiny", {"steps": 8}),
    "guided": Way("hoshi-tiny", {"steps": 8, "cfg_scale": 1.0}),
    "prefix": Way("hoshi-tiny", {"cache": "prefix", **BLOCKS}),
    "dual": Way("hoshi-tiny", {"cache": "dual", **BLOCKS}),
    "active": Way("hoshi-tiny", {"cache": "active", **BLOCKS}),
}
UNLIKE = ("left to right", "dual")


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    return request.param


@pytest.fixture
def stream(shipped, way):
    """stream("a prompt") begins a run in this way."""
    return lambda prompt: shipped(way.model).stream(prompt, **way.settings)


def told(run):
    """What a run gives, iterated from where it is to its end."""
    for _ in run:
        pass
    return run.result().tokens


# ---------------------------------------------------------------------------- two of one kind


@pytest.mark.parametrize(("first", "second"), [(FIRST, SECOND), (SECOND, FIRST), (FIRST, FIRST)])
def test_a_run_within_another(stream, first, second):
    alone = told(stream(first)), told(stream(second))
    outer = stream(first)
    next(iter(outer))
    inner = told(stream(second))
    assert (told(outer), inner) == alone


def test_runs_in_turns(stream):
    alone = [told(stream(prompt)) for prompt in (FIRST, SECOND, FIRST)]
    runs = [stream(prompt) for prompt in (FIRST, SECOND, FIRST)]
    under_way = [iter(run) for run in runs]
    while under_way:
        under_way = [each for each in under_way if next(each, None) is not None]
    assert [run.result().tokens for run in runs] == alone


# ------------------------------------------------------------------------------- at random

MANY = [
    ("hoshi-tiny-ar", FIRST, {"max_tokens": 8}),
    ("hoshi-tiny-ar", SECOND, {"max_tokens": 8}),
    ("hoshi-tiny-ar", "Hello!", {"max_tokens": 6, "temperature": 0.9}),
    ("hoshi-tiny-ar", FIRST, {"max_tokens": 8, "repeat_penalty": 1.5}),
    ("hoshi-tiny", FIRST, {"max_tokens": 16, "steps": 4}),
    ("hoshi-tiny", SECOND, {"max_tokens": 16, "steps": 4, "cfg_scale": 1.0}),
    ("hoshi-tiny", FIRST, {"max_tokens": 16, "steps": 8, "cache": "dual", "block_length": 8}),
    ("hoshi-tiny", SECOND, {"max_tokens": 16, "steps": 8, "cache": "active", "block_length": 8}),
]


@pytest.fixture(scope="module")
def many(shipped):
    """Eight runs, begun: four of each kind of model."""
    return lambda: [shipped(model).stream(prompt, **own) for model, prompt, own in MANY]


@pytest.fixture(scope="module")
def alone(many):
    return [told(run) for run in many()]


@settings(max_examples=6, deadline=None, derandomize=True)
@given(order=st.lists(st.integers(0, len(MANY) - 1), min_size=10, max_size=50))
def test_runs_in_any_order(many, alone, order):
    runs = many()
    under_way = [iter(run) for run in runs]
    for number in order:
        next(under_way[number], None)
    assert [told(run) for run in runs] == alone


# ------------------------------------------------------------------------------- in threads


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("name", UNLIKE)
def test_a_generator_in_several_threads(shipped, name, threads):
    generator, own = shipped(WAYS[name].model), WAYS[name].settings
    prompts = [FIRST, SECOND, "Hello!", "Sort 3 1 2."] * 2

    def answer(prompt):
        return generator.generate(prompt, **own).tokens

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(answer, prompts)) == [answer(prompt) for prompt in prompts[:4]] * 2
    assert generator.engine.contexts.leased == 0


# ---------------------------------------------------------------------- given back, taken away


def test_a_run_has_a_context_from_its_first_step_to_its_last(shipped, way, stream):
    contexts = shipped(way.model).engine.contexts
    run = stream(FIRST)
    assert contexts.leased == 0
    next(iter(run))
    assert contexts.leased == 1
    told(run)
    assert contexts.leased == 0


def test_a_dropped_run_gives_its_context_back(shipped, way, stream):
    generator = shipped(way.model)
    told(stream(FIRST))
    before = set(generator.model.children)
    run = stream(FIRST)
    next(iter(run))
    assert generator.engine.contexts.leased == 1
    del run
    assert generator.engine.contexts.leased == 0
    told(stream(FIRST))
    assert set(generator.model.children) == before


@pytest.mark.parametrize("name", UNLIKE)
def test_a_generator_that_is_closed_under_a_run(name):
    way = WAYS[name]
    generator = hk.load(way.model, threads=1, max_tokens=24, cache_window=16)
    run = generator.stream(FIRST, **way.settings)
    events = iter(run)
    next(events)
    generator.close()
    with pytest.raises(ClosedError, match="closed"):
        next(events)
    assert next(events, None) is None
    assert generator.engine.contexts.leased == 0
    with pytest.raises(ClosedError):
        generator.generate(SECOND)


@pytest.mark.parametrize("name", UNLIKE)
def test_want_of_memory_ends_one_run_and_no_other(shipped, monkeypatch, name):
    generator, own = shipped(WAYS[name].model), WAYS[name].settings
    wanted = told(generator.stream(FIRST, **own))
    run = generator.stream(FIRST, **own)
    next(iter(run))
    generator.engine.contexts.close()  # one that lies idle from before would need no memory

    def refuse(*_):
        raise ContextError("no context of 40 positions: not enough memory?")

    with monkeypatch.context() as patched:
        patched.setattr(Context, "_open", refuse)
        with pytest.raises(RunError, match=r"\(1 other run"):
            generator.generate(SECOND, **own)
    assert told(run) == wanted
