"""The native row reduction against its specification, `decoding.proposal.propose`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoshikage_cli.decoding.proposal import ProposalRule, propose
from hoshikage_cli.llama.rows import reduce_rows

CASES = {
    "random": lambda rng: rng.normal(size=(5, 3000)) * 3,
    "peaked": lambda rng: rng.normal(size=(5, 3000)) * 12,
    "uniform": lambda rng: np.zeros((3, 2500)),
    "ties": lambda rng: rng.integers(0, 3, size=(6, 1500)).astype(float),
    "one huge": lambda rng: np.where(np.arange(2000) == 1234, 1e30, rng.normal(size=(2, 2000))),
    "wide": lambda rng: rng.normal(size=(3, 2000)) * 1e4,
    "minus infinity": lambda rng: np.where(
        rng.random((4, 2100)) < 0.9, -np.inf, rng.normal(size=(4, 2100))
    ),
    "nearly certain": lambda rng: rng.normal(size=(9, 3000))
    + np.where(np.arange(3000) == 1700, np.arange(9)[:, None] * 12.0, 0),
    "tiny vocabulary": lambda rng: rng.normal(size=(7, 3)),
    "descending": lambda rng: -np.arange(4096.0)[None, :] / 64,
    "ascending": lambda rng: np.arange(4096.0)[None, :] / 64,
}

RULES = {
    "greedy": {},
    "banned": {"banned": (0, 2)},
    "sampled at 0.7": {"temperature": 0.7, "confidence": "sampled"},
    "clean at 0.7": {"temperature": 0.7},
    "top-k": {"temperature": 1.3, "top_k": 7, "confidence": "sampled"},
    "top-p": {"temperature": 1.0, "top_p": 0.8, "confidence": "sampled"},
    "top-k and top-p": {"temperature": 0.9, "top_k": 20, "top_p": 0.9, "confidence": "sampled"},
    "filters at 0": {"top_k": 3, "top_p": 0.7, "confidence": "sampled"},
    "clean with filters": {"temperature": 0.9, "top_k": 20, "top_p": 0.9},
    "gumbel": {"temperature": 0.8, "gumbel": True},
    "gumbel sampled": {"temperature": 0.8, "gumbel": True, "confidence": "sampled"},
}


def assert_same(logits, rule: ProposalRule, unconditional=None, step=3, threads=2) -> None:
    positions = np.arange(10, 10 + len(logits))
    with np.errstate(all="ignore"):
        wanted = propose(logits, unconditional, positions, step, rule)
    found = reduce_rows(logits, unconditional, positions, step, rule, threads)
    np.testing.assert_array_equal(found.tokens, wanted.tokens)
    np.testing.assert_allclose(found.probability, wanted.probability, rtol=2e-4, atol=1e-7)
    told = wanted.top2 > 0  # beside a huge logit all others are alike in single precision
    np.testing.assert_array_equal(found.runner_up[told], wanted.runner_up[told])
    np.testing.assert_allclose(found.rest, wanted.rest, rtol=2e-5, atol=1e-300)
    np.testing.assert_allclose(found.top2, wanted.top2, rtol=2e-5, atol=1e-300)
    np.testing.assert_allclose(found.entropy, wanted.entropy, rtol=2e-4, atol=1e-300)


@pytest.mark.parametrize("options", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("make", CASES.values(), ids=CASES.keys())
def test_rows_equal_the_specification(make, options) -> None:
    logits = make(np.random.default_rng(5)).astype(np.float32)
    assert_same(logits, ProposalRule(seed=11, **options))


@pytest.mark.parametrize("scale", [0.5, 1.5])
@pytest.mark.parametrize("options", [{}, {"temperature": 0.7, "top_k": 50}])
def test_guidance_comes_before_everything_else(scale, options) -> None:
    rng = np.random.default_rng(2)
    conditional, unconditional = rng.normal(size=(2, 4, 2500)).astype(np.float32)
    rule = ProposalRule(guidance=scale, banned=(1,), seed=3, **options)
    assert_same(conditional, rule, unconditional)


def test_a_banned_token_is_never_proposed() -> None:
    logits = np.zeros((4, 9), np.float32)
    logits[:, 4] = 50
    reduced = reduce_rows(logits, None, np.arange(4), 0, ProposalRule(banned=(4,)))
    assert (reduced.tokens == 0).all()
    np.testing.assert_allclose(reduced.probability, 1 / 8, rtol=1e-6)


def test_rows_are_not_written_to() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 3000)).astype(np.float32)
    before = logits.copy()
    reduce_rows(logits, None, np.arange(3), 0, ProposalRule(temperature=0.5, top_k=3, banned=(7,)))
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.7}, {"temperature": 0.7, "gumbel": True}]
)
def test_the_result_does_not_depend_on_the_thread_count(options) -> None:
    logits = np.random.default_rng(1).normal(size=(13, 30000)).astype(np.float32)
    results = [
        reduce_rows(logits, None, np.arange(13), 0, ProposalRule(seed=1, **options), threads)
        for threads in (1, 2, 4)
    ]
    for other in results[1:]:
        for name in vars(results[0]):
            np.testing.assert_array_equal(getattr(results[0], name), getattr(other, name))


# ------------------------------------------------------------------------- the likeliest tokens


def assert_same_likeliest(logits, rule: ProposalRule, unconditional=None, threads=2) -> None:
    positions = np.arange(10, 10 + len(logits))
    with np.errstate(all="ignore"):
        wanted = propose(logits, unconditional, positions, 3, rule)
    found = reduce_rows(logits, unconditional, positions, 3, rule, threads)
    assert wanted.likeliest is not None
    assert found.likeliest is not None
    near = {"rtol": 2e-5, "atol": 2e-6}  # the sums are in single precision
    np.testing.assert_allclose(found.likeliest.logprob, wanted.likeliest.logprob, **near)
    # Below, a probability is 0 in any precision.
    one, other = (np.maximum(each.likeliest.logprobs, -745.0) for each in (found, wanted))
    np.testing.assert_allclose(one, other, **near)
    # Over a temperature, in single precision, neighbours may become equals and change places.
    if rule.confidence == "clean":
        np.testing.assert_array_equal(found.likeliest.tokens, wanted.likeliest.tokens)


@pytest.mark.parametrize("keep", [0, 1, 5, 20])
@pytest.mark.parametrize("options", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("make", CASES.values(), ids=CASES.keys())
def test_the_likeliest_equal_the_specification(make, options, keep) -> None:
    logits = make(np.random.default_rng(5)).astype(np.float32)
    assert_same_likeliest(logits, ProposalRule(seed=11, keep=keep, **options))


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7, "top_k": 50}])
def test_the_likeliest_are_those_after_guidance_and_bans(options) -> None:
    rng = np.random.default_rng(2)
    conditional, unconditional = rng.normal(size=(2, 4, 2500)).astype(np.float32)
    banned = tuple(conditional.argmax(axis=1).tolist())
    rule = ProposalRule(guidance=1.5, banned=banned, seed=3, keep=10, **options)
    assert_same_likeliest(conditional, rule, unconditional)
    found = reduce_rows(conditional, unconditional, np.arange(4), 0, rule).likeliest
    assert found is not None
    assert not np.isin(found.tokens, banned).any()


def test_keeping_the_likeliest_changes_nothing_else() -> None:
    logits = np.random.default_rng(8).normal(size=(5, 9000)).astype(np.float32)
    for options in RULES.values():
        plain = ProposalRule(seed=2, **options)
        one = reduce_rows(logits, None, np.arange(5), 1, plain)
        other = reduce_rows(logits, None, np.arange(5), 1, replace(plain, keep=7))
        assert one.likeliest is None
        for name in set(vars(one)) - {"likeliest"}:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_log_probabilities_are_exact_near_certainty() -> None:
    """As told in double precision, where 1 - p has long lost its figures."""
    gaps = np.array([5.0, 20, 40, 80])
    logits = np.zeros((4, 3000), np.float32)
    logits[:, 77] = gaps
    found = reduce_rows(logits, None, np.arange(4), 0, ProposalRule(keep=2)).likeliest
    assert found is not None
    np.testing.assert_allclose(found.logprob, -np.log1p(2999 * np.exp(-gaps)), rtol=1e-5)
    np.testing.assert_array_equal(found.logprobs[:, 0], found.logprob)
    np.testing.assert_allclose(found.logprobs[:, 1], found.logprob - gaps, rtol=1e-12)


def test_what_is_no_number_is_never_among_the_likeliest() -> None:
    rng = np.random.default_rng(3)
    sound = rng.normal(size=(6, 3000)).astype(np.float32)
    holes = rng.random(sound.shape) < 0.5
    torn = np.where(holes, np.nan, sound).astype(np.float32)
    without = np.where(holes, -np.inf, sound).astype(np.float32)
    rule = ProposalRule(keep=12)
    found = reduce_rows(torn, None, np.arange(6), 0, rule).likeliest
    wanted = reduce_rows(without, None, np.arange(6), 0, rule).likeliest
    assert found is not None
    assert wanted is not None
    np.testing.assert_array_equal(found.tokens, wanted.tokens)
    np.testing.assert_allclose(found.logprobs, wanted.logprobs, rtol=1e-6)


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(
        st.lists(st.sampled_from([-np.inf, -5.0, 0.0, 0.5, 1.0, 30.0]), min_size=6, max_size=6),
        min_size=1,
        max_size=4,
    ),
    keep=st.integers(0, 8),
    banned=st.sets(st.sampled_from([0, 2, 3])),
    temperature=st.sampled_from([0.0, 0.5]),
    confidence=st.sampled_from(["clean", "sampled"]),
)
def test_the_likeliest_of_adversarial_rows(rows, keep, banned, temperature, confidence) -> None:
    logits = np.asarray(rows, np.float32)
    logits[:, 1] = np.maximum(logits[:, 1], -5.0)
    rule = ProposalRule(temperature, confidence=confidence, banned=tuple(banned), keep=keep)
    assert_same_likeliest(logits, rule)
    found = reduce_rows(logits, None, np.arange(len(rows)), 0, rule).likeliest
    assert found is not None
    for row in range(len(rows)):
        top = found.top(row)
        assert top == sorted(top, key=lambda pair: (-pair[1], pair[0]))
        there = (np.delete(logits[row], list(banned)) > -np.inf).sum()
        assert len(top) == min(keep, there)


def test_a_draw_does_not_depend_on_the_other_rows() -> None:
    logits = np.random.default_rng(1).normal(size=(6, 500)).astype(np.float32)
    rule = ProposalRule(temperature=1.0, seed=9)
    together = reduce_rows(logits, None, np.arange(6), 2, rule)
    alone = reduce_rows(logits[3:4], None, np.arange(3, 4), 2, rule)
    assert together.tokens[3] == alone.tokens[0]


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(
        st.lists(st.sampled_from([-np.inf, -5.0, 0.0, 0.5, 1.0, 30.0]), min_size=4, max_size=4),
        min_size=1,
        max_size=4,
    ),
    top_k=st.integers(0, 5),
    top_p=st.sampled_from([0.3, 0.77, 1.0]),
    temperature=st.sampled_from([0.0, 0.6, 2.0]),
    confidence=st.sampled_from(["clean", "sampled"]),
)
def test_adversarial_rows(rows, top_k, top_p, temperature, confidence) -> None:
    logits = np.asarray(rows, np.float32)
    logits[:, 1] = np.maximum(logits[:, 1], -5.0)  # a row of nothing but -inf proposes nothing
    rule = ProposalRule(
        temperature=temperature, top_k=top_k, top_p=top_p, confidence=confidence, seed=4
    )
    assert_same(logits, rule)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="positions"):
        reduce_rows(np.zeros((2, 5), np.float32), None, np.arange(3), 0, ProposalRule())
    rows = np.zeros((2, 5), np.float32)
    with pytest.raises(ValueError, match="one shape"):
        reduce_rows(rows, rows[:1], np.arange(2), 0, ProposalRule(guidance=1.0))
