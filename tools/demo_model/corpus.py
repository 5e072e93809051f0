"""The corpus of the demo models: endless examples from seeded generators, and their checkers.

Every example has a prompt and an answer, in chat form or as plain text to be continued, and a key.
A key's hash decides whether the example belongs to training or is held out, so that the two sets
cannot meet. Wordings are split too, by the parts that they are made of: see `phrasings.py`. A
generator takes `held_out` (an item that never trains) and `side` (which wordings).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import re
from dataclasses import dataclass

from . import facts, phrasings, stories
from .phrasings import Side

HELD_OUT_SHARE = {
    "addition": 0.12,
    "sorting": 0.06,
    "reversal": 0.06,
    "story": 0.10,
    "sudoku": 0.15,
}


@dataclass(frozen=True)
class Example:
    """One task: what is asked, what is right, and how the answer may be checked."""

    task: str
    prompt: str
    answer: str
    chat: bool = True
    key: str = ""


def is_held_out(task: str, key: str) -> bool:
    """Whether the item `key` of `task` is kept from training (a fixed share, by SHA-256)."""
    digest = hashlib.sha256(f"{task}/{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE[task] * 2**32


def draw_until(rng: random.Random, task: str, held_out: bool, draw):
    """Calls `draw(rng)`, which returns (key, item), until the key is on the wanted side."""
    while True:
        key, item = draw(rng)
        if is_held_out(task, key) == held_out:
            return key, item


# --- addition ---------------------------------------------------------------------------------


def addition_key(a: int, b: int) -> str:
    """One key for both orders: 3 + 5 in training must not give away 5 + 3."""
    return f"{min(a, b)}+{max(a, b)}"


def addition(
    rng: random.Random, held_out: bool, side: Side = Side.TRAINED, top: int = 20, low: int = 0
) -> Example:
    """`a + b` with `low <= max(a, b) <= top`."""

    def draw(rng):
        while True:
            a, b = rng.randint(0, top), rng.randint(0, top)
            if max(a, b) >= low:
                return addition_key(a, b), (a, b)

    key, (a, b) = draw_until(rng, "addition", held_out, draw)
    total = f"{a} + {b} = {a + b}"
    if not held_out and rng.random() < 0.2:
        return Example("addition", f"{a} + {b} =", f" {a + b}", chat=False, key=key)
    prompt = phrasings.word(rng, phrasings.ADDITION, side, {"a": str(a), "b": str(b)})
    return Example("addition", prompt, total, key=key)


# --- sorting ----------------------------------------------------------------------------------


def listed(items: list[str]) -> dict[str, str]:
    """Ways to write a list, by the names that the wordings have for them."""
    return {
        "x": " ".join(items),
        "commas": ", ".join(items),
        "tight": ",".join(items),
        "semicolons": "; ".join(items),
        "slashes": "/".join(items),
        "dashes": "-".join(items),
        "last": f"{', '.join(items[:-1])} and {items[-1]}",
    }


def sorting(rng: random.Random, held_out: bool, side: Side = Side.TRAINED) -> Example:
    """Three to six single digits in ascending order."""

    def draw(rng):
        digits = [str(rng.randint(0, 9)) for _ in range(rng.choice((3, 4, 4, 5, 5, 6, 6)))]
        return " ".join(digits), digits

    key, digits = draw_until(rng, "sorting", held_out, draw)
    answer = " ".join(sorted(digits))
    if not held_out and rng.random() < 0.15:
        return Example("sorting", f"{key} sorted is", f" {answer}", chat=False, key=key)
    prompt = phrasings.word(rng, phrasings.SORTING, side, listed(digits))
    return Example("sorting", prompt, answer, key=key)


# --- reversal ---------------------------------------------------------------------------------

VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnprstvwz"
DOUBLED_SHARE = 0.15


def random_word(rng: random.Random) -> str:
    """A word of three to six letters that can be spoken; now and then one of them is doubled."""
    length, start = rng.randint(3, 6), rng.randint(0, 1)
    letters = [rng.choice((VOWELS, CONSONANTS)[(start + i) % 2]) for i in range(length)]
    if rng.random() < DOUBLED_SHARE:
        at = rng.randrange(length)
        letters[(at + 1) % length] = letters[at]
    return "".join(letters)


def reversal(rng: random.Random, held_out: bool, side: Side = Side.TRAINED) -> Example:
    """A word spelled with spaces, to be written backwards."""

    def draw(rng):
        word = random_word(rng) if rng.random() < 0.8 else rng.choice(stories.THINGS)
        return word, word

    key, word = draw_until(rng, "reversal", held_out, draw)
    spelled, answer = " ".join(word), " ".join(reversed(word))
    if not held_out and rng.random() < 0.15:
        return Example("reversal", f"{spelled} reversed is", f" {answer}", chat=False, key=key)
    prompt = phrasings.word(rng, phrasings.REVERSAL, side, listed(list(word)))
    return Example("reversal", prompt, answer, key=key)


# --- facts and talk ---------------------------------------------------------------------------


def with_articles(text: str) -> str:
    """`text` with "a owl" turned to "an owl"."""
    return re.sub(r"\ba (?=[aeio])", "an ", text)


def fact(rng: random.Random, held_out: bool, side: Side = Side.TRAINED) -> Example:
    """A question about a fact; all facts are trained, since a fact cannot be worked out."""
    family = rng.choice(facts.FAMILIES + facts.FAMILIES[:2])
    k, v = rng.choice(list(family.pairs.items()))
    answer, key = family.answer.format(k=k, v=v), f"{family.name}/{k}"
    if not held_out and rng.random() < 0.2:
        stem, rest = answer.rsplit(f" {v}", 1)
        return Example("fact", stem, f" {v}{rest}", chat=False, key=key)
    # No word is exchanged for a strange one: "legs" is all that tells what is asked of a cow.
    prompt = phrasings.word(rng, family.wordings, side, {"k": k}, replace=False)
    return Example("fact", with_articles(prompt), answer, key=key)


def refusal(rng: random.Random, side: Side) -> str:
    """Something that the model cannot know."""
    if rng.random() < 0.2:
        a, b = rng.randint(0, 20), rng.randint(0, 20)
        prompt = rng.choice(facts.OTHER_SUMS.side(side)).format(a=a, b=b)
    else:
        parts = (facts.REFUSED_STARTS, facts.REFUSED_THINGS)
        prompt = " ".join(rng.choice(p.side(side)) for p in parts)
    openings = phrasings.KINDS["request"].openings if rng.random() < 0.1 else phrasings.Parts()
    opening = rng.choice(openings.side(side) or ("",))
    prompt = phrasings.perhaps_noisy(rng, opening + prompt, side)
    return phrasings.in_case(rng, prompt) + rng.choice(("", ".", "?"))


def talk(rng: random.Random, held_out: bool, side: Side = Side.TRAINED) -> Example:
    """Greetings and questions about the model, and now and then something it cannot know."""
    if rng.random() < 0.35:
        return Example("talk", refusal(rng, side), facts.REFUSAL)
    answer, talk = rng.choice(list(facts.TALK.items()))
    said = phrasings.perhaps_noisy(rng, rng.choice(talk.said.side(side)), side, replace=False)
    return Example("talk", phrasings.in_case(rng, said + rng.choice(talk.marks.side(side))), answer)


# --- stories ----------------------------------------------------------------------------------


def story(rng: random.Random, held_out: bool, side: Side = Side.TRAINED) -> Example:
    """A short story about a person and a thing; pairs of the two are held out."""

    def draw(rng):
        name, thing = rng.choice(stories.NAMES), rng.choice(stories.THINGS)
        return f"{name}/{thing}", (name, thing)

    key, (name, thing) = draw_until(rng, "story", held_out, draw)
    made = stories.make_story(rng, name, thing)
    if not held_out and rng.random() < 0.2:
        cut = made.text.index(".") + 1
        return Example("story", made.text[:cut], made.text[cut:], chat=False, key=key)
    prompt = phrasings.word(rng, phrasings.STORY, side, {"n": name, "o": thing})
    return Example("story", with_articles(prompt), made.text, key=key)


# --- sudoku -----------------------------------------------------------------------------------

BLANK = "_"


def is_solved(cells: str) -> bool:
    """Whether 16 cells, row by row, form a solved 4×4 sudoku."""
    rows = [cells[4 * r : 4 * r + 4] for r in range(4)]
    columns = [cells[c::4] for c in range(4)]
    boxes = [rows[r][c : c + 2] + rows[r + 1][c : c + 2] for r in (0, 2) for c in (0, 2)]
    return all(sorted(unit) == list("1234") for unit in rows + columns + boxes)


def all_grids() -> list[str]:
    """The 288 solved grids, in order."""
    rows = ["".join(p) for p in itertools.permutations("1234")]
    pairs = [
        a + b
        for a in rows
        for b in rows
        if len(set(a[:2] + b[:2])) == 4 and len(set(a[2:] + b[2:])) == 4
    ]
    return [top + bottom for top in pairs for bottom in pairs if is_solved(top + bottom)]


GRIDS = all_grids()


def solutions(puzzle: str) -> list[str]:
    """The solved grids that agree with the given cells of `puzzle`."""
    return [
        grid for grid in GRIDS if all(p in (BLANK, g) for p, g in zip(puzzle, grid, strict=True))
    ]


def dig(rng: random.Random, grid: str, holes: int) -> str:
    """`grid` with `holes` cells blanked such that one solution remains."""
    while True:
        blanks = set(rng.sample(range(16), holes))
        puzzle = "".join(BLANK if i in blanks else cell for i, cell in enumerate(grid))
        if len(solutions(puzzle)) == 1:
            return puzzle


def in_rows(cells: str) -> str:
    """16 cells as four lines."""
    return "\n".join(cells[i : i + 4] for i in range(0, 16, 4))


def sudoku(rng: random.Random, held_out: bool, side: Side = Side.TRAINED) -> Example:
    """A 4×4 sudoku with four to nine holes and one solution; whole grids are held out."""
    key, grid = draw_until(rng, "sudoku", held_out, lambda rng: (rng.choice(GRIDS),) * 2)
    puzzle = in_rows(dig(rng, grid, rng.randint(4, 9)))
    prompt = phrasings.word(rng, phrasings.SUDOKU, side, {"x": puzzle})
    return Example("sudoku", prompt, in_rows(grid), key=key)


# --- mixture ----------------------------------------------------------------------------------

GENERATORS = {
    "fact": fact,
    "talk": talk,
    "story": story,
    "sudoku": sudoku,
    "sorting": sorting,
    "addition to 20": addition,
    "addition to 99": functools.partial(addition, top=99, low=21),
    "reversal": reversal,
}
WEIGHTS = {
    "fact": 18,
    "talk": 5,
    "story": 14,
    "sudoku": 18,
    "sorting": 17,
    "addition to 20": 12,
    "addition to 99": 9,
    "reversal": 7,
}


def training_example(rng: random.Random, weights: dict[str, float] = WEIGHTS) -> Example:
    """One training example of the mixture."""
    name = rng.choices(list(weights), list(weights.values()))[0]
    return GENERATORS[name](rng, False)


def held_out_examples(
    name: str, count: int, seed: int = 0, side: Side = Side.PLAIN
) -> list[Example]:
    """`count` different examples with held-out items, in the wordings of `side`."""
    rng, found = random.Random(f"{name}/{seed}"), {}
    for _ in range(50 * count):
        example = GENERATORS[name](rng, True, side)
        found.setdefault((example.prompt, example.key), example)
        if len(found) == count:
            break
    return list(found.values())


def is_right(example: Example, text: str) -> bool:
    """Whether `text` answers `example`: a consistent story, or exactly the expected answer."""
    if example.task == "story":
        return stories.is_consistent(text, *example.key.split("/"))
    return text.strip() == example.answer.strip()


WORDS = phrasings.words_of([*phrasings.TASKS.values(), *(f.wordings for f in facts.FAMILIES)])
WORDS += phrasings.words_in(
    [facts.REFUSED_STARTS, facts.REFUSED_THINGS, *(talk.said for talk in facts.TALK.values())]
)


def infill_text(rng: random.Random, weights: dict[str, float] = WEIGHTS) -> str:
    """A plain text whose parts determine one another, for masking anywhere in it."""
    example = training_example(rng, weights)
    if example.task == "sudoku":
        return f"Sudoku:\n{example.answer}" if rng.random() < 0.5 else example.answer
    if example.task in ("sorting", "reversal") and example.chat:
        word = "sorted" if example.task == "sorting" else "reversed"
        shown = example.key if example.task == "sorting" else " ".join(example.key)
        return f"{shown} {word} is {example.answer}"
    if not example.chat:
        return example.prompt + example.answer
    return example.answer
