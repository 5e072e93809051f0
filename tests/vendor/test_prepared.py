"""Our products of prepared weights against numpy, in double precision."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from gguf import GGMLQuantizationType

from quantised import KINDS, SCALES, blocks_of, columns_of, set_scale, size_of, tokens_of, values
from vendor.compiled import compiled


@dataclass(frozen=True)
class Product:
    result: np.ndarray
    tokens: np.ndarray
    """As they were quantised."""


Multiply = Callable[..., Product]


@pytest.fixture(scope="module")
def multiply(tmp_path_factory) -> Multiply:
    function = compiled("prepared.cpp", tmp_path_factory.mktemp("prepared")).prepared_product
    sizes, pointers = [ctypes.c_int64] * 3, [ctypes.c_void_p] * 4
    function.argtypes = [ctypes.c_int, *sizes, *pointers, ctypes.c_int64]

    def product(kind: str, weights: np.ndarray, tokens: np.ndarray, threads: int = 1) -> Product:
        result = np.full((len(tokens), len(weights)), np.nan, np.float32)
        quantised = np.empty(tokens.shape, np.float32)
        arrays = (array.ctypes.data for array in (weights, tokens, result, quantised))
        shape = (len(weights), *tokens.shape)
        if not function(GGMLQuantizationType[kind], *shape, *arrays, threads):
            pytest.skip("needs a processor with AVX-512 and VNNI")
        return Product(result, quantised)

    return product


def assert_close(kind: str, weights: np.ndarray, product: Product) -> None:
    rows, tokens = values(kind, weights), product.tokens.astype(np.float64)
    # Mins and scales are taken together in one number, so that a sum may be smaller than its parts.
    size = np.abs(tokens) @ np.abs(rows).T + np.abs(tokens).max() * np.abs(rows).max()
    assert np.all(np.abs(product.result - tokens @ rows.T) <= 2e-6 * size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 15, 16, 17, 100])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 65, 131])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_every_shape(multiply, kind, rows, n, blocks):
    rng = np.random.default_rng(rows * 1000 + n * 10 + blocks)
    weights, tokens = (
        blocks_of(kind, rng, rows, blocks),
        tokens_of(rng, n, blocks * columns_of(kind)),
    )
    assert_close(kind, weights, multiply(kind, weights, tokens))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("byte", [0x00, 0x7F, 0x80, 0xFF])
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_numbers_are_summed_exactly(multiply, kind, byte, sign):
    """The largest that a block can hold, scales of one: sums below 2^24 have no error at all."""
    weights = np.full((18, 1, size_of(kind)), byte, np.uint8)
    for at in SCALES[kind]:
        set_scale(weights, at, 1.0)
    tokens = np.full((9, columns_of(kind)), sign * 127, np.float32)
    found = multiply(kind, weights, tokens)
    wanted = found.tokens.astype(np.float64) @ values(kind, weights).T
    assert np.all(
        np.abs(found.result - wanted) <= np.abs(wanted) * (np.abs(wanted) > 2**24) * 2**-23
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e-30, 1e-7, 1.0, 1e4, 1e6])
def test_extreme_activations(multiply, kind, size):
    rng = np.random.default_rng(7)
    weights = blocks_of(kind, rng, 33, 3)
    tokens = np.float32(size) * tokens_of(rng, 10, 3 * columns_of(kind))
    tokens[3] = 0
    found = multiply(kind, weights, tokens)
    assert not found.result[3].any()
    assert_close(kind, weights, found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [np.nan, np.inf, -np.inf, 6e-8, -65504])
def test_scales_that_are_no_numbers_stay_where_they_are(multiply, kind, scale):
    rng = np.random.default_rng(3)
    weights, tokens = blocks_of(kind, rng, 19, 3), tokens_of(rng, 11, 3 * columns_of(kind))
    sound = multiply(kind, weights, tokens).result
    set_scale(weights[17:18, 1:2], SCALES[kind][0], scale)
    found = multiply(kind, weights, tokens).result
    assert np.array_equal(np.delete(found, 17, axis=1), np.delete(sound, 17, axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_is_no_number_stays_where_it_is(multiply, kind):
    rng = np.random.default_rng(4)
    weights, tokens = blocks_of(kind, rng, 19, 3), tokens_of(rng, 11, 3 * columns_of(kind))
    sound = multiply(kind, weights, tokens).result
    tokens[5, 40], tokens[6, 0] = np.nan, np.inf
    found = multiply(kind, weights, tokens).result
    assert np.array_equal(np.delete(found, (5, 6), axis=0), np.delete(sound, (5, 6), axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_does_not_depend_on_its_neighbours_or_the_threads(multiply, kind):
    rng = np.random.default_rng(5)
    weights, tokens = blocks_of(kind, rng, 75, 5), tokens_of(rng, 81, 5 * columns_of(kind))
    together = multiply(kind, weights, tokens).result
    for threads in (2, 3, 7, 16):
        assert np.array_equal(multiply(kind, weights, tokens, threads).result, together)
    for first, last in ((0, 1), (3, 5), (19, 20), (60, 70), (80, 81)):
        alone = multiply(kind, weights, tokens[first:last]).result
        assert np.array_equal(alone, together[first:last])
