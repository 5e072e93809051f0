"""Exact-match per task on held-out items, by Hoshikage itself: `evaluate.py MODEL`.

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
    texts = [generator.generate(example.prompt, **settings).text for example in examples]
    wrong = [
        {"prompt": e.prompt, "wanted": e.answer, "got": t}
        for e, t in zip(examples, texts, strict=True)
        if not corpus.is_right(e, t)
    ]
    return {"items": len(examples), "right": len(examples) - len(wrong), "wrong": wrong}


def as_table(model: str, results: dict[str, dict]) -> str:
    """The results as a Markdown table."""
    lines = [f"| task | items | {model} |", "| --- | ---: | ---: |"]
    for name, result in results.items():
        share = result["right"] / result["items"]
        lines.append(f"| {name} | {result['items']} | {share:.1%} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
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
    generator, started = hoshikage_cli.load(options.model), time.monotonic()
    results = {
        name: evaluate_task(generator, name, options.items, dict(options.settings))
        for name in options.task or corpus.GENERATORS
    }
    if options.json:
        print(
            json.dumps(
                {
                    "model": options.model,
                    "settings": dict(options.settings),
                    "seconds": round(time.monotonic() - started, 1),
                    "tasks": results,
                },
                ensure_ascii=False,
                indent=1,
            )
        )
        return
    print(as_table(options.model, results))
    for name, result in results.items() if options.show_wrong else ():
        for row in result["wrong"]:
            print(f"\n{name}: {row['prompt']!r}")
            print(f"  wanted {row['wanted']!r}\n  got    {row['got']!r}")


if __name__ == "__main__":
    main()
