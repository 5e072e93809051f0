"""Sampling without candidates, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from hoshikage_cli.llama._native import ffi, lib


def sample_greedily(logits: np.ndarray) -> tuple[int, float]:
    row, probability = np.ascontiguousarray(logits, np.float32), ffi.new("float *")
    token = lib.hoshi_sample_greedily(ffi.from_buffer("float[]", row), len(row), probability)
    return token, probability[0]


@pytest.mark.parametrize("size", [1, 2, 4095, 4096, 4097, 49_152, 151_936])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_largest_and_its_share(size, seed):
    logits = np.random.default_rng(seed).normal(scale=4, size=size).astype(np.float32)
    token, probability = sample_greedily(logits)
    weights = np.exp(logits.astype(np.float64) - logits.max())
    assert token == logits.argmax()
    assert probability == pytest.approx(weights.max() / weights.sum(), rel=1e-5)


@pytest.mark.parametrize("first", [0, 5, 4095, 4096, 9000])
def test_the_first_of_equals(first):
    logits = np.zeros(10_000, np.float32)
    logits[[first, 9_999]] = 7
    assert sample_greedily(logits)[0] == first


def test_banned_and_overwhelming_logits():
    logits = np.full(5_000, -np.inf, np.float32)
    logits[4_321] = -200
    assert sample_greedily(logits) == (4_321, 1.0)
    logits[17] = 1e30
    assert sample_greedily(logits) == (17, 1.0)
