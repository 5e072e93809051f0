"""Forward passes over canvases: which rows come back, from which part of the work."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.errors import ClosedError, DecodeAborted
from random_models import DIFFUSION, SHIFTED

LENGTH = 70
EVERYTHING = np.arange(LENGTH)

# A product of another number of rows may add up in another order: noise of single precision.
ROUNDING = 2e-3


def canvas(seed: int = 0, length: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, length).astype(np.int32)


def rows(context, tokens, positions, **query) -> np.ndarray:
    (found,) = context.logits([Query(tokens, np.asarray(positions, np.int64), **query)])
    return found.copy()


def same(found, wanted) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ROUNDING)


@pytest.fixture(params=DIFFUSION)
def arch(request) -> str:
    return request.param


@pytest.fixture
def context(model, arch):
    # Without flash attention a part of a canvas is computed as the whole is.
    with CanvasContext(
        model(arch), length=LENGTH, sequences=2, threads=2, flash_attention=False
    ) as opened:
        yield opened


@pytest.fixture
def whole(context) -> np.ndarray:
    return rows(context, canvas(), EVERYTHING)


def needs_cache(context) -> None:
    if not context.has_cache:
        pytest.skip("the bound libllama has no memory for diffusion models")


def test_rows_asked_for_are_those_of_a_whole_pass(context, whole):
    positions = np.array([0, 1, 5, 33, LENGTH - 1])
    same(rows(context, canvas(), positions), whole[positions])


def test_a_pass_repeats_to_the_bit(context, whole):
    assert np.array_equal(rows(context, canvas(), EVERYTHING), whole)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_matter(model, arch, whole, threads):
    with CanvasContext(model(arch), length=LENGTH, threads=threads, flash_attention=False) as other:
        assert np.array_equal(rows(other, canvas(), EVERYTHING), whole)


def test_the_shift_takes_the_row_before(model, arch, whole):
    with CanvasContext(
        model(arch), length=LENGTH, threads=2, shift_logits=False, flash_attention=False
    ) as plain:
        unshifted = rows(plain, canvas(), EVERYTHING)
    source = np.maximum(EVERYTHING - 1, 0) if arch in SHIFTED else EVERYTHING
    same(whole, unshifted[source])


def test_the_shift_can_be_overruled(model):
    with CanvasContext(model("llada"), length=LENGTH, shift_logits=True) as context:
        found = rows(context, canvas(), [0, 1, 2])
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])


def test_attention_goes_both_ways(context, whole):
    changed = canvas()
    changed[-1] += 1
    assert not np.allclose(rows(context, changed, [3]), whole[[3]], atol=10 * ROUNDING)


def test_recomputing_everything_is_a_whole_pass_to_the_bit(context, whole):
    changed = canvas()
    changed[20:30] = 7
    wanted = rows(context, changed, EVERYTHING)
    rows(context, canvas(), EVERYTHING)
    assert np.array_equal(rows(context, changed, EVERYTHING, recompute=EVERYTHING), wanted)


@pytest.mark.parametrize(
    "window", [np.arange(40, 60), np.arange(3), np.array([0, 7, 8, 50, 69])], ids=str
)
def test_a_window_of_an_unchanged_canvas_gives_the_same_rows(context, whole, window):
    same(rows(context, canvas(), window, recompute=window), whole[window])


def test_what_lies_outside_the_window_stays_as_it_was_cached(context, whole):
    needs_cache(context)
    changed = canvas()
    changed[60:] = 9
    window = np.arange(20, 40)
    same(rows(context, changed, window[1:], recompute=window), whole[window[1:]])


def test_a_change_in_the_window_reaches_its_rows_and_later_windows(context, whole):
    changed = canvas()
    changed[25] += 1
    window = np.arange(20, 40)
    moved = rows(context, changed, window, recompute=window)
    assert not np.allclose(moved, whole[window], atol=10 * ROUNDING)
    later = np.arange(50, 60)
    assert not np.allclose(
        rows(context, changed, later, recompute=later), whole[later], atol=10 * ROUNDING
    )


def test_rows_outside_the_window_are_added_to_it(context, whole):
    window = np.arange(30, 40)
    same(rows(context, canvas(), [10, 30], recompute=window), whole[[10, 30]])


def test_a_window_of_what_was_never_cached_is_evaluated_whole(context, whole):
    window = np.arange(30, 40)
    same(rows(context, canvas(), window, recompute=window, sequence=1), whole[window])
    context.clear()
    same(rows(context, canvas(), window, recompute=window), whole[window])


@pytest.mark.parametrize("kept", [0, 30, 50])
def test_a_canvas_may_grow_by_what_is_evaluated(context, whole, kept):
    """Up to `kept` it stays as the shorter canvas had it; of none of it, nothing is old."""
    rows(context, canvas()[:60], np.arange(60))
    window = np.arange(kept, LENGTH)
    found = rows(context, canvas(), window, recompute=window)
    if kept == 0:
        same(found, whole)
    elif context.has_cache:
        assert not np.allclose(found, whole[window], atol=10 * ROUNDING)
    same(rows(context, canvas(), EVERYTHING), whole)


def test_a_canvas_that_has_grown_otherwise_is_evaluated_whole(context, whole):
    rows(context, canvas()[:50], np.arange(50))
    window = np.arange(55, LENGTH)
    same(rows(context, canvas(), window, recompute=window), whole[window])
    rows(context, canvas(), EVERYTHING)
    shorter = canvas()[:60]
    wanted = rows(context, shorter, np.arange(60))
    rows(context, canvas(), EVERYTHING)
    same(rows(context, shorter, window[:5], recompute=window[:5]), wanted[window[:5]])


def test_no_rows(context, whole):
    assert rows(context, canvas(), []).shape == (0, context.n_vocab)
    window = np.arange(5)
    assert rows(context, canvas(), [], recompute=window).shape == (0, context.n_vocab)
    assert context.logits([]) == []


def test_two_sequences_do_not_see_each_other(context, whole):
    other = canvas(1)
    alone = rows(context, other, EVERYTHING, sequence=1)
    context.clear()
    first, second = context.logits(
        [Query(canvas(), EVERYTHING), Query(other, EVERYTHING, sequence=1)]
    )
    same(first, whole)
    same(second, alone)


def test_sequences_in_any_order_with_rows_of_their_own(context, whole):
    other = canvas(1)
    alone = rows(context, other, EVERYTHING, sequence=1)
    second, first = context.logits(
        [Query(other, np.array([4, 9]), sequence=1), Query(canvas(), np.array([0, 60, 61]))]
    )
    same(first, whole[[0, 60, 61]])
    same(second, alone[[4, 9]])


def test_sequences_of_unequal_windows(context, whole):
    # In one batch the library would split these so that part of the first misses the rest.
    other = canvas(1)
    alone = rows(context, other, EVERYTHING, sequence=1)
    window = np.arange(30, 50)
    first, second = context.logits(
        [Query(canvas(), EVERYTHING), Query(other, window, recompute=window, sequence=1)]
    )
    same(first, whole)
    same(second, alone[window])


def test_canvases_of_unequal_length(context, whole):
    short = canvas(2, 40)
    alone = rows(context, short, np.arange(40), sequence=1)
    first, second = context.logits(
        [Query(canvas(), EVERYTHING), Query(short, np.arange(40), sequence=1)]
    )
    same(first, whole)
    same(second, alone)


def test_nothing_is_left_of_a_longer_canvas(context, whole):
    short = canvas()[:40]
    after = rows(context, short, np.arange(40))
    context.clear()
    assert np.array_equal(after, rows(context, short, np.arange(40)))


def test_rows_together_are_a_view(context):
    (found,) = context.logits([Query(canvas(), np.arange(10, 20))])
    assert not found.flags.owndata
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    "query",
    [
        Query(canvas(0, LENGTH + 1), np.array([0])),
        Query(canvas(), np.array([0]), sequence=2),
        Query(canvas()[:0], np.array([], int)),
    ],
    ids=["too long", "no such sequence", "empty"],
)
def test_a_query_that_does_not_fit(context, query):
    with pytest.raises(ValueError, match="does not fit"):
        context.logits([query])


def test_one_sequence_twice(context):
    with pytest.raises(ValueError, match="same sequence"):
        context.logits([Query(canvas(), EVERYTHING), Query(canvas(1), EVERYTHING)])


def test_an_aborted_pass_leaves_nothing_wrong_behind(context, whole):
    context.abort()
    with pytest.raises(DecodeAborted):
        rows(context, canvas(1), EVERYTHING)
    window = np.arange(30, 40)
    same(rows(context, canvas(), window, recompute=window), whole[window])


def decode_for_ever(context):
    while True:
        rows(context, canvas(), EVERYTHING)


def test_abort_from_another_thread(context):
    stop = threading.Timer(0.2, context.abort)
    stop.start()
    with pytest.raises(DecodeAborted):
        decode_for_ever(context)
    stop.join()


def test_use_after_close(model):
    context = CanvasContext(model("llada"), length=LENGTH)
    context.close()
    context.close()
    with pytest.raises(ClosedError):
        rows(context, canvas(), [0])
    with pytest.raises(ClosedError):
        context.clear()
