"""Our product of Q8_0 matrices against numpy, in double precision."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from vendor.compiled import compiled

BLOCK = np.dtype([("d", np.float16), ("qs", np.int8, 32)])


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    function = compiled("q8_0.cpp", tmp_path_factory.mktemp("q8_0")).product
    sizes = [ctypes.c_int64] * 3
    function.argtypes = [*sizes, *[ctypes.c_void_p] * 3, ctypes.c_int64]

    def multiply(weights: np.ndarray, tokens: np.ndarray, threads: int = 1) -> np.ndarray:
        (m, blocks), n = weights.shape, len(tokens)
        result = np.full((n, m), np.nan, np.float32)
        arrays = (array.ctypes.data for array in (weights, tokens, result))
        if not function(m, n, blocks, *arrays, threads):
            pytest.skip("needs a processor with AVX-512 and VNNI")
        return result

    return multiply


def blocks_of(rng: np.random.Generator, rows: int, blocks: int) -> np.ndarray:
    made = np.zeros((rows, blocks), BLOCK)
    made["d"] = rng.normal(scale=0.05, size=made.shape)
    made["qs"] = rng.integers(-128, 128, size=(*made.shape, 32))
    return made


def values(blocks: np.ndarray) -> np.ndarray:
    scaled = blocks["d"].astype(np.float64)[..., None] * blocks["qs"]
    return scaled.reshape(len(blocks), -1)


def assert_close(found: np.ndarray, weights: np.ndarray, tokens: np.ndarray) -> None:
    wanted = values(tokens) @ values(weights).T
    size = np.abs(values(tokens)) @ np.abs(values(weights)).T
    assert np.all(np.abs(found - wanted) <= 1e-6 * size)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 100])
@pytest.mark.parametrize("tokens", [2, 7, 8, 9, 33])
@pytest.mark.parametrize("blocks", [1, 2, 5, 28])
def test_every_shape(product, rows, tokens, blocks):
    rng = np.random.default_rng(rows * 1000 + tokens * 100 + blocks)
    weights, row = blocks_of(rng, rows, blocks), blocks_of(rng, tokens, blocks)
    assert_close(product(weights, row), weights, row)


def test_the_extremes(product):
    weights, tokens = np.zeros((2, 20, 3), BLOCK)
    weights["d"], tokens["d"] = 1, -1
    weights["qs"], tokens["qs"] = -128, -128
    weights["qs"][::2] = 127
    assert_close(product(weights, tokens), weights, tokens)


@pytest.mark.parametrize("scale", [np.nan, np.inf, -np.inf, 6e-8, -65504])
def test_scales_that_are_no_numbers_stay_where_they_are(product, scale):
    rng = np.random.default_rng(3)
    weights, tokens = blocks_of(rng, 19, 3), blocks_of(rng, 11, 3)
    sound = product(weights, tokens)
    weights["d"][17, 1] = scale
    found = product(weights, tokens)
    assert np.array_equal(np.delete(found, 17, axis=1), np.delete(sound, 17, axis=1))


def test_a_token_does_not_depend_on_its_neighbours_or_the_threads(product):
    rng = np.random.default_rng(5)
    weights, tokens = blocks_of(rng, 75, 9), blocks_of(rng, 21, 9)
    together = product(weights, tokens)
    for threads in (2, 3, 7, 16):
        assert np.array_equal(product(weights, tokens, threads), together)
    for first in (0, 3, 19):
        assert np.array_equal(product(weights, tokens[first : first + 2]), together[first:][:2])
