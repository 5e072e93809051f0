"""Native log-probabilities against their specification, and rows of every position of a text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hoshikage_cli.decoding import likelihood
from hoshikage_cli.llama.errors import DecodeError
from hoshikage_cli.llama.score import log_probabilities
from hoshikage_cli.llama.text_context import ROWS, TextContext

LOGITS = st.floats(-1e4, 1e4, width=32) | st.sampled_from([0.0, 1.0, -np.inf, 88.0])


def assert_same(rows, twin, targets, guidance=0.0, threads=2):
    wanted = likelihood.log_probabilities(rows, twin, targets, guidance)
    found = log_probabilities(rows, twin, targets, guidance, threads)
    np.testing.assert_allclose(
        found.log_probability, wanted.log_probability, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_array_equal(found.likeliest, wanted.likeliest)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), n=st.integers(1, 4), n_vocab=st.integers(1, 40))
def test_adversarial_rows(data, n, n_vocab):
    rows = data.draw(arrays.arrays(np.float32, (n, n_vocab), elements=LOGITS))
    rows[:, 0] = np.maximum(rows[:, 0], -5.0)  # a row of nothing but -inf says nothing
    targets = data.draw(arrays.arrays(np.int32, n, elements=st.integers(0, n_vocab - 1)))
    assert_same(rows, None, targets)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 0.5, 2.0, 100.0]))
def test_guided_rows(seed, scale):
    rng = np.random.default_rng(seed)
    rows, twin = rng.normal(size=(2, 3, 500)).astype(np.float32) * 5
    assert_same(rows, twin, rng.integers(0, 500, 3).astype(np.int32), scale)


def test_rows_of_a_real_width_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, 151_936)).astype(np.float32) * 4
    targets = rng.integers(0, 151_936, 5).astype(np.int32)
    found = [log_probabilities(rows, None, targets, threads=n) for n in (1, 2, 5)]
    for each in found:
        np.testing.assert_array_equal(each.log_probability, found[0].log_probability)
    assert_same(rows, None, targets)


def test_what_does_not_fit_together_is_refused():
    rows, one = np.zeros((2, 5), np.float32), np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="targets of shape"):
        log_probabilities(rows, None, one)
    with pytest.raises(ValueError, match="rows of one shape"):
        log_probabilities(rows, rows[:1], np.zeros(2, np.int32))
    for outside in (-1, 5):
        with pytest.raises(ValueError, match="outside the vocabulary"):
            log_probabilities(rows[:1], None, np.array([outside], np.int32))
    assert len(log_probabilities(rows[:0], None, one[:0]).likeliest) == 0


# --------------------------------------------------------------------- rows of a text context


@pytest.fixture(scope="module")
def text_model(model):
    return model("llama")


@pytest.fixture
def tokens(text_model):
    return np.random.default_rng(2).integers(0, text_model.n_vocab, ROWS + 9).astype(np.int32)


def all_rows(context, tokens):
    return np.concatenate([rows.copy() for rows in context.rows(tokens)])


def last_row(context, n_vocab):
    pointer = context._last_logits()
    return np.array([pointer[i] for i in range(n_vocab)], np.float32)


def test_rows_are_those_of_one_token_after_the_other(text_model, tokens):
    with TextContext(text_model, length=len(tokens), threads=1) as context:
        found = all_rows(context, tokens)
        assert found.shape == (len(tokens), text_model.n_vocab)
        context.clear()
        context.prefill(tokens[:6])
        np.testing.assert_allclose(last_row(context, text_model.n_vocab), found[5], atol=0.02)
        context.append(int(tokens[6]))
        np.testing.assert_allclose(last_row(context, text_model.n_vocab), found[6], atol=0.02)
        context.prefill(tokens[7:])
        np.testing.assert_allclose(last_row(context, text_model.n_vocab), found[-1], atol=0.02)


def test_a_rewound_context_goes_on_as_if_nothing_had_been(text_model, tokens):
    with TextContext(text_model, length=64, threads=1) as context:
        context.prefill(tokens[:10])
        wanted = all_rows(context, tokens[10:20])
        assert context.rewind(10)
        all_rows(context, tokens[30:50])
        assert context.rewind(10)
        np.testing.assert_allclose(all_rows(context, tokens[10:20]), wanted, atol=1e-5)
        assert not context.rewind(21)
        with pytest.raises(DecodeError, match="full"):
            all_rows(context, tokens[:45])
