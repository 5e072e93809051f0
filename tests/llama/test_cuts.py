"""Long texts are tokenised in pieces: the same tokens, in a time that grows with the length."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hoshikage_cli as hk
from hoshikage_cli.llama import cuts, vocabulary
from hoshikage_cli.llama.cuts import SPACE, STRETCH, Cutter


def partition(text, strips):
    """As the library finds special tokens: one after the other, the longest first."""
    parts = [text]
    for spelling in sorted(strips, key=len, reverse=True):
        parts = [each for part in parts for each in split(part, spelling, strips[spelling])]
    return [each for each in parts if each]


def split(part, spelling, strips):
    if isinstance(part, tuple):
        return [part]
    before, *behind = part.split(spelling)
    found = [before]
    for each in behind:
        found += [(spelling,), each.lstrip(SPACE) if strips else each]
    return found


SPELLINGS = st.dictionaries(st.text("ab< ", min_size=1, max_size=4), st.booleans(), max_size=5)


@given(SPELLINGS, st.text("ab< x", max_size=120))
@settings(max_examples=600, deadline=None)
def test_pieces_are_parted_as_the_whole(spellings, text):
    strips = {spelling.encode(): stripping for spelling, stripping in spellings.items()}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cuts, "STRETCH", 8)
        pieces = list(Cutter(strips).pieces(text.encode()))
    assert b"".join(pieces) == text.encode()
    whole = partition(text.encode(), strips)
    assert [each for piece in pieces for each in partition(piece, strips)] == whole


@pytest.mark.parametrize("between", [b"", b" ", b"x", b" some words "])
def test_no_piece_is_long_where_there_are_many(between):
    """What takes time is the number of special tokens in a piece, squared."""
    text = (b"<|endoftext|>" + between) * 80_000
    pieces = list(Cutter({b"<|endoftext|>": False, b"<|mask|>": True}).pieces(text))
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) < 2 * STRETCH


def test_what_has_none_stays_whole():
    text = b"one and one is two. " * 5000
    assert list(Cutter({b"<|mask|>": False}).pieces(text)) == [text]
    assert list(Cutter({}).pieces(text)) == [text]


@pytest.fixture(scope="module", params=["hoshi-tiny", "hoshi-tiny-ar"])
def tokens_of(request):
    with hk.load(request.param) as generator:
        yield generator.model.vocabulary


WORDS = st.sampled_from("<|mask|> <|endoftext|> <|user|> <|us kite é |>".split() + [" ", "\n"])


@given(st.lists(WORDS, max_size=60).map("".join), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_tokens_are_those_of_the_whole(tokens_of, text, add, parse):
    with pytest.MonkeyPatch.context() as patched:
        for module in (cuts, vocabulary):
            patched.setattr(module, "STRETCH", 16)
        found = tokens_of.tokenize(text, add_special=add, parse_special=parse)
    assert found.tolist() == tokens_of._tokens(text.encode(), add, parse).tolist()
