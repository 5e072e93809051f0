"""How often holes are filled rightly on held-out items: `demo_model.evaluate_infill MODEL…`.

Sudokus have their blanks as holes, bare and as the answer to the question that asks for them; the
share answered by `generate`, with no cell given in the answer, stands beside. In the stories a
colour is a hole where it is told first and given where it is told again: what comes after decides,
so that a model that writes from left to right can only guess among the eight.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass

import hoshikage_cli
from hoshikage_cli import Generator

from . import corpus, stories


@dataclass(frozen=True)
class Item:
    """A text with holes, what it is an answer to, and the text that is right."""

    text: str
    marker: str
    wanted: str
    prompt: str | None = None


def sudokus(count: int, asked: bool) -> list[Item]:
    """Held-out puzzles; `asked` puts the question in front."""
    return [
        Item(
            "\n".join(e.prompt.split("\n")[-4:]),
            corpus.BLANK,
            e.answer,
            e.prompt if asked else None,
        )
        for e in corpus.held_out_examples("sudoku", count)
    ]


def colours(count: int) -> list[Item]:
    """Held-out stories that tell a colour twice, with a hole in the first place."""
    rng, items = random.Random("colours"), []
    while len(items) < count:
        example = corpus.story(rng, held_out=True)
        twice = [c for c in stories.COLOURS if example.answer.count(f" {c} ") == 2]
        if twice:
            text = example.answer.replace(f" {twice[0]} ", " [MASK] ", 1)
            items.append(Item(text, "[MASK]", example.answer))
    return items


def filled(generator: Generator, items: list[Item]) -> float:
    """The share of items that are filled rightly, a token a step."""
    right = [
        generator.infill(i.text, marker=i.marker, prompt=i.prompt, steps=0).text == i.wanted
        for i in items
    ]
    return sum(right) / len(right)


def generated(generator: Generator, items: list[Item]) -> float:
    """The share that is right when the question is asked and no cell of the answer is given."""
    jobs = [(item.prompt or "", generator.resolve(steps=0)) for item in items]
    answers = dict(generator.generate_many(jobs))
    right = [answers[n].text.strip() == item.wanted for n, item in enumerate(items)]
    return sum(right) / len(right)


TASKS: dict[str, Callable[[Generator, int], float]] = {
    "sudoku, generated": lambda g, n: generated(g, sudokus(n, asked=True)),
    "sudoku, filled behind the question": lambda g, n: filled(g, sudokus(n, asked=True)),
    "sudoku, filled without a question": lambda g, n: filled(g, sudokus(n, asked=False)),
    "colour told again later": lambda g, n: filled(g, colours(n)),
}


def main() -> None:
    """Evaluates every model and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--items", type=int, default=100, help="items a task")
    options = parser.parse_args()
    print(f"| task ({options.items} items) | {' | '.join(options.models)} |")
    print("| --- |" + " ---: |" * len(options.models))
    generators = [hoshikage_cli.load(model) for model in options.models]
    for name, share_of in TASKS.items():
        shares = (f"{share_of(generator, options.items):.1%}" for generator in generators)
        print(f"| {name} | {' | '.join(shares)} |")


if __name__ == "__main__":
    main()
