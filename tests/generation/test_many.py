"""The Python API: caches, parallel commits and several canvases at once, on the shipped model."""

from __future__ import annotations

import itertools

import pytest

import hoshikage_cli as hk
from hoshikage_cli.errors import PromptTooLong
from hoshikage_cli.settings.declared import alternatives

PROMPTS = (
    "What is the capital of Japan?",
    "Sort 3 1 2.",
    "Tell a story about Mia and a kite.",
    "What is 3 + 4?",
    "Hello!",
)
RULES = alternatives()["parallel rule"]
# Each lets the shipped model commit several tokens in most of its steps.
SURE = {
    "threshold": 0.7,
    "factor": 1.0,
    "entropy_bound": 0.5,
    "entropy_threshold": 0.5,
    "entropy_exit": 1.5,
    "klass": 0.1,
    "rule": lambda view: view.proposal.probability > 0.7,
}


@pytest.fixture(scope="module")
def generator():
    with hk.load("hoshi-tiny", threads=1, cache_window=16, max_tokens=32) as loaded:
        yield loaded


def alone(generator, **settings):
    return [generator.generate(prompt, **settings).text for prompt in PROMPTS]


def together(generator, at_once, **settings):
    resolved = generator.resolve(**settings)
    answers = dict(generator.generate_many(((p, resolved) for p in PROMPTS), at_once))
    return [answers[i].text for i in range(len(PROMPTS))]


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 16},
        {"steps": 16, "temperature": 0.7, "seed": 3},
        {"steps": 8, "cfg_scale": 1.0},
        {"fast": True},
        {"cache": "prefix", "block_length": 8, "steps": 16},
    ],
)
def test_side_by_side_the_answers_are_the_same(generator, at_once, settings):
    assert together(generator, at_once, **settings) == alone(generator, **settings)


def test_jobs_may_differ_in_their_settings(generator):
    settings = ({"steps": 8}, {"steps": 16, "cfg_scale": 1.0}, {"fast": True}, {"steps": 4})
    jobs = [(PROMPTS[0], generator.resolve(**s)) for s in settings]
    answers = dict(generator.generate_many(jobs, at_once=3))
    assert [answers[i].text for i in range(4)] == [
        generator.generate(PROMPTS[0], **s).text for s in settings
    ]


def test_a_job_that_does_not_fit_leaves_the_others_alone(generator):
    resolved = generator.resolve(steps=4)
    prompts = ("Hello!", "word " * 2000, "Hello!")
    answers = dict(generator.generate_many((p, resolved) for p in prompts))
    assert isinstance(answers[1], PromptTooLong)
    assert answers[0].text == answers[2].text


@pytest.mark.parametrize("cfg_scale", [0.0, 1.0])
@pytest.mark.parametrize("cache", ["prefix", "dual", "active"])
def test_a_cache_that_is_always_refreshed_changes_nothing(generator, cache, cfg_scale):
    settings = {"block_length": 16, "steps": 16, "cfg_scale": cfg_scale}
    exact = alone(generator, **settings)
    assert alone(generator, cache=cache, cache_refresh=1, **settings) == exact


@pytest.mark.parametrize("cache", ["prefix", "dual", "active"])
def test_a_cache_evaluates_fewer_positions(generator, cache):
    def positions(**settings):
        events = generator.stream(PROMPTS[2], block_length=16, steps=32, **settings)
        return sum(event.step.positions_decoded for event in events)

    assert positions(cache=cache) < 0.9 * positions()


@pytest.mark.parametrize("rule", RULES)
def test_parallel_commits_need_fewer_evaluations(generator, rule):
    one_a_step = generator.generate(PROMPTS[2], steps=0, block_length=32)
    result = generator.generate(PROMPTS[2], steps=0, block_length=32, **{rule: SURE[rule]})
    assert result.nfe < one_a_step.nfe


def test_the_window_that_was_used_is_reported(generator):
    assert generator.generate(PROMPTS[0], fast=True).settings["cache_window"] == 16


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(RULES, 2)))
def test_two_rules_exclude_each_other(generator, first, second):
    with pytest.raises(hk.UsageError, match="exclude each other"):
        generator.resolve(**{first: SURE[first], second: SURE[second]})


def test_fast_gives_way_to_what_is_said_beside_it(generator):
    settings = generator.resolve(fast=True, factor=1.0, cache="prefix").settings
    assert settings.speed.threshold is None
    assert settings.speed.cache == "prefix"
    assert settings.diffusion.schedule == "block"
