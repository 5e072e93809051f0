"""Where jobs wait: who is taken in, in what order, and who may share a context."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hoshikage_cli.engines.job import Job
from hoshikage_cli.engines.room import Room

NOT_YET = None


@dataclass(eq=False, kw_only=True)
class Sized(Job):
    """A job of a name, a length and a kind."""

    name: str
    kind: str


def job(name, length=8, kind="a"):
    return Sized(
        name=name,
        kind=kind,
        tokens=np.zeros(length, np.int32),
        prompt_length=1,
        mask_token=0,
        seed=0,
        total_steps=None,
    )


class Coming:
    """Jobs that come one by one; where NOT_YET stands, who does not wait is told that there is
    none now. A taker who waits is told None only when there are no more."""

    def __init__(self, *jobs, ahead=0):
        self.left = list(jobs)
        self.ahead = ahead
        self.taken = 0

    @property
    def over(self):
        return not self.left

    def take(self, wait):
        while self.left:
            found = self.left.pop(0)
            if found is not NOT_YET:
                self.taken += 1
                return found
            if not wait:
                return None
        return None


def room_of(*jobs, ahead=0):
    coming = Coming(*jobs, ahead=ahead)
    return Room(coming, lambda each: each.kind), coming


def names(jobs):
    return [each.name for each in jobs]


def test_without_jobs_there_is_no_first():
    room, _ = room_of()
    assert room.first() is None
    assert room.last


def test_the_first_is_waited_for():
    room, _ = room_of(NOT_YET, job("x"))
    assert room.first().name == "x"


def test_the_first_stays_until_it_is_admitted():
    room, coming = room_of(job("x"), job("y"))
    first = room.first()
    assert room.first() is first
    assert names(room.admit(1, first, 8, wait=False)) == ["x"]
    assert room.first().name == "y"
    assert coming.taken == 2


@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_more_are_taken_than_can_run(count):
    room, coming = room_of(*(job(str(number)) for number in range(9)))
    first = room.first()
    assert coming.taken == 1
    room.admit(1, first, 8, wait=False)
    admitted = room.admit(count, first, 8, wait=False)
    assert len(admitted) == count
    assert coming.taken == 1 + count
    assert not room.last


def test_none_is_taken_where_none_can_run():
    room, coming = room_of(job("x"), job("y"))
    first = room.first()
    room.admit(1, first, 8, wait=False)
    assert room.admit(0, first, 8, wait=True) == []
    assert coming.taken == 1


def test_those_at_hand_come_in_order_of_length_by_the_lot():
    lengths = (9, 3, 7, 5, 1, 8, 2)
    room, _ = room_of(*(job(str(length), length) for length in lengths), ahead=4)
    order = []
    while (first := room.first()) is not None:
        order += names(room.admit(1, first, 9, wait=False))
    assert order == ["3", "5", "7", "9", "1", "2", "8"]


def test_a_lot_is_used_up_before_the_next_is_taken_in():
    room, coming = room_of(*(job(str(number)) for number in range(8)), ahead=4)
    first = room.first()
    room.admit(3, first, 8, wait=False)
    assert names(room.admit(3, first, 8, wait=False)) == ["3"]
    assert coming.taken == 4
    assert names(room.admit(3, first, 8, wait=False)) == ["4", "5", "6"]
    assert coming.taken == 8


def test_jobs_of_one_kind_are_admitted_together():
    room, _ = room_of(job("1"), job("2", kind="b"), job("3"), job("4", kind="b"), ahead=9)
    first = room.first()
    assert names(room.like(first)) == ["1", "3"]
    assert names(room.admit(9, first, 8, wait=True)) == ["1", "3"]
    other = room.first()
    assert names(room.admit(9, other, 8, wait=True)) == ["2", "4"]
    assert room.first() is None


def test_another_kind_is_not_waited_past():
    room, coming = room_of(job("1"), job("2", kind="b"), job("3"))
    first = room.first()
    room.admit(1, first, 8, wait=False)
    assert room.admit(1, first, 8, wait=True) == []
    assert room.first().name == "2"
    assert coming.taken == 2


def test_what_is_longer_than_the_context_waits_for_a_larger_one():
    room, _ = room_of(job("long", 20), job("short", 5), ahead=9)
    first = room.first()
    assert names(room.admit(9, first, 8, wait=True)) == ["short"]
    assert room.first().name == "long"
    assert room.last


def test_a_job_that_cannot_run_is_let_go():
    room, _ = room_of(job("1"), job("2"))
    room.discard(room.first())
    assert room.first().name == "2"


def test_nobody_waits_while_others_run():
    room, _ = room_of(job("1"), NOT_YET, job("2"))
    first = room.first()
    room.admit(1, first, 8, wait=False)
    assert room.admit(1, first, 8, wait=False) == []
    assert names(room.admit(1, first, 8, wait=False)) == ["2"]
    assert room.admit(1, first, 8, wait=True) == []
