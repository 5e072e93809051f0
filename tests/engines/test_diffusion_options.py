"""Every option on models that unmask whole canvases, and on autoregressive ones: it counts, or it
is said that it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hoshikage_cli as hk
from hoshikage_cli.cli.setup import facts_of
from hoshikage_cli.decoding.cache import CachePlan
from hoshikage_cli.engines.diffusion import cache_plan_of, plan_of
from hoshikage_cli.models.header import read_header
from hoshikage_cli.settings.effect import without_effect

from .test_block_options import PLANNED, as_it_counts, values_of

BESIDES = (
    {},
    {"temperature": "0.7"},
    {"temperature": "0.7", "gumbel": True},
    {"confidence": "sampled"},
    {"confidence": "clean", "temperature": "0.7"},
    {"cache": "active"},
    {"cache": "dual", "algorithm": "origin"},
    {"klass": "0.1"},
)
"""What each is tried beside."""
NOT_OF_A_PLAN = ("trace_proposals", "logprobs", "samples")
SEED = {"seed": 3}


@pytest.fixture(scope="module", params=["llada", "dream"])
def generator(request, model_file):
    with hk.load(model_file(request.param), threads=1, chat=False) as loaded:
        yield loaded


def plan(generator, resolved):
    """What decides a run; for models of whole canvases."""
    settings = resolved.settings
    job = generator.engine.job(np.arange(5, dtype=np.int32), settings, settings.sampling.seed)
    made = plan_of(generator.model, job, cache_plan_of(job, ()))
    made = replace(made, **counting(made))
    return made, job.tokens.tolist(), job.mask_token, job.shift_logits, job.total_steps, job.alike


def counting(plan):
    """Fields of a plan without what others of its fields leave no say."""
    rule, cache = as_it_counts(plan.rule), plan.cache
    window = cache.window if cache.mode in ("dual", "active") else 0
    return {
        "rule": replace(rule, gumbel=rule.gumbel and rule.temperature > 0),
        "cache": CachePlan() if cache.mode == "none" else replace(cache, window=window),
        "alg_temp": 0.0 if plan.algorithm == "origin" else plan.alg_temp,
    }


def tried(name):
    return [beside for beside in BESIDES if name not in beside]


@pytest.mark.parametrize("name", [n for n in PLANNED if n not in NOT_OF_A_PLAN])
def test_an_option_counts_or_it_is_said_that_it_does_not(generator, name):
    header = read_header(generator.model.path)
    for beside in tried(name):
        for value in values_of(name):
            flags = beside | {name: value}
            try:
                now, before = (
                    generator.resolve(**(SEED | flags)),
                    generator.resolve(**(SEED | beside)),
                )
                planned, plain = plan(generator, now), plan(generator, before)
            except hk.HoshikageError:
                continue
            told = list(without_effect({name: value}, now, *facts_of(header, now)))
            automatic = {"confidence": facts_of(header, before)[2]["confidence"]}
            automatic["shift_logits"] = generator.model.shift_logits
            alike = now.settings == before.settings or automatic.get(name) == value
            assert (planned == plain) == (bool(told) or alike), (flags, told)
