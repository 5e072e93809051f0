"""Items as they come: those at hand, and those that somebody is still making."""

from __future__ import annotations

import threading

import pytest

from hoshikage_cli.generation.arrivals import AtHand, Live, arrivals

PATIENCE = 60


@pytest.mark.parametrize(
    ("items", "kind"), [([1], AtHand), ((1,), AtHand), (iter([1]), Live), ({1: 2}, Live)]
)
def test_lists_and_tuples_are_at_hand_and_others_are_made(items, kind):
    assert isinstance(arrivals(items), kind)


def test_arrivals_are_left_as_they_are():
    made = AtHand([1])
    assert arrivals(made) is made


@pytest.mark.parametrize("kind", [AtHand, Live])
def test_every_item_once_and_then_none(kind):
    made = kind([1, 2])
    assert [made.take(wait=True) for _ in range(2)] == [1, 2]
    assert not made.over
    assert made.take(wait=True) is None
    assert made.over
    assert made.take(wait=False) is None


@pytest.mark.parametrize("kind", [AtHand, Live])
def test_what_is_stopped_gives_no_more(kind):
    made = kind([1, 2, 3])
    assert made.take(wait=True) == 1
    made.stop()
    assert made.over
    assert made.take(wait=True) is None


def held_back(gate):
    """1, and 2 once the gate is open."""
    yield 1
    assert gate.wait(PATIENCE)
    yield 2


def test_who_does_not_wait_is_told_that_there_is_none_now():
    gate = threading.Event()
    made = Live(held_back(gate))
    assert made.take(wait=True) == 1
    assert made.take(wait=False) is None
    assert not made.over
    gate.set()
    assert made.take(wait=True) == 2
    assert made.take(wait=True) is None


def test_who_waits_goes_on_when_it_is_stopped():
    gate = threading.Event()
    made = Live(held_back(gate))
    assert made.take(wait=True) == 1
    threading.Timer(0.1, made.stop).start()
    assert made.take(wait=True) is None
    assert made.over
    gate.set()


def test_nothing_is_made_before_it_is_asked_for():
    given = []
    made = Live(given.append(n) or n for n in range(9))
    assert given == []
    for number in range(4):
        assert made.take(wait=True) == number
        assert given == list(range(number + 1))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_the_iterable_raises_is_raised_and_it_is_over(error):
    def failing():
        yield 1
        raise error("no more")

    made = Live(failing())
    assert made.take(wait=True) == 1
    with pytest.raises(error, match="no more"):
        made.take(wait=True)
    assert made.over
    assert made.take(wait=True) is None
