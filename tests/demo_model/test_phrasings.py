"""The wordings: held-out parts never train, there are many, and what they ask stays whole."""

from __future__ import annotations

import random
import re

import pytest

from demo_model import corpus, facts, phrasings
from demo_model.phrasings import KINDS, NAMING, TABLES, TASKS, Parts, Side

FAMILIES = {family.name: family.wordings for family in facts.FAMILIES}
WORDINGS = TASKS | FAMILIES
WHOLE = [w for w in corpus.GENERATORS if w != "talk"]
# Ways to ask that training had before wordings were put together from parts.
BEFORE = {
    "addition": 10,
    "sorting": 10,
    "reversal": 7,
    "story": 10,
    "sudoku": 6,
    "capital": 15,
    "country": 6,
    "opposite": 7,
    "sound": 9,
    "legs": 5,
    "colour": 8,
    "day": 6,
    "month": 6,
}
# What a sentence cannot do without, and which is therefore on both sides.
NEUTRAL = {"", ".", "?", "!"}


def tables(wordings: phrasings.Wordings) -> list[Parts]:
    """A task's tables of words."""
    return [getattr(wordings, name) for name in TABLES]


@pytest.mark.parametrize("wordings", WORDINGS.values(), ids=WORDINGS)
def test_no_part_is_both_trained_and_held_out(wordings):
    for parts in tables(wordings):
        assert set(parts.trained) & set(parts.held_out) <= {"{np}", "{x}"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_openings_and_endings_share_only_marks(kind):
    for parts in (kind.openings, kind.endings):
        assert set(parts.trained) & set(parts.held_out) <= NEUTRAL


@pytest.mark.parametrize("answer", facts.TALK)
def test_talk_is_split_too(answer):
    talk = facts.TALK[answer]
    assert not set(map(str.lower, talk.said.trained)) & set(map(str.lower, talk.said.held_out))
    assert set(talk.marks.trained) & set(talk.marks.held_out) <= NEUTRAL | {"！", "。"}


@pytest.mark.parametrize(
    "parts", [facts.REFUSED_STARTS, facts.REFUSED_THINGS, facts.OTHER_SUMS, NAMING.orders]
)
def test_shared_tables_are_split(parts):
    assert not set(parts.trained) & set(parts.held_out)
    assert len(parts.held_out) >= len(parts.trained) / 3


@pytest.mark.parametrize("wordings", WORDINGS.values(), ids=WORDINGS)
def test_half_of_the_parts_are_held_out(wordings):
    parts = sum(tables(wordings), Parts())
    assert 0.35 <= len(set(parts.held_out)) / len(set(parts.held_out + parts.trained)) <= 0.55


@pytest.mark.parametrize("name", WORDINGS)
def test_ten_times_as_many_wordings_as_before(name):
    trained = set(phrasings.all_templates(WORDINGS[name], side=Side.TRAINED))
    held_out = set(phrasings.all_templates(WORDINGS[name], side=Side.HELD_OUT))
    assert len(trained) >= 10 * BEFORE[name]
    assert len(held_out) >= 10 * BEFORE[name]
    assert not trained & held_out
    assert not held_out & set(WORDINGS[name].classic)


@pytest.mark.parametrize("name", corpus.GENERATORS)
def test_held_out_wordings_never_train(name):
    rng = random.Random(8)
    trained = {corpus.GENERATORS[name](rng, False).prompt for _ in range(4000)}
    asked = {e.prompt for e in corpus.held_out_examples(name, 200, side=Side.HELD_OUT)}
    assert len(asked) >= 100
    assert not trained & asked


@pytest.mark.parametrize("name", WHOLE)
def test_held_out_wordings_ask_for_whole_held_out_items(name):
    for example in corpus.held_out_examples(name, 60, side=Side.HELD_OUT):
        assert "{" not in example.prompt
        if example.task in ("sorting", "reversal"):
            signs = re.findall(r"\b\w\b", example.prompt)
            assert "".join(example.key.split()) in "".join(signs)
        if example.task == "story":
            assert set(example.key.split("/")) <= set(re.findall(r"\w+", example.prompt))
        if example.task == "sudoku":
            assert re.fullmatch(r"([1-4_]{4}\n){3}[1-4_]{4}", example.prompt.split("\n", 1)[1])


@pytest.mark.parametrize("name", ["addition to 20", "sorting", "reversal"])
def test_noise_spares_the_operands(name):
    rng = random.Random(6)
    for _ in range(3000):
        example = corpus.GENERATORS[name](rng, False)
        if example.task == "addition":
            assert sorted(re.findall(r"\d+", example.prompt)) == sorted(example.key.split("+"))
        else:
            signs = "".join(re.findall(r"\b\w\b", example.prompt))
            assert "".join(example.key.split()) in signs


def test_a_noisy_wording_keeps_its_slots():
    rng = random.Random(1)
    for _ in range(300):
        made = phrasings.noisy(rng, "please tell me what {a} and {b} make", replace=True)
        assert re.findall(r"\{\w\}", made) == ["{a}", "{b}"]


def test_a_salad_asks_nothing():
    rng = random.Random(1)
    for _ in range(300):
        assert not re.search(r"[{}\d]", phrasings.salad(rng, corpus.WORDS))
