"""Holes: how they are spelled, and how they lie on a canvas."""

from __future__ import annotations

import numpy as np
import pytest

import hoshikage_cli as hk
from hoshikage_cli.errors import UsageError
from hoshikage_cli.generation.holes import continued, lay_out, parse, spaced

# ------------------------------------------------------------------------------ spelling


def test_one_token_and_up_to_twelve():
    template = parse("a [MASK] b[MASK:12]")
    assert template.kept == ("a ", " b", "")
    assert template.lengths == (1, 12)


def test_what_looks_alike_is_text():
    assert parse("[MASK] [mask] [MASK:] [MASK:x] [ MASK]").kept == (
        "",
        " [mask] [MASK:] [MASK:x] [ MASK]",
    )


@pytest.mark.parametrize(
    ("marker", "text", "lengths"),
    [
        ("_", "1__4", (1, 1)),
        ("<gap>", "<gap:3><gap>[MASK]", (3, 1)),
        ("???", "a ???:4", (1,)),
        (".*", "abc.*", (1,)),
    ],
)
def test_other_markers(marker, text, lengths):
    assert parse(text, marker).lengths == lengths


@pytest.mark.parametrize(
    ("text", "marker", "words"),
    [
        ("no hole", "[MASK]", r"write \[MASK\]"),
        ("no hole", "_", "write _ where"),
        ("[MASK:0]", "[MASK]", "no tokens"),
        ("x", "", "marker is empty"),
    ],
)
def test_what_is_refused(text, marker, words):
    with pytest.raises(UsageError, match=words):
        parse(text, marker)


# ----------------------------------------------------------------------------- the canvas


@pytest.fixture(scope="module")
def vocabulary():
    with hk.load("hoshi-tiny") as loaded:
        yield loaded.model.vocabulary


def test_holes_stand_between_the_tokens_of_their_text(vocabulary):
    mask = vocabulary.mask_token
    layout = lay_out(parse("Mia had[MASK:2] kite"), vocabulary, mask)
    (start, end), tokens = layout.spans[0], layout.tokens
    assert (tokens == mask).nonzero()[0].tolist() == [start, end - 1]
    assert vocabulary.detokenize(tokens[:start]) == b"Mia had"
    assert vocabulary.detokenize(tokens[end:]) == b" kite"


def test_a_hole_may_take_over_the_space_before_it(vocabulary):
    mask = vocabulary.mask_token
    template = parse("Mia had a [MASK] [MASK].")
    assert spaced(template) == {0, 1}
    layout = lay_out(template, vocabulary, mask, absorbed=spaced(template))
    assert vocabulary.detokenize(layout.tokens, special=True).decode() == (
        "Mia had a<|mask|><|mask|>."
    )


def test_a_space_that_a_vocabulary_adds_is_left_out():
    class Spacing:
        """As sentence-piece vocabularies do: a space before whatever begins with a letter."""

        def tokenize(self, text):
            space = b" " * bool(text and not text.startswith("\n"))
            return np.frombuffer(space + text.encode(), np.uint8)

        def detokenize(self, tokens):
            return bytes(tokens)

    assert bytes(continued(Spacing(), "kite")) == b"kite"
    assert continued(Spacing(), "") == []
