"""Exact-match per task on held-out items, by Hoshikage itself: `demo_model.evaluate MODEL…`.

MODEL is a shipped model's name or a GGUF file. Every task is asked in the plainest wordings, in
all those of training and in held-out ones. Settings are the defaults unless `--set key=value`
changes them (`--set steps=16 --set algorithm=entropy`).
"""

from __future__ import annotations

import argparse
import json
import time

import hoshikage_cli

from . import corpus
from .phrasings import Side

SIDES = [side.value for side in Side]


def setting(text: str) -> tuple[str, object]:
    """`key=value` as a pair, numbers and booleans read as such."""
    key, found, value = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def evaluate_task(generator, name: str, items: int, settings: dict, side: Side) -> dict:
    """Answers held-out items of a task; how many there were, how many right, and the wrong ones."""
    examples = corpus.held_out_examples(name, items, side=side)
    resolved = generator.resolve(**settings)
    answers = dict(generator.generate_many((e.prompt, resolved) for e in examples))
    texts = [answers[i].text for i in range(len(examples))]
    wrong = [
        {"prompt": e.prompt, "wanted": e.answer, "got": text}
        for e, text in zip(examples, texts, strict=True)
        if not corpus.is_right(e, text)
    ]
    return {"items": len(examples), "right": len(examples) - len(wrong), "wrong": wrong}


def evaluate_model(
    model: str, tasks: list[str], sides: list[str], items: int, settings: dict
) -> dict:
    """Every task's result in the wordings of every side, and the seconds that they took."""
    started = time.monotonic()
    with hoshikage_cli.load(model) as generator:
        results = {
            name: {s: evaluate_task(generator, name, items, settings, Side(s)) for s in sides}
            for name in tasks
        }
    seconds = round(time.monotonic() - started, 1)
    return {"model": model, "settings": settings, "seconds": seconds, "tasks": results}


def as_table(evaluations: list[dict]) -> str:
    """The results as a Markdown table: a column for each model's wordings of each side."""
    tasks = evaluations[0]["tasks"]
    sides = list(next(iter(tasks.values())))
    heads = [f"{e['model']}, {side} wordings" for e in evaluations for side in sides]
    lines = [f"| task | items | {' | '.join(heads)} |", "| --- | ---: |" + " ---: |" * len(heads)]
    for name in tasks:
        results = [e["tasks"][name][side] for e in evaluations for side in sides]
        counts = " + ".join(str(result["items"]) for result in results[: len(sides)])
        shares = " | ".join(f"{r['right'] / r['items']:.1%}" for r in results)
        lines.append(f"| {name} | {counts} | {shares} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--items", type=int, default=100, help="held-out items a task and side")
    parser.add_argument(
        "--wordings", choices=SIDES, action="append", help="only these; all three by default"
    )
    parser.add_argument(
        "--task",
        action="append",
        choices=list(corpus.GENERATORS),
        help="only this task; may be repeated",
    )
    parser.add_argument("--set", dest="settings", action="append", type=setting, default=[])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show-wrong", action="store_true", help="list the wrong answers")
    return parser.parse_args()


def main() -> None:
    """Evaluates every task and prints the outcome."""
    options = parse()
    tasks, sides = options.task or list(corpus.GENERATORS), options.wordings or SIDES
    evaluations = [
        evaluate_model(model, tasks, sides, options.items, dict(options.settings))
        for model in options.models
    ]
    if options.json:
        print(json.dumps(evaluations, ensure_ascii=False, indent=1))
        return
    print(as_table(evaluations))
    for evaluation in evaluations if options.show_wrong else ():
        for name, results in evaluation["tasks"].items():
            for row in (row for result in results.values() for row in result["wrong"]):
                print(f"\n{evaluation['model']}, {name}: {row['prompt']!r}")
                print(f"  wanted {row['wanted']!r}\n  got    {row['got']!r}")


if __name__ == "__main__":
    main()
