"""Exact-match per task on held-out items, by Hoshikage itself: `evaluate.py MODEL…`.

MODEL is a shipped model's name or a GGUF file. Settings are the defaults unless `--set key=value`
changes them (`--set steps=16 --set algorithm=entropy`).
"""

from __future__ import annotations

import argparse
import json
import time

import corpus
import hoshikage_cli


def setting(text: str) -> tuple[str, object]:
    """`key=value` as a pair, numbers and booleans read as such."""
    key, found, value = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def evaluate_task(generator, name: str, items: int, settings: dict) -> dict:
    """Answers held-out items of a task; how many there were, how many right, and the wrong ones."""
    examples = corpus.held_out_examples(name, items)
    resolved = generator.resolve(**settings)
    answers = dict(generator.generate_many((e.prompt, resolved) for e in examples))
    texts = [answers[i].text for i in range(len(examples))]
    wrong = [
        {"prompt": e.prompt, "wanted": e.answer, "got": text}
        for e, text in zip(examples, texts, strict=True)
        if not corpus.is_right(e, text)
    ]
    return {"items": len(examples), "right": len(examples) - len(wrong), "wrong": wrong}


def evaluate_model(model: str, tasks: list[str], items: int, settings: dict) -> dict:
    """Every task's result, and the seconds that they took."""
    started = time.monotonic()
    with hoshikage_cli.load(model) as generator:
        results = {name: evaluate_task(generator, name, items, settings) for name in tasks}
    seconds = round(time.monotonic() - started, 1)
    return {"model": model, "settings": settings, "seconds": seconds, "tasks": results}


def as_table(evaluations: list[dict]) -> str:
    """The results as a Markdown table, a column a model."""
    models = [evaluation["model"] for evaluation in evaluations]
    lines = [f"| task | items | {' | '.join(models)} |", "| --- | ---: |" + " ---: |" * len(models)]
    for name, first in evaluations[0]["tasks"].items():
        results = [evaluation["tasks"][name] for evaluation in evaluations]
        shares = " | ".join(f"{r['right'] / r['items']:.1%}" for r in results)
        lines.append(f"| {name} | {first['items']} | {shares} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--items", type=int, default=100, help="held-out items a task")
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
    tasks = options.task or list(corpus.GENERATORS)
    evaluations = [
        evaluate_model(model, tasks, options.items, dict(options.settings))
        for model in options.models
    ]
    if options.json:
        print(json.dumps(evaluations, ensure_ascii=False, indent=1))
        return
    print(as_table(evaluations))
    for evaluation in evaluations if options.show_wrong else ():
        for name, result in evaluation["tasks"].items():
            for row in result["wrong"]:
                print(f"\n{evaluation['model']}, {name}: {row['prompt']!r}")
                print(f"  wanted {row['wanted']!r}\n  got    {row['got']!r}")


if __name__ == "__main__":
    main()
