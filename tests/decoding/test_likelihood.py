"""Likelihoods on random tables, against LLaDA's formula written out."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from fakes import BlockTable, TableDenoiser
from hoshikage_cli.decoding.blocks import BlockPlan, Blocks
from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.likelihood import (
    SERIES,
    along_order,
    chain,
    drawn,
    log_probabilities,
    mean_and_error,
    monte_carlo,
)
from hoshikage_cli.decoding.profile import PROFILES, Profile
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.together import alone
from reference import likelihood as reference

TEXT = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.int32)
PROMPT = 2


def estimate(denoiser, draws=64, seed=1, tokens=TEXT, prompt=PROMPT, **options):
    return monte_carlo(denoiser, tokens, prompt, draws, seed, **options)


class Wide(TableDenoiser):
    max_sequences = 6


class Unmasking(TableDenoiser):
    """Never says that a position stays masked, so that texts share the whole probability."""

    def rows(self, tokens):
        rows = super().rows(tokens)
        rows[:, self.mask_token] = -1e4
        return rows


def plan(denoiser, **options):
    rule = ProposalRule(banned=(denoiser.mask_token,), guidance=options.pop("guidance", 0.0))
    return DiffusionPlan(rule=rule, **options)


# ----------------------------------------------------------------------------- the rows


def test_log_probabilities_are_those_of_a_softmax():
    rows = np.random.default_rng(0).normal(size=(5, 9)).astype(np.float32)
    targets = np.array([0, 8, 3, 3, 1], np.int32)
    found = log_probabilities(rows, None, targets)
    wanted = [reference.log_softmax(row, t) for row, t in zip(rows, targets, strict=True)]
    np.testing.assert_allclose(found.log_probability, wanted, rtol=1e-12)
    np.testing.assert_array_equal(found.likeliest, rows.argmax(1))


def test_a_chain_is_the_sum_of_its_links_however_it_is_cut():
    rng = np.random.default_rng(1)
    rows, targets = rng.normal(size=(7, 9)).astype(np.float32), rng.integers(0, 9, 7)
    whole = chain([rows], targets)
    cut = chain([rows[:3], rows[3:4], rows[4:]], targets)
    assert whole.log_likelihood == pytest.approx(cut.log_likelihood, abs=1e-12)
    links = [reference.log_softmax(row, t) for row, t in zip(rows, targets, strict=True)]
    assert whole.log_likelihood == pytest.approx(sum(links), abs=1e-12)


# ----------------------------------------------------------------------------- the draws


def test_each_number_of_masks_and_each_place_is_equally_likely():
    length, count = 5, 4000
    masked = [drawn(7, draw, length) for draw in range(count)]
    sizes = np.bincount([len(places) for places in masked], minlength=length + 1)
    assert sizes[0] == 0
    np.testing.assert_allclose(sizes[1:] / count, 1 / length, atol=0.02)
    places = np.bincount(np.concatenate(masked), minlength=length)
    np.testing.assert_allclose(places / places.sum(), 1 / length, atol=0.02)


@pytest.mark.parametrize("length", [1, 2, 16, 40])
def test_a_series_covers_the_numbers_evenly(length):
    sizes = sorted(len(drawn(3, draw, length)) for draw in range(SERIES))
    assert sizes[0] >= 1
    assert sizes[-1] <= length
    steps = np.diff(sizes)
    assert steps.max(initial=0) <= math.ceil(length / SERIES)


def test_a_draw_depends_on_its_number_alone():
    denoiser = TableDenoiser()
    few, many = estimate(denoiser, 16), estimate(denoiser, 48)
    assert few.log_likelihood != many.log_likelihood
    np.testing.assert_array_equal(drawn(1, 5, 6), drawn(1, 5, 6))
    assert any(len(drawn(1, i, 6)) != len(drawn(2, i, 6)) for i in range(SERIES))


# -------------------------------------------------------------------------- the estimate


@pytest.mark.parametrize("scale", [0.0, 1.5])
@pytest.mark.parametrize("shift", [False, True])
def test_the_same_draws_give_the_same_estimate(shift, scale):
    denoiser = TableDenoiser(shift=shift)
    found = estimate(denoiser, 20, guidance=scale)
    values = [
        reference.of_draw(
            denoiser.rows,
            TEXT,
            PROMPT,
            {PROMPT + int(p) for p in drawn(1, draw, len(TEXT) - PROMPT)},
            denoiser.mask_token,
            shift,
            scale,
        )
        for draw in range(20)
    ]
    assert found.log_likelihood == pytest.approx(np.mean(values), abs=1e-5)
    assert found.nfe == (40 if scale else 20)
    assert denoiser.passes == (20 if scale else 10)


def test_side_by_side_changes_nothing():
    assert estimate(Wide()).log_likelihood == estimate(TableDenoiser()).log_likelihood


@pytest.mark.parametrize("seed", range(4))
def test_the_estimate_is_unbiased(seed):
    denoiser = TableDenoiser(seed=seed)
    wanted = reference.expectation(denoiser.rows, TEXT, PROMPT, denoiser.mask_token)
    found = estimate(denoiser, 1024, seed)
    assert abs(found.log_likelihood - wanted) < 4 * found.standard_error


def test_other_draws_agree_within_the_error():
    denoiser = TableDenoiser(seed=5)
    mean, error = reference.independent_draws(
        denoiser.rows, TEXT, PROMPT, denoiser.mask_token, 800, seed=3
    )
    found = estimate(denoiser, 800)
    assert abs(found.log_likelihood - mean) < 4 * math.hypot(error, found.standard_error)
    assert found.standard_error < error  # what even numbers of masks are for


def test_the_error_is_that_of_the_mean():
    denoiser = TableDenoiser(seed=2)
    means = [estimate(denoiser, 64, seed).log_likelihood for seed in range(40)]
    told = [estimate(denoiser, 64, seed).standard_error for seed in range(40)]
    assert np.mean(told) == pytest.approx(np.std(means, ddof=1), rel=0.4)


def test_one_token_takes_one_pass_and_has_no_error():
    denoiser = TableDenoiser()
    found = estimate(denoiser, tokens=TEXT[:3])
    assert (found.draws, found.standard_error, denoiser.passes) == (1, 0.0, 1)
    canvas = np.array([3, 1, denoiser.mask_token], np.int32)
    wanted = reference.log_softmax(denoiser.rows(canvas)[2], 4)
    assert found.log_likelihood == pytest.approx(wanted, abs=1e-9)


def test_a_token_that_no_draw_masked_is_not_known():
    found = estimate(TableDenoiser(), draws=1, seed=4)
    masked = drawn(4, 0, len(TEXT) - PROMPT)
    known = np.flatnonzero(~np.isnan(found.log_probability))
    np.testing.assert_array_equal(known, masked)
    assert found.standard_error is None


def test_progress_is_told():
    heard: list[float] = []
    estimate(TableDenoiser(), 5, heard=heard.append)
    assert heard == pytest.approx([0.4, 0.8, 1.0])


def test_mean_and_error_of_series():
    two = np.concatenate([np.full(SERIES, 1.0), np.full(SERIES, 3.0)])
    assert mean_and_error(two) == (2.0, 1.0)
    assert mean_and_error(np.array([1.0, 3.0])) == (2.0, 1.0)
    assert mean_and_error(np.array([5.0])) == (5.0, None)


# ------------------------------------------------------------------------------ the order


@pytest.mark.parametrize("seed", range(5))
def test_one_token_a_step_along_the_order(seed):
    denoiser = TableDenoiser(seed=seed)
    wanted, order = reference.along_confidence(denoiser.rows, TEXT, PROMPT, denoiser.mask_token)
    found = along_order(denoiser, TEXT, PROMPT, plan(denoiser, steps=0))
    assert found.log_likelihood == pytest.approx(wanted, abs=1e-6)
    assert found.nfe == len(order) == len(TEXT) - PROMPT


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_along_the_order_all_texts_together_have_probability_one(steps):
    denoiser = Unmasking(n_vocab=5)
    texts = [np.array([2, *rest], np.int32) for rest in product(range(4), repeat=3)]
    found = [along_order(denoiser, text, 1, plan(denoiser, steps=steps)) for text in texts]
    assert sum(math.exp(each.log_likelihood) for each in found) == pytest.approx(1, abs=1e-9)


def test_in_one_step_the_tokens_are_independent():
    denoiser = TableDenoiser()
    found = along_order(denoiser, TEXT, PROMPT, plan(denoiser, steps=1))
    canvas = np.where(np.arange(len(TEXT)) < PROMPT, TEXT, denoiser.mask_token)
    rows = denoiser.rows(canvas.astype(np.int32))
    wanted = [reference.log_softmax(rows[i], TEXT[i]) for i in range(PROMPT, len(TEXT))]
    np.testing.assert_allclose(found.log_probability, wanted, atol=1e-9)
    np.testing.assert_array_equal(found.likeliest, rows[PROMPT:].argmax(1))


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "origin"},
        {"algorithm": "entropy", "alg_temp": 0.5},
        {"schedule": "block", "block_length": 3},
        {"guidance": 1.0},
        {"eos_policy": "last", "end_tokens": frozenset([5])},
    ],
    ids=str,
)
def test_every_rule_comes_to_its_end(options):
    denoiser = TableDenoiser()
    before = TEXT.copy()
    found = along_order(denoiser, TEXT, PROMPT, plan(denoiser, steps=3, **options))
    np.testing.assert_array_equal(TEXT, before)
    assert np.isfinite(found.log_probability).all()
    assert found.log_likelihood == pytest.approx(found.log_probability.sum())
    again = along_order(denoiser, TEXT, PROMPT, plan(denoiser, steps=3, **options))
    assert again.log_likelihood == found.log_likelihood


# -------------------------------------------------------------- models that write in blocks


class UnmaskingBlocks(BlockTable):
    """Never says that a position stays masked."""

    def rows(self, cells, sees):
        rows = super().rows(cells, sees)
        rows[:, self.mask_token] = -1e4
        return rows


IN_BLOCKS = {
    "one by one": Profile(4),
    "begun by the prompt": Profile(4, grid="prompt end", last_block="short"),
    "first token foretold": Profile(4, first_token="autoregressive", shift="in block"),
    "in parts": Profile(4, sub_block=2),
    "side by side": Profile(4, steps=1),
    "left to right": PROFILES["sdlm"],
}


@pytest.mark.parametrize("profile", IN_BLOCKS.values(), ids=IN_BLOCKS)
def test_in_blocks_all_texts_together_have_probability_one(profile):
    attention = profile.text_attention, profile.block_attention
    shape = {"shift": profile.shift, "first": profile.first_token, "n_vocab": 4}
    total = 0.0
    for rest in product(range(3), repeat=5):
        denoiser = UnmaskingBlocks(profile.block_length, *attention, **shape)
        text = np.array([2, 0, *rest], np.int32)
        total += math.exp(along_order(denoiser, text, 2, BlockPlan(profile)).log_likelihood)
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_in_blocks_a_text_that_was_written_is_scored_as_it_was_written(seed):
    denoiser, plan = UnmaskingBlocks(4, seed=seed), BlockPlan(Profile(4), logprobs=0)
    canvas = np.array([3, 1, *[denoiser.mask_token] * 9], np.int32)
    steps = list(alone(denoiser, Blocks(denoiser, canvas, 2, plan)))
    told = {c.position: c.logprob for step in steps for c in step.commits}
    found = along_order(UnmaskingBlocks(4, seed=seed), steps[-1].canvas, 2, plan)
    np.testing.assert_allclose(found.log_probability, [told[i] for i in sorted(told)], atol=1e-6)
    np.testing.assert_array_equal(found.likeliest, steps[-1].canvas[2:])
    assert found.nfe == sum(step.nfe for step in steps)


def test_where_tokens_are_edited_there_is_no_order():
    with pytest.raises(ValueError, match="edited"):
        along_order(BlockTable(32), TEXT, PROMPT, BlockPlan(PROFILES["llada2.1"]))
