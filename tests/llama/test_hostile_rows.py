"""Our C on rows that no sound model makes: what it says then means little, but it stays in bounds.

`make sanitize` runs these, and the others of our C, where a step out of bounds ends the process.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hoshikage_cli.decoding.proposal import Proposal, ProposalRule
from hoshikage_cli.llama._native import ffi, lib
from hoshikage_cli.llama.rows import reduce_rows
from hoshikage_cli.llama.score import log_probabilities

EXTREME = (np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3.4e38, -3.4e38, 0.0, -0.0, 1e-38, 88.0, -87.0)
# One column, and sizes that no block, vector or bucket divides.
WIDTHS = (1, 2, 3, 7, 17, 255, 1023, 1024, 1025, 2049, 4097, 40_001)


SEVERAL, ONE = st.integers(1, 5), st.just(1)


@st.composite
def rows(draw, count=SEVERAL):
    """(n, n_vocab) floats: drawn at random, with extremes at random places or all over."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(count), draw(st.sampled_from(WIDTHS))
    share = draw(st.sampled_from([0.0, 0.01, 0.5, 1.0]))
    chosen = np.array(draw(st.lists(st.sampled_from(EXTREME), min_size=1, max_size=4)), np.float32)
    sound = rng.normal(scale=draw(st.sampled_from([1e-40, 1.0, 30.0])), size=shape)
    odd = rng.choice(chosen, size=shape)
    return np.where(rng.random(shape) < share, odd, sound).astype(np.float32)


@st.composite
def rules(draw):
    return ProposalRule(
        temperature=draw(st.sampled_from([0.0, 1e-30, 0.7, 1e30])),
        top_k=draw(st.sampled_from([0, 1, 5, 10**9])),
        top_p=draw(st.sampled_from([0.0, 1e-9, 0.9, 1.0])),
        gumbel=draw(st.booleans()),
        confidence=draw(st.sampled_from(["clean", "sampled"])),
        guidance=draw(st.sampled_from([0.0, -1.0, 1.5, 1e30])),
        banned=tuple(draw(st.lists(st.sampled_from([0, 1, 2, 1023, 1024]), max_size=5))),
        seed=draw(st.integers(0, 2**64 - 1)),
        keep=draw(st.sampled_from([None, 0, 1, 3, 50])),
    )


def in_bounds(found: Proposal, n_vocab: int) -> bool:
    columns = [found.tokens, found.runner_up]
    if found.likeliest is not None:
        columns.append(np.maximum(found.likeliest.tokens, 0).reshape(-1))
    return all(((column >= 0) & (column < n_vocab)).all() for column in columns)


def columns_of(found: Proposal) -> list[np.ndarray]:
    own = [column for name, column in vars(found).items() if name != "likeliest"]
    return own + ([] if found.likeliest is None else list(vars(found.likeliest).values()))


@settings(deadline=None, max_examples=150)
@given(logits=rows(), rule=rules(), twin=st.booleans(), step=st.integers(0, 2**40))
def test_reductions(logits, rule, twin, step):
    before, n = logits.copy(), len(logits)
    other = np.ascontiguousarray(logits[::-1]) if twin else None
    positions = np.arange(n) * 2**40
    found = [reduce_rows(logits, other, positions, step, rule, threads) for threads in (1, 3)]
    assert in_bounds(found[0], logits.shape[1])
    for one, same in zip(*map(columns_of, found), strict=True):
        np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(logits, before)


@settings(deadline=None, max_examples=80)
@given(logits=rows(), twin=st.booleans(), guidance=st.sampled_from([0.0, -1.0, 2.0, 1e300]))
def test_scores(logits, twin, guidance):
    n, n_vocab = logits.shape
    other = np.ascontiguousarray(logits[::-1]) if twin else None
    targets = np.resize(np.array([0, n_vocab - 1, n_vocab // 2], np.int32), n)
    found = [log_probabilities(logits, other, targets, guidance, threads) for threads in (1, 3)]
    assert ((found[0].likeliest >= 0) & (found[0].likeliest < n_vocab)).all()
    for one, same in zip(*(vars(each).values() for each in found), strict=True):
        np.testing.assert_array_equal(one, same)


@settings(deadline=None, max_examples=80)
@given(logits=rows(ONE))
def test_greedy_samples(logits):
    probability = ffi.new("float *")
    row = np.ascontiguousarray(logits[0])
    token = lib.hoshi_sample_greedily(ffi.from_buffer("float[]", row), len(row), probability)
    assert 0 <= token < len(row)


@settings(deadline=None, max_examples=80)
@given(
    logits=rows(ONE),
    top_k=st.sampled_from([1, 5, 10**6]),
    top_p=st.sampled_from([0.0, 0.5, 1.0]),
    temperature=st.sampled_from([0.1, 1.0]),
)
def test_samples_of_a_chain(logits, top_k, top_p, temperature):
    row, n_vocab = np.ascontiguousarray(logits[0]), logits.shape[1]
    chain = ffi.gc(
        lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params()),
        lib.llama_sampler_free,
    )
    for sampler in (
        lib.llama_sampler_init_top_k(top_k),
        lib.llama_sampler_init_top_p(top_p, 1),
        lib.llama_sampler_init_temp(temperature),
        lib.llama_sampler_init_dist(7),
    ):
        lib.llama_sampler_chain_add(chain, sampler)
    probability, candidates = ffi.new("float *"), ffi.new("llama_token_data[]", n_vocab)
    buffer = ffi.from_buffer("float[]", row)
    token = lib.hoshi_sample(chain, buffer, n_vocab, candidates, probability)
    assert 0 <= token < n_vocab
    if np.abs(row).max() < 1e6:
        assert 0 <= probability[0] <= 1
