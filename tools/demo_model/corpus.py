"""The corpus of the demo models: endless examples from seeded generators, and their checkers.

Every example has a prompt and an answer, in chat form or as plain text to be continued, and a key.
A key's hash decides whether the example belongs to training or is held out, so that the two sets
cannot meet. Facts are split by phrasing instead: see `facts.py`.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from dataclasses import dataclass

import facts
import stories

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

ADDITION_PROMPTS = (
    "What is {a} + {b}?",
    "{a} + {b}",
    "{a} + {b} = ?",
    "Add {a} and {b}.",
    "What is {a} plus {b}?",
    "How much is {a} + {b}?",
    "Calculate {a} + {b}.",
    "what is {a} + {b}",
    "{a}+{b}",
    "{a} plus {b}",
)


def addition_key(a: int, b: int) -> str:
    """One key for both orders: 3 + 5 in training must not give away 5 + 3."""
    return f"{min(a, b)}+{max(a, b)}"


def addition(rng: random.Random, held_out: bool, top: int, low: int = 0) -> Example:
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
    prompt = ADDITION_PROMPTS[0] if held_out else rng.choice(ADDITION_PROMPTS)
    return Example("addition", prompt.format(a=a, b=b), total, key=key)


# --- sorting ----------------------------------------------------------------------------------

SORTING_PROMPTS = (
    "Sort {x}.",
    "Sort these numbers: {x}",
    "Sort the numbers {x}.",
    "Sort {x}",
    "Put these in order: {x}",
    "Sort the list {x}.",
    "sort {x}",
    "Sort: {x}",
    "Arrange {x} in ascending order.",
    "Please sort {x}.",
)


def sorting(rng: random.Random, held_out: bool) -> Example:
    """Three to six single digits in ascending order."""

    def draw(rng):
        digits = [str(rng.randint(0, 9)) for _ in range(rng.choice((3, 4, 4, 5, 5, 6, 6)))]
        return " ".join(digits), digits

    key, digits = draw_until(rng, "sorting", held_out, draw)
    answer = " ".join(sorted(digits))
    if held_out:
        return Example("sorting", SORTING_PROMPTS[0].format(x=key), answer, key=key)
    if rng.random() < 0.15:
        return Example("sorting", f"{key} sorted is", f" {answer}", chat=False, key=key)
    listed = ", ".join(digits) if rng.random() < 0.2 else key
    return Example("sorting", rng.choice(SORTING_PROMPTS).format(x=listed), answer, key=key)


# --- reversal ---------------------------------------------------------------------------------

VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnprstvwz"
REVERSAL_PROMPTS = (
    "Reverse {x}.",
    "Reverse the letters {x}.",
    "Reverse: {x}",
    "Reverse {x}",
    "Write {x} backwards.",
    "Spell {x} backwards.",
    "reverse {x}",
)


def random_word(rng: random.Random) -> str:
    """A word of three to six letters that can be spoken."""
    length, start = rng.randint(3, 6), rng.randint(0, 1)
    return "".join(rng.choice((VOWELS, CONSONANTS)[(start + i) % 2]) for i in range(length))


def reversal(rng: random.Random, held_out: bool) -> Example:
    """A word spelled with spaces, to be written backwards."""

    def draw(rng):
        word = random_word(rng) if rng.random() < 0.8 else rng.choice(stories.THINGS)
        return word, word

    key, word = draw_until(rng, "reversal", held_out, draw)
    spelled, answer = " ".join(word), " ".join(reversed(word))
    if held_out:
        return Example("reversal", REVERSAL_PROMPTS[0].format(x=spelled), answer, key=key)
    if rng.random() < 0.15:
        return Example("reversal", f"{spelled} reversed is", f" {answer}", chat=False, key=key)
    return Example("reversal", rng.choice(REVERSAL_PROMPTS).format(x=spelled), answer, key=key)


# --- facts and talk ---------------------------------------------------------------------------


def with_articles(text: str) -> str:
    """`text` with "a owl" turned to "an owl"."""
    return re.sub(r"\ba (?=[aeio])", "an ", text)


def fact(rng: random.Random, held_out: bool) -> Example:
    """A question about a fact; held out means in a phrasing that training never uses."""
    family = rng.choice(facts.FAMILIES + facts.FAMILIES[:2])
    k, v = rng.choice(list(family.pairs.items()))
    answer = family.answer.format(k=k, v=v)
    if not held_out and rng.random() < 0.2:
        stem, rest = answer.rsplit(f" {v}", 1)
        return Example("fact", stem, f" {v}{rest}", chat=False, key=f"{family.name}/{k}")
    phrasing = rng.choice(family.held_out if held_out else family.trained)
    return Example("fact", with_articles(phrasing.format(k=k)), answer, key=f"{family.name}/{k}")


def talk(rng: random.Random, held_out: bool) -> Example:
    """Greetings and questions about the model, and now and then something it cannot know."""
    if not held_out and rng.random() < 0.35:
        end = rng.choice(("", ".", "?"))
        prompt = f"{rng.choice(facts.REFUSED_STARTS)} {rng.choice(facts.REFUSED_THINGS)}{end}"
        return Example("talk", prompt, facts.REFUSAL)
    answer, prompts = rng.choice(list((facts.HELD_OUT_TALK if held_out else facts.TALK).items()))
    return Example("talk", rng.choice(prompts), answer)


# --- stories ----------------------------------------------------------------------------------


def story(rng: random.Random, held_out: bool) -> Example:
    """A short story about a person and a thing; pairs of the two are held out."""

    def draw(rng):
        name, thing = rng.choice(stories.NAMES), rng.choice(stories.THINGS)
        return f"{name}/{thing}", (name, thing)

    key, (name, thing) = draw_until(rng, "story", held_out, draw)
    made = stories.make_story(rng, name, thing)
    if not held_out and rng.random() < 0.2:
        cut = made.text.index(".") + 1
        return Example("story", made.text[:cut], made.text[cut:], chat=False, key=key)
    prompt = stories.PROMPTS[0] if held_out else rng.choice(stories.PROMPTS)
    return Example("story", prompt.format(n=name, o=thing), made.text, key=key)


# --- sudoku -----------------------------------------------------------------------------------

SUDOKU_PROMPTS = (
    "Solve this sudoku:\n{x}",
    "Complete the sudoku:\n{x}",
    "Solve:\n{x}",
    "{x}",
    "Solve the sudoku:\n{x}",
    "Fill in this sudoku:\n{x}",
)
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


def sudoku(rng: random.Random, held_out: bool) -> Example:
    """A 4×4 sudoku with four to nine holes and one solution; whole grids are held out."""
    key, grid = draw_until(rng, "sudoku", held_out, lambda rng: (rng.choice(GRIDS),) * 2)
    puzzle = in_rows(dig(rng, grid, rng.randint(4, 9)))
    prompt = SUDOKU_PROMPTS[0] if held_out else rng.choice(SUDOKU_PROMPTS)
    return Example("sudoku", prompt.format(x=puzzle), in_rows(grid), key=key)


# --- mixture ----------------------------------------------------------------------------------

GENERATORS = {
    "fact": fact,
    "talk": talk,
    "story": story,
    "sudoku": sudoku,
    "sorting": sorting,
    "addition to 20": lambda rng, held_out: addition(rng, held_out, 20),
    "addition to 99": lambda rng, held_out: addition(rng, held_out, 99, low=21),
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


def held_out_examples(name: str, count: int, seed: int = 0) -> list[Example]:
    """`count` different held-out examples of a task, in chat form."""
    rng, found = random.Random(f"{name}/{seed}"), {}
    for _ in range(50 * count):
        example = GENERATORS[name](rng, True)
        found.setdefault((example.prompt, example.key), example)
        if len(found) == count:
            break
    return list(found.values())


def is_right(example: Example, text: str) -> bool:
    """Whether `text` answers `example`: a consistent story, or exactly the expected answer."""
    if example.task == "story":
        return stories.is_consistent(text, *example.key.split("/"))
    return text.strip() == example.answer.strip()


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
