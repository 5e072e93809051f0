"""Contexts on lease, with contexts that cost nothing."""

from __future__ import annotations

import threading

import pytest

from hoshikage_cli.engines.contexts import IDLE, Contexts
from hoshikage_cli.llama.errors import ContextError


class Plain:
    """A context that notes what is done with it."""

    grows = False

    def __init__(self, model, **wanted):
        self.wanted = wanted
        self.closed = False
        self.runs = []
        self.cleared = 0
        self.holders = 0

    def ready(self, length):
        self.runs.append(length)

    def clear(self):
        self.cleared += 1

    def close(self):
        self.closed = True


class Other(Plain):
    """Of another kind."""


class Refused(Plain):
    """One that the library refuses."""

    def __init__(self, model, **wanted):
        raise ContextError("no context of 8 positions: not enough memory?")


@pytest.fixture
def contexts():
    return Contexts(None)


class Growing(Plain):
    """One that makes room by itself, up to 100."""

    grows = True

    def ready(self, length):
        if length > 100:
            raise ContextError("no context of 101 positions: not enough memory?")
        super().ready(length)


def leased(contexts, kind=Plain, length=8, **wanted):
    """A context that was leased and is given back."""
    with contexts.lease(kind, length=length, **wanted) as context:
        return context


def test_two_at_a_time_are_two(contexts):
    with contexts.lease(Plain, length=8) as first, contexts.lease(Plain, length=8) as second:
        assert first is not second
        assert contexts.leased == 2
    assert contexts.leased == 0


def test_one_after_the_other_are_one_and_the_second_run_has_it_made_ready(contexts):
    first, second = leased(contexts, length=8), leased(contexts, length=8)
    assert first is second
    assert first.runs == [8]


def test_one_that_grows_serves_any_length(contexts):
    first, second = leased(contexts, Growing, 8), leased(contexts, Growing, 20)
    assert first is second
    assert first.runs == [20]


def test_one_that_cannot_grow_makes_way_for_another(contexts):
    first, second = leased(contexts, Growing, 8), leased(contexts, Growing, 101)
    assert first.closed
    assert second.wanted == {"length": 101}
    assert contexts.leased == 0


@pytest.mark.parametrize(("kind", "wanted"), [(Plain, {"length": 9}), (Other, {"length": 8})])
def test_another_shape_is_another_context_and_frees_what_lies_idle(contexts, kind, wanted):
    first, second = leased(contexts, length=8), leased(contexts, kind, **wanted)
    assert type(second) is kind
    assert second.wanted == wanted
    assert first.closed


def test_what_is_leased_is_never_closed_for_another(contexts):
    with contexts.lease(Plain, length=8) as mine:
        leased(contexts, length=9)
        contexts.close()
        assert not mine.closed


def test_those_that_lie_idle_forget_and_those_at_work_do_not(contexts):
    with contexts.lease(Plain, length=8) as working:
        idle = leased(contexts, length=8)
        contexts.forget()
        assert (working.cleared, idle.cleared) == (0, 1)


def test_no_more_than_a_few_are_kept(contexts):
    opened = []

    def nest(depth):
        with contexts.lease(Plain, length=8) as context:
            opened.append(context)
            if depth:
                nest(depth - 1)

    nest(IDLE + 2)
    assert sum(not context.closed for context in opened) == IDLE


def test_a_run_that_fails_gives_its_context_back(contexts):
    with pytest.raises(ZeroDivisionError), contexts.lease(Plain, length=8) as first:
        _ = 1 / 0
    assert contexts.leased == 0
    assert leased(contexts, length=8) is first


def test_one_that_was_closed_meanwhile_is_not_kept(contexts):
    with contexts.lease(Plain, length=8) as first:
        first.close()
    assert leased(contexts, length=8) is not first


def test_want_of_memory_alone(contexts):
    with pytest.raises(ContextError) as refusal:
        leased(contexts, Refused)
    assert str(refusal.value) == "no context of 8 positions: not enough memory?"


@pytest.mark.parametrize(("others", "words"), [(1, "run of this model is"), (3, "runs .* are")])
def test_want_of_memory_names_the_other_runs(contexts, others, words):
    def among(count):
        if not count:
            leased(contexts, Refused)
        with contexts.lease(Plain, length=count):
            among(count - 1)

    with pytest.raises(ContextError, match=rf"memory\? \({others} other {words} under way"):
        among(others)
    assert contexts.leased == 0


def test_threads_never_hold_the_same_one(contexts):
    start, failures = threading.Barrier(4), []

    def work(number):
        start.wait()
        for turn in range(300):
            with contexts.lease(Plain, length=(turn * number) % 3) as context:
                context.holders += 1
                if context.holders != 1 or context.closed:
                    failures.append((number, turn))
                if context.wanted["length"] != (turn * number) % 3:
                    failures.append(context.wanted)
                context.holders -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert contexts.leased == 0


def test_what_lies_idle_is_not_closed_while_it_is_looked_up(contexts):
    closing = []

    class Length(int):
        """Another thread begins to close contexts while this is compared."""

        def __eq__(self, other):
            closing.append(threading.Thread(target=contexts.close))
            closing[-1].start()
            closing[-1].join(timeout=0.1)
            return int(self) == int(other)

        __hash__ = int.__hash__

    first = leased(contexts, length=8)
    with contexts.lease(Plain, length=Length(8)) as second:
        closing[0].join()
        assert second is first
        assert not second.closed
