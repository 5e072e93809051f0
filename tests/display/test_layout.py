"""Wrapping on a grid of cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hoshikage_cli.display.layout import Line, Window, pack, printable, shorten, wrap
from hoshikage_cli.display.plain import one_line


def rows(text, width):
    return ["".join(part for part, _ in line.runs) for line in wrap([(text, "", False)], width)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 5, [""]),
        ("abcdefg", 3, ["abc", "def", "g"]),
        ("ab\ncd\n", 5, ["ab", "cd", ""]),
        ("a\tb", 10, ["a   b"]),
        ("東京都", 5, ["東京", "都"]),
        ("a東京", 2, ["a", "東", "京"]),
        ("❤\ufe0fb", 2, ["❤\ufe0f", "b"]),
        ("e\u0301e\u0301", 1, ["e\u0301", "e\u0301"]),
        ("one two three", 8, ["one two ", "three"]),
        ("one two", 7, ["one two"]),
        ("one  two", 4, ["one ", "two"]),
        ("a longword", 4, ["a ", "long", "word"]),
        ("ab▁▁ab", 3, ["ab▁", "▁ab"]),
        ("x東y京z", 3, ["x東", "y京", "z"]),
        ("a\x1b[31mb", 20, ["a·[31mb"]),
        ("a\u202eb", 20, ["ab"]),
    ],
)
def test_wrap(text, width, expected):
    assert rows(text, width) == expected


WIDE = ["星影は🌠とかげ", "a👩‍🚀b" * 9, "\x00\x07\x1b\x7f\x9b", "é\u0301" * 30]


@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize("width", [2, 7, 40])
def test_no_row_is_wider_than_the_screen(text, width):
    assert all(cell_len(row) <= width for row in rows(text, width))


@given(st.lists(st.text(max_size=12), max_size=30), st.integers(2, 30))
def test_wrapping_loses_nothing_but_spaces(texts, width):
    lines = wrap([(text, str(number), False) for number, text in enumerate(texts)], width)
    assert all(line.width <= width for line in lines)
    shown = "".join(text for line in lines for text, _ in line.runs)
    expected = "".join(printable(c) for c in "".join(texts) if c not in "\n\t")
    assert shown.replace(" ", "") == expected.replace(" ", "")
    for number, text in enumerate(texts):
        own = "".join(t for line in lines for t, look in line.runs if look == str(number))
        kept = "".join(printable(c) for c in text if c not in "\n\t")
        assert own.replace(" ", "") == kept.replace(" ", "")


def test_nothing_that_steers_a_terminal_comes_through():
    every = [chr(code) for code in (*range(0x300), *range(0x2000, 0x2070), 0xFEFF)]
    kept = "".join(printable(c) for c in every)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in kept)
    assert "\u202e" not in kept


def test_one_line_is_one_line():
    assert one_line("a\nb\tc\x1b[2J") == "a⏎b c·[2J"


def test_a_word_of_several_pieces_is_moved_whole():
    first, second = wrap([("a ki", "x", False), ("te", "y", True)], 5)
    assert first.runs == [("a ", "x")]
    assert second.runs == [("ki", "x"), ("te", "y")]
    assert (first.active, second.active) == (False, True)


def test_styles_of_neighbours_stay_apart():
    (line,) = wrap([("ab", "x", False), ("c", "x", False), ("d", "y", True)], 9)
    assert line.runs == [("abc", "x"), ("d", "y")]
    assert line.active


def numbered(count, active=None):
    return [Line([(str(i), "")], 1, i == active) for i in range(count)]


def names(lines):
    return [line.runs[0][0] for line in lines]


def test_shorten_leaves_out_the_middle():
    assert names(shorten(numbered(4), 4, "")) == ["0", "1", "2", "3"]
    assert names(shorten(numbered(9), 4, "")) == ["0", "1", "…", "8"]
    assert names(shorten(numbered(9), 5, "")) == ["0", "1", "…", "7", "8"]


def test_a_window_stays_while_something_active_is_in_sight():
    window = Window()
    assert names(window.rows(numbered(3), 5)) == ["0", "1", "2"]
    assert names(window.rows(numbered(9), 3)) == ["0", "1", "2"]
    assert names(window.rows(numbered(9, active=5), 3)) == ["4", "5", "6"]
    assert names(window.rows(numbered(9, active=6), 3)) == ["4", "5", "6"]
    assert names(window.rows(numbered(9), 3)) == ["4", "5", "6"]
    assert names(window.rows(numbered(9, active=8), 3)) == ["6", "7", "8"]
    assert names(window.rows(numbered(2, active=0), 3)) == ["0", "1"]


def test_a_window_goes_far_only_after_a_while():
    window = Window()
    assert names(window.rows(numbered(60, active=1), 3)) == ["0", "1", "2"]
    for _ in range(Window.PATIENCE):
        assert names(window.rows(numbered(60, active=40), 3)) == ["0", "1", "2"]
    assert (window.above, window.below) == (0, 57)
    assert "40" in names(window.rows(numbered(60, active=40), 3))
    assert window.above + window.below == 57
    # What is near is followed at once.
    assert "42" in names(window.rows(numbered(60, active=42), 3))
    assert "39" in names(window.rows(numbered(60, active=39), 3))


def packed(width, *items):
    lines = pack([[(item, "")] for item in items], width, " · ", "dim")
    return ["".join(text for text, _ in line.runs) for line in lines]


def test_items_stay_whole():
    assert packed(20, "abc", "defg", "hij") == ["abc · defg · hij"]
    assert packed(12, "abc", "defg", "hij") == ["abc · defg", "hij"]
    assert packed(5, "abcdefghi", "x") == ["abcde", "x"]
    assert packed(5) == [""]
