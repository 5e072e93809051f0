"""The corpus of the demo models: what is held out never trains, and the checkers are right."""

from __future__ import annotations

import random
import re

import pytest

from demo_model import corpus, stories
from demo_model.phrasings import Side

SPLIT_BY_KEY = [name for name in corpus.GENERATORS if name not in ("fact", "talk")]
SOLVED = "1234341221434321"


def drawn(name: str, count: int, seed: int = 5) -> list[corpus.Example]:
    """Training examples of one task."""
    rng = random.Random(seed)
    return [corpus.GENERATORS[name](rng, False) for _ in range(count)]


@pytest.mark.parametrize("name", SPLIT_BY_KEY)
def test_held_out_items_never_train(name):
    trained = {e.key for e in drawn(name, 2000)}
    held_out = {e.key for e in corpus.held_out_examples(name, 200)}
    assert held_out
    assert not trained & held_out


def test_held_out_facts_ask_for_trained_answers():
    trained = {e.answer for e in drawn("fact", 20_000)}
    assert {e.answer for e in corpus.held_out_examples("fact", 100)} <= trained


def test_both_orders_of_a_sum_share_a_key():
    assert corpus.addition_key(3, 12) == corpus.addition_key(12, 3)


def test_infill_texts_hold_no_held_out_grid():
    rng = random.Random(3)
    texts = {corpus.infill_text(rng, {"sudoku": 1}) for _ in range(2000)}
    grids = {"".join(text.split("\n")[-4:]) for text in texts}
    assert grids <= set(corpus.GRIDS)
    assert not any(corpus.is_held_out("sudoku", grid) for grid in grids)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", corpus.GENERATORS)
def test_generators_are_deterministic(name, side):
    assert drawn(name, 50) == drawn(name, 50)
    held_out = corpus.held_out_examples(name, 20, side=side)
    assert held_out == corpus.held_out_examples(name, 20, side=side)


def test_mixture_is_deterministic():
    first, second = random.Random(1), random.Random(1)
    assert [corpus.training_example(first) for _ in range(100)] == [
        corpus.training_example(second) for _ in range(100)
    ]


@pytest.mark.parametrize("name", corpus.GENERATORS)
def test_own_answers_are_right_and_altered_ones_wrong(name):
    for example in corpus.held_out_examples(name, 30):
        assert corpus.is_right(example, example.answer)
        assert corpus.is_right(example, example.answer + "\n")
        assert not corpus.is_right(example, example.answer[:-1])
        assert not corpus.is_right(example, "")


def test_addition_answers_are_sums():
    for example in corpus.held_out_examples("addition to 99", 50):
        left, total = example.answer.split(" = ")
        a, b = map(int, left.split(" + "))
        assert a + b == int(total)
        assert re.findall(r"\d+", example.prompt)[:2] == [str(a), str(b)]


def test_there_are_288_grids():
    assert len(set(corpus.GRIDS)) == 288
    assert all(map(corpus.is_solved, corpus.GRIDS))


@pytest.mark.parametrize("cells", ["1234123412341234", "1234341221434312", "1" * 16])
def test_wrong_grids_are_not_solved(cells):
    assert not corpus.is_solved(cells)


def test_puzzles_have_one_solution():
    rng = random.Random(2)
    assert corpus.is_solved(SOLVED)
    for holes in range(4, 10):
        assert corpus.solutions(corpus.dig(rng, SOLVED, holes)) == [SOLVED]


def test_story_checker_wants_agreement():
    good = (
        "Mia had a red kite. She lost the kite at the park. "
        "Ben found the red kite and gave it back. Mia was very happy."
    )
    assert stories.is_consistent(good, "Mia", "kite")
    for old, new in (
        ("She", "He"),
        ("the red", "the blue"),
        ("Mia was", "Ben was"),
        ("the kite", "the drum"),
        ("Ben", "Mia"),
        ("very ", ""),
    ):
        assert not stories.is_consistent(good.replace(old, new), "Mia", "kite")
    assert not stories.is_consistent(good, "Anna", "kite")
    assert not stories.is_consistent(good, "Mia", "ball")


def test_every_story_is_consistent():
    rng = random.Random(4)
    for _ in range(200):
        story = stories.make_story(rng, rng.choice(stories.NAMES), rng.choice(stories.THINGS))
        assert stories.is_consistent(story.text, story.name, story.thing)
