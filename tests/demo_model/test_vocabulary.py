"""libllama splits texts into the very tokens that the models were trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoshikage_cli.models import CATALOGUE, shipped_path

RECORDED = json.loads((Path(__file__).parent / "tokenisation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=list(CATALOGUE))
def vocabulary(request):
    """The vocabulary of each shipped model."""
    llama = pytest.importorskip("hoshikage_cli.llama.model")
    with llama.Model(shipped_path(request.param)) as model:
        yield model.vocabulary


@pytest.mark.parametrize("row", RECORDED, ids=range(len(RECORDED)))
def test_tokens_are_those_of_training(vocabulary, row):
    tokens = vocabulary.tokenize(row["text"], parse_special=True)
    assert list(tokens) == row["tokens"]


def test_digits_newlines_and_blanks_stand_alone(vocabulary):
    assert len(vocabulary.tokenize("1234567890")) == 10
    assert len(vocabulary.tokenize("____\n__")) == 7


def test_every_byte_has_a_token(vocabulary):
    text = "".join(map(chr, range(1, 0x250))) + "星影 😀"
    tokens = vocabulary.tokenize(text)
    assert vocabulary.detokenize(tokens) == text.encode()


def test_special_tokens(vocabulary):
    mask, end = vocabulary.tokenize("<|mask|><|endoftext|>", parse_special=True)
    assert vocabulary.mask_token == mask
    assert vocabulary.eos == end
    assert end in vocabulary.end_tokens
    assert not vocabulary.add_bos
