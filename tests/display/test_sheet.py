"""A canvas that is laid out step after step: nothing is lost, and what stands there stays."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hoshikage_cli.display.layout import printable, wrap
from hoshikage_cli.display.shades import MASK_BLOCK
from hoshikage_cli.display.sheet import Piece, Sheet

STORY = (
    "Mia found a blue kite in the old garden , behind the house . She hid it under her bed , and "
    "only Anna knew where it was . In spring they took it to the hill , and the wind was strong ."
).split()
ENGLISH = [f" {word}" if word.isalpha() else word for word in STORY]
JAPANESE = [*"昔々ある町に", "ミア", "という", "女の子", "が", "いました", "。", *"青い🪁を見つけ"]


def pieces(texts, known, guesses=None):
    guesses = guesses or {}
    return [
        Piece(i, text, str(i)) if i in known else Piece(i, guesses.get(i, ""), str(i), masked=True)
        for i, text in enumerate(texts)
    ]


def rows(lines):
    return ["".join(text for text, _ in line.runs) for line in lines]


def places(lines):
    """Row and column of the first visible character of each position."""
    found = {}
    for row, line in enumerate(lines):
        column = 0
        for text, look in line.runs:
            if look and text.strip():
                blanks = len(text) - len(text.lstrip())
                found.setdefault(look, (row, column + blanks))
            column += cell_len(text)
    return found


def orders(texts, seed):
    """What is known after each step of an unmasking in some order."""
    order = random.Random(seed).sample(range(len(texts)), len(texts))
    return [set(order[:count]) for count in range(len(order) + 1)]


@given(
    st.lists(st.text(max_size=9), min_size=1, max_size=24),
    st.integers(2, 30),
    st.integers(2, 8),
    st.integers(0, 9),
)
def test_nothing_is_lost_and_no_row_is_too_wide(texts, width, expected, seed):
    sheet = Sheet()
    for known in orders(texts, seed):
        lines = sheet.lines(pieces(texts, known), width, expected)
        assert all(line.width <= width for line in lines)
        assert all(cell_len(row) <= width for row in rows(lines))
        shown = "".join(rows(lines)).replace(MASK_BLOCK, "").replace(" ", "")
        there = "".join(text for i, text in enumerate(texts) if i in known)
        wanted = "".join(printable(c) for c in there if c not in "\n\t").replace(" ", "")
        assert shown == wanted.replace(MASK_BLOCK, "")
    assert rows(lines) == rows(wrap([(text, "", False) for text in texts], width))


@given(
    st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), min_size=1, max_size=16),
    st.integers(2, 30),
    st.integers(0, 9),
)
def test_whatever_is_proposed_the_rows_fit(pairs, width, seed):
    texts, guesses = [text for text, _ in pairs], dict(enumerate(guess for _, guess in pairs))
    sheet = Sheet()
    for known in orders(texts, seed):
        lines = sheet.lines(pieces(texts, known, guesses), width, 4)
        assert all(cell_len(row) <= width for row in rows(lines))
    assert rows(lines) == rows(wrap([(text, "", False) for text in texts], width))


@pytest.mark.parametrize("width", [20, 39, 79])
@pytest.mark.parametrize(("texts", "cells"), [(ENGLISH, 5), (JAPANESE * 3, 4)])
def test_text_stands_still(texts, cells, width):
    """Of all words that stand there, few move in a step: a third does where masks are one cell, a
    tenth where what is known closes up at once."""
    moved = stood = 0
    for seed in range(10):
        sheet, before = Sheet(), {}
        for known in orders(texts, seed):
            lines = sheet.lines(pieces(texts, known), width, cells)
            now = {p: place for p, place in places(lines).items() if int(p) in known}
            stood += len(before)
            moved += sum(now[p] != place for p, place in before.items())
            before = now
    assert moved / stood < 0.065


def test_a_word_comes_where_its_mask_was_and_its_neighbours_stay():
    sheet, texts = Sheet(), [" one", " two", " three", " x", " five"]
    first = places(sheet.lines(pieces(texts, set()), 60, 6))
    second = places(sheet.lines(pieces(texts, {1, 3}), 60, 6))
    assert (second["1"], second["3"]) == (first["1"], first["3"])
    third = places(sheet.lines(pieces(texts, {1, 2, 3}), 60, 6))
    assert third["1"] == second["1"]
    fourth = sheet.lines(pieces(texts, {0, 1, 2, 3, 4}), 60, 6)
    assert rows(fourth) == [" one two three x five"]


def test_what_is_narrower_than_its_masks_leaves_blanks_until_all_is_there():
    sheet, texts = Sheet(), [" It", " a", " kite", ".", " x"]
    before = places(sheet.lines(pieces(texts, {0, 2, 3}), 60, 6))
    (line,) = rows(sheet.lines(pieces(texts, {0, 1, 2, 3}), 60, 6))
    assert line.startswith(" It a     kite. ▂")
    assert line.index("kite") == before["2"][1]
    assert rows(sheet.lines(pieces(texts, set(range(5))), 60, 6)) == [" It a kite. x"]


def test_masks_are_blocks_that_can_be_counted():
    (line,) = rows(Sheet().lines(pieces([""] * 6, set()), 60, 5))
    assert line.split() == ["▂▂▂▂▂", *["▂▂▂▂"] * 5]
    for width in (10, 17, 23):
        lines = Sheet().lines(pieces([""] * 12, set()), width, 5)
        assert len("  ".join(rows(lines)).split()) == 12


def test_rows_stay_rows():
    """The canvas is as tall in the middle as at the end, or nearly."""
    for width in (20, 40, 80):
        sheet = Sheet()
        for known in orders(ENGLISH, 1):
            lines = sheet.lines(pieces(ENGLISH, known), width, 4)
            assert abs(len(lines) - len(wrap([("".join(ENGLISH), "", False)], width))) <= 2


def test_what_might_stand_there_has_the_room_that_it_needs():
    texts, guesses = [" a", " b", " c"], {0: " longest", 2: " word"}
    sheet = Sheet()
    first, second = pieces(texts, {1}, guesses), pieces(texts, {1}, {0: " x"})
    assert rows(sheet.lines(first, 40, 7))[0].rstrip() == " longest b word"
    # What is proposed next does not move what is there.
    assert rows(sheet.lines(second, 40, 7))[0].rstrip() == " x       b ▂▂▂▂▂▂"


def test_another_width_begins_anew():
    sheet = Sheet()
    sheet.lines(pieces(ENGLISH, {1, 2}), 80, 4)
    again = sheet.lines(pieces(ENGLISH, {1, 2}), 30, 4)
    assert rows(again) == rows(Sheet().lines(pieces(ENGLISH, {1, 2}), 30, 4))
