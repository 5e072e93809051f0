"""Every option on a model that writes in blocks: it counts, or it is said that it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hoshikage_cli as hk
from hoshikage_cli.engines.blocks import plan_of
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.effect import without_effect

from .test_blocks import FAMILIES, MASK

OUTSIDE = {
    "model": ("model", "family", "gpu_layers", "repack", "threads", "ctx_size"),
    "canvas": ("stop",),
    "sampling": ("samples",),
    "prompt": ("chat", "system_prompt", "parse_special"),
    "output": ("visual", "visual_delay", "trace", "json", "force", "quiet", "verbose", "debug"),
}
"""What is decided outside of a plan: which model, which prompt, how often, what is shown."""

BESIDE = {"gumbel": {"temperature": "0.7"}, "klass_confidence": {"klass": "0.1"}}
BESIDE |= {"block_cache": {"sub_block": "2"}}
BESIDE |= {"top_k": {"temperature": "0.7"}, "top_p": {"temperature": "0.7"}}
BESIDE |= {"max_post_steps": {"edit_threshold": "0.4"}, "alg_temp": {"algorithm": "entropy"}}
"""What some are given with, without which they are known to have no effect."""

PLANNED = [name for name, d in declarations().items() if name not in OUTSIDE.get(d.group, ())]
SETTINGS = {"seed": 3, "mask_token": MASK}


def own(view):
    """A function of one's own, whatever it is for."""
    return np.zeros(len(view.positions))


def values_of(name: str) -> list:
    known = declarations()[name]
    if known.option.choices:
        return [choice for choice in known.option.choices if choice != known.default]
    if known.option.takes:
        return [own]
    return {"int": ["2", "7", "40"], "float": ["0.2", "0.9"], "bool": [True]}[known.type]


@pytest.fixture(scope="module", params=FAMILIES)
def generator(request, model_file):
    arch = FAMILIES[request.param]
    with hk.load(model_file(arch), family=request.param, threads=1, chat=False) as loaded:
        yield loaded


def plan(generator, flags):
    """What decides a run under these flags; the seed is part of it."""
    resolved = generator.resolve(**(SETTINGS | flags))
    job = generator.engine.job(np.arange(5, dtype=np.int32), resolved.settings, 0)
    planned = plan_of(generator.model, resolved.settings, resolved.settings.sampling.seed)
    rule = as_it_counts(planned.rule)
    same = {"top_k": rule.top_k, "top_p": rule.top_p}
    planned = replace(planned, rule=rule, profile=replace(planned.profile, **same))
    return planned, job.tokens.tolist(), job.mask_token


def as_it_counts(rule):
    """Where the likeliest token is taken, and all are counted for how sure that is, or where noise
    is added, no filter has a say."""
    greedy = rule.temperature <= 0 and rule.confidence == "clean"
    noisy = rule.temperature > 0 and rule.gumbel
    return replace(rule, top_k=0, top_p=1.0) if greedy or noisy else rule


@pytest.mark.parametrize("name", PLANNED)
def test_an_option_counts_or_it_is_said_that_it_does_not(generator, name):
    family, beside, refused = generator.model.family, BESIDE.get(name, {}), []
    for value in values_of(name):
        flags = beside | {name: value}
        try:
            planned, plain = plan(generator, flags), plan(generator, beside)
        except hk.HoshikageError as refusal:
            refused.append(str(refusal))
            continue
        resolved = generator.resolve(**(SETTINGS | flags))
        told = list(without_effect({name: value}, resolved, family.kind, family.name))
        as_before = resolved.settings == generator.resolve(**(SETTINGS | beside)).settings
        assert (planned == plain) == (bool(told) or as_before), (value, told)
    assert not any("\n" in refusal for refusal in refused)


def test_guidance_is_refused_where_it_is_typed_alone(generator):
    with pytest.raises(hk.UsageError, match="guidance is not defined .* leave out --cfg-scale"):
        generator.resolve(cfg_scale=1.5)
    assert generator.resolve(cfg_scale=0).value("cfg_scale") == 0


def test_what_is_not_read_changes_nothing_beside_it(generator):
    """A step function is no reason to give up the family's threshold."""
    plain = plan(generator, {})
    assert plan(generator, {"step": own}) == plain
    assert plan(generator, {"fast": True, "cache": "dual", "schedule": "linear"}) == plain


def test_every_option_is_here():
    outside = [name for names in OUTSIDE.values() for name in names]
    assert sorted([*PLANNED, *outside]) == sorted(declarations())
