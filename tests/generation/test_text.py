"""From tokens to text, a whole canvas at once and as it changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoshikage_cli.generation.text import MASK_CELL, CanvasTexts, piece_texts

MASK = 0
# Whole characters, halves and thirds of some, what is no UTF-8 at all, and a mask's own sign.
PIECES = {
    1: b"a",
    2: b" b",
    3: "星".encode()[:1],
    4: "星".encode()[1:2],
    5: "星".encode()[2:],
    6: "👩".encode()[:3],
    7: "👩".encode()[3:],
    8: b"\xff",
    9: b"",
    10: MASK_CELL.encode(),
}
TOKENS = st.integers(0, len(PIECES))
CHANGES = st.lists(st.tuples(st.dictionaries(st.integers(0, 7), TOKENS), st.lists(TOKENS)))


@given(st.lists(TOKENS, max_size=8), CHANGES)
def test_texts_of_a_changing_canvas_are_those_of_each_canvas(tokens, changes):
    canvas = list(tokens)
    kept = CanvasTexts(canvas, MASK, PIECES.__getitem__)
    for inside, behind in changes:
        before = kept.texts + [None] * len(behind)
        placed = [(place, t) for place, t in inside.items() if place < len(canvas)]
        placed += enumerate(behind, len(canvas))
        for place, token in placed:
            canvas[place : place + 1] = [token]
        changed = kept.put(placed)
        shown = piece_texts(canvas, MASK, PIECES.__getitem__)
        expected = [None if t == MASK else text for t, text in zip(canvas, shown, strict=True)]
        assert kept.texts == expected
        assert changed == [i for i, text in enumerate(expected) if text != before[i]]


def test_a_change_reads_no_more_of_a_long_canvas_than_of_a_short_one():
    for length in (10, 10_000):
        asked = []

        def piece(token, asked=asked):
            asked.append(token)
            return PIECES[token]

        kept = CanvasTexts([1] * length, MASK, piece)
        asked.clear()
        assert kept.put([(5, 3)]) == [5, 6]
        assert len(asked) <= 3
