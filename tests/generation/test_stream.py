"""Answers whose beginning is final, told as they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoshikage_cli.generation.stops import Stops
from hoshikage_cli.generation.stream import Stream
from hoshikage_cli.generation.text import decode, until_end

END = 255
PIECES = {END: b""} | {byte: bytes([byte]) for byte in range(64)} | {64: "の".encode(), 65: b"ab"}
PIECES |= {66: "の".encode()[:2], 67: "の".encode()[2:], 68: b"aab", 69: b"b "}

answers = st.lists(st.lists(st.sampled_from([32, 60, *range(64, 70), END]), max_size=5), max_size=6)
stop_texts = st.lists(st.text("ab の", min_size=1, max_size=4), max_size=2)


def whole(tokens: list[int], stops: list[str]) -> str:
    text = decode(until_end(tokens, frozenset({END})), PIECES.__getitem__)
    return text[: min([text.find(stop) for stop in stops if stop in text], default=len(text))]


@given(blocks=answers, stops=stop_texts)
def test_what_is_told_in_parts_is_the_answer(blocks, stops):
    read = PIECES.__getitem__
    stream = Stream(Stops(stops, read), read, {END}.__contains__)
    told = ""
    for number, block in enumerate(blocks):
        told += stream.add(block, last=number == len(blocks) - 1)
        known = sum(blocks[: number + 1], [])
        assert whole(known, stops).startswith(told)
        # Nothing is told that a later token could take away.
        for longer in (known + [65, 69], known + [68, 69], known + [END]):
            assert whole(longer, stops).startswith(told) or number == len(blocks) - 1
    assert told == whole(sum(blocks, []), stops)
