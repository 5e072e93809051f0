"""The loop of blocks against each family's own way, token for token after every pass."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import random_model
from fakes import BlockTable
from hoshikage_cli.decoding.blocks import BlockPlan, Blocks
from hoshikage_cli.decoding.parallel import ParallelRule
from hoshikage_cli.decoding.profile import PROFILES
from hoshikage_cli.decoding.together import alone
from hoshikage_cli.llama.block_attention import attention_of

from . import block_papers
from .transformer import Transformer

MASK = 11
LIMITS = (0.2371, 0.4173, 0.7219, 0.9137)
"""No probability of a table meets them."""


def table_of(profile, **options) -> BlockTable:
    reads = (profile.text_attention, profile.block_attention, profile.shift, profile.first_token)
    return BlockTable(profile.block_length, *reads, **options)


def text(prompt: int, holes=(), seed: int = 0) -> np.ndarray:
    tokens = np.random.default_rng(seed).integers(0, MASK, prompt).astype(np.int32)
    tokens[[hole for hole in holes if hole < prompt]] = MASK
    return tokens


def at_least(limit: float | None) -> ParallelRule | None:
    return None if limit is None else ParallelRule("threshold", (limit,))


def ours(profile, table, prompt, length, **plan):
    tokens = np.concatenate([prompt, np.full(length, MASK, np.int32)])
    plan = {"early_stop": False} | plan
    return list(alone(table, Blocks(table, tokens, len(prompt), BlockPlan(profile, **plan))))


def compare(profile, paper, prompt, length, *, seed=0, sharpness=1.0, ends=(), **plan) -> None:
    """paper(model, prompt, length, mask=…, ends=…): what is to come out, pass by pass."""
    table = table_of(profile, seed=seed, sharpness=sharpness)
    plan["end_tokens"], plan["early_stop"] = frozenset(ends), bool(ends)
    steps = ours(profile, table, prompt, length, **plan)
    wanted = list(paper(table, prompt.tolist(), length, mask=MASK, ends=ends))
    if profile.edit_threshold is None:
        wanted = until_full(wanted)
        if ends:
            wanted = until_answered(wanted, len(prompt), ends)
    assert [step.canvas.tolist() for step in steps] == [tokens for tokens, _ in wanted]
    assert sum(step.nfe for step in steps) == wanted[-1][1] if wanted else not steps
    check_steps(steps, prompt, length)


def until_full(passes):
    """Less the passes that write only what is cut."""
    for i, (tokens, _) in enumerate(passes):
        if MASK not in tokens:
            return passes[: i + 1]
    return passes


def until_answered(passes, prompt, ends):
    """Less the passes behind the one that makes the answer complete."""
    for i, (tokens, _) in enumerate(passes):
        found = [at for at in range(prompt, len(tokens)) if tokens[at] in ends]
        if found and MASK not in tokens[: found[0]]:
            return passes[: i + 1]
    return passes


def check_steps(steps, prompt, length) -> None:
    """What a step says is what happened, and nothing that was given has changed."""
    before = np.concatenate([prompt, np.full(length, MASK, np.int32)])
    for i, step in enumerate(steps):
        after = before.copy()
        for commit in step.commits:
            was = before[commit.position]
            assert commit.replaced == (None if was == MASK else was)
            assert commit.token not in (MASK, was)
            after[commit.position] = commit.token
        np.testing.assert_array_equal(step.canvas, after)
        assert step.masked == (after == MASK).sum()
        assert step.index == i < step.total
        assert all(step.block[0] <= c.position < step.block[1] for c in step.commits)
        before = after
    given_there = np.flatnonzero(prompt != MASK)
    np.testing.assert_array_equal(before[given_there], prompt[given_there])


SHAPES = {
    "prompt": st.integers(1, 19),
    "length": st.integers(1, 17),
    "size": st.integers(1, 9),
    "seed": st.integers(0, 5),
    "sharpness": st.sampled_from((1.0, 2.0, 6.0)),
    "ends": st.sampled_from(((), (), (0, 3))),
}
HOLES = st.lists(st.integers(0, 18), max_size=2)
STEPS = st.integers(0, 10)
many = settings(deadline=None, max_examples=150)


@many
@given(**SHAPES, steps=STEPS, limit=st.sampled_from((None, *LIMITS)), holes=HOLES)
def test_sdar(prompt, length, size, seed, sharpness, ends, steps, limit, holes) -> None:
    for name in ("sdar", "trado", "stable-diffcoder", "llada2.0"):
        profile = replace(PROFILES[name], block_length=size, steps=steps, parallel=at_least(limit))
        mode = "static" if limit is None else "dynamic"
        paper = partial(block_papers.sdar, size=size, steps=steps, mode=mode, limit=limit)
        compare(
            profile,
            paper,
            text(prompt, holes, seed),
            length,
            seed=seed,
            sharpness=sharpness,
            ends=ends,
        )


@many
@given(**SHAPES, steps=STEPS)
def test_sdar_in_sequence(prompt, length, size, seed, sharpness, ends, steps) -> None:
    changed = {"block_length": size, "steps": steps, "parallel": None, "order": "left to right"}
    profile = replace(PROFILES["sdar"], **changed)
    paper = partial(block_papers.sdar, size=size, steps=steps, mode="sequential", limit=None)
    compare(
        profile, paper, text(prompt, (), seed), length, seed=seed, sharpness=sharpness, ends=ends
    )


@many
@given(**SHAPES, part=st.integers(1, 9), limit=st.sampled_from(LIMITS), cached=st.booleans())
def test_fast_dllm_v2(prompt, length, size, seed, sharpness, ends, part, limit, cached) -> None:
    part = min(part, size)
    changed = {"block_length": size, "sub_block": part, "parallel": at_least(limit)}
    profile = replace(PROFILES["fast-dllm-v2"], **changed)
    paper = partial(block_papers.fast_dllm_v2, size=size, sub=part, limit=limit, cached=cached)
    tokens = text(prompt, (), seed)
    sure = {"seed": seed, "sharpness": sharpness}
    compare(profile, paper, tokens, length, ends=ends, block_cache=cached, **sure)


@many
@given(
    **SHAPES,
    limit=st.sampled_from(LIMITS),
    edit=st.sampled_from((0.0, *LIMITS)),
    post=st.integers(0, 5),
    holes=HOLES,
)
def test_llada21(prompt, length, size, seed, sharpness, ends, limit, edit, post, holes) -> None:
    changed = {"parallel": at_least(limit), "edit_threshold": edit, "max_post_steps": post}
    profile = replace(PROFILES["llada2.1"], block_length=size, **changed)
    paper = partial(block_papers.llada21, size=size, limit=limit, edit=edit, post_steps=post)
    compare(
        profile, paper, text(prompt, holes, seed), length, seed=seed, sharpness=sharpness, ends=ends
    )


@many
@given(**SHAPES, steps=STEPS)
def test_bd3lm(prompt, length, size, seed, sharpness, ends, steps) -> None:
    profile = replace(PROFILES["bd3lm"], block_length=size, steps=steps)
    paper = partial(block_papers.bd3lm, size=size, steps=steps)
    compare(
        profile, paper, text(prompt, (), seed), length, seed=seed, sharpness=sharpness, ends=ends
    )


@many
@given(**SHAPES, steps=STEPS, limit=st.sampled_from(LIMITS))
def test_nemotron(prompt, length, size, seed, sharpness, ends, steps, limit) -> None:
    changed = {"block_length": size, "steps": steps, "parallel": at_least(limit)}
    profile = replace(PROFILES["nemotron-diffusion"], **changed)
    paper = partial(block_papers.nemotron, size=size, steps=steps, limit=limit)
    compare(
        profile, paper, text(prompt, (), seed), length, seed=seed, sharpness=sharpness, ends=ends
    )


@many
@given(**SHAPES, limit=st.sampled_from(LIMITS), steps=STEPS)
def test_sdlm(prompt, length, size, seed, sharpness, ends, limit, steps) -> None:
    size = max(2, size)
    changed = {"block_length": size, "parallel": at_least(limit), "steps": steps}
    profile = replace(PROFILES["sdlm"], **changed)
    paper = partial(block_papers.sdlm, size=size, limit=limit)
    compare(
        profile, paper, text(prompt, (), seed), length, seed=seed, sharpness=sharpness, ends=ends
    )


# ------------------------------------------------------------------------- one row for a family

FAMILIES = {
    "sdar": (block_papers.sdar, {"steps": 0, "mode": "dynamic"}),
    "trado": (block_papers.sdar, {"steps": 0, "mode": "dynamic"}),
    "stable-diffcoder": (block_papers.sdar, {"steps": 0, "mode": "static", "limit": None}),
    "fast-dllm-v2": (block_papers.fast_dllm_v2, {"sub": 2}),
    "llada2.0": (block_papers.sdar, {"steps": 0, "mode": "dynamic"}),
    "llada2.1": (block_papers.llada21, {"edit": 0.0, "post_steps": 4}),
    "bd3lm": (block_papers.bd3lm, {"steps": 0}),
    "nemotron-diffusion": (block_papers.nemotron, {"steps": 0}),
    "sdlm": (block_papers.sdlm, {}),
}


def in_fours(name: str, limit: float):
    """A family with blocks of four, and what it is compared with."""
    paper, fixed = FAMILIES[name]
    profile = replace(PROFILES[name], block_length=4, sub_block=PROFILES[name].sub_block and 2)
    if profile.parallel is not None:
        profile, fixed = replace(profile, parallel=at_least(limit)), {"limit": limit} | fixed
    if profile.edit_threshold is not None:
        changed = {"edit_threshold": fixed["edit"], "max_post_steps": fixed["post_steps"]}
        profile = replace(profile, **changed)
    return profile, partial(paper, size=4, **fixed)


def test_every_family_is_compared() -> None:
    assert FAMILIES.keys() == {name for name, row in PROFILES.items() if row.block_length}


@pytest.mark.parametrize("prompt", [1, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("length", [1, 3, 4, 9])
@pytest.mark.parametrize("name", FAMILIES)
def test_edges(name, prompt, length) -> None:
    for seed, ends in ((0, ()), (1, (0, 3)), (2, (5,))):
        compare(*in_fours(name, 0.4173), text(prompt, (), seed), length, seed=seed, ends=ends)


# ---------------------------------------------------------------------------- over a real context


class Oracle:
    """A transformer in numpy as the papers see a model: the cells are those of its tokens."""

    def __init__(self, transformer) -> None:
        self.transformer = transformer

    def cells(self, tokens, sees):
        return np.asarray(tokens)

    def rows(self, cells, sees):
        return self.transformer.logits(cells, np.asarray(sees))


@pytest.fixture(scope="module")
def random_qwen(model_file):
    from hoshikage_cli.llama.model import Model

    path = model_file("qwen3")
    with Model(path) as model:
        yield model, Oracle(Transformer(path, random_model.Shape(arch="qwen3", experts=4)))


@pytest.mark.native
@pytest.mark.parametrize("one_pass", [None, False])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_over_a_random_model(random_qwen, name, one_pass) -> None:
    from hoshikage_cli.llama.block_context import BlockContext

    model, oracle = random_qwen
    mask, (profile, paper) = 261, in_fours(name, 0.0213)
    reads = attention_of(profile)
    shape = {"length": 40, "threads": 1, "mask_token": mask, "cell_type": "F32"}
    with BlockContext(model, reads, **shape, one_pass=one_pass) as context:
        for prompt, length in ((9, 14), (8, 9), (3, 5)):
            tokens = np.full(prompt + length, mask, np.int32)
            tokens[:prompt] = np.random.default_rng(prompt).integers(0, 256, prompt)
            run = Blocks(context, tokens, prompt, BlockPlan(profile))
            before = context.passes, context.positions_decoded
            steps = list(alone(context, run))
            wanted = [x for x, _ in paper(oracle, tokens[:prompt].tolist(), length, mask=mask)]
            if profile.edit_threshold is None:
                wanted = wanted[: 1 + next(i for i, x in enumerate(wanted) if mask not in x)]
            assert [step.canvas.tolist() for step in steps] == wanted
            # Nothing is evaluated that the steps do not tell of.
            assert context.positions_decoded - before[1] == sum(s.positions_decoded for s in steps)
            if context.one_pass:
                assert context.passes - before[0] == sum(step.nfe for step in steps)
