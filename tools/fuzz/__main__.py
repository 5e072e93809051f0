"""Run hostile files and command lines and count what became of them; the bad ones are kept."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from hoshikage_cli.models.catalogue import CATALOGUE
from hoshikage_cli.models.find import find_model

from .child import Outcome, outcome_of, use_model
from .commands import KINDS
from .gguf_file import take_apart
from .mutate import mutant


def main() -> int:
    options = parser().parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    numbers = range(options.seed, options.seed + options.count)
    run = {True: fuzz_inputs, False: fuzz_model}
    bad = sum(run[name in KINDS](name, numbers, options) for name in options.what)
    return 1 if bad else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="fuzz", description="Run hostile files and commands.")
    made.add_argument(
        "what",
        nargs="*",
        default=[*CATALOGUE, *KINDS],
        help=f"models, and kinds of input: {', '.join(KINDS)}",
    )
    made.add_argument("--count", type=int, default=500, help="mutants of each")
    made.add_argument("--seed", type=int, default=0, help="number of the first mutant")
    made.add_argument("--seconds", type=float, default=math.inf, help="for each, at most")
    made.add_argument("--progress", type=int, default=0, help="say so after so many")
    made.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where bad ones go")
    return made


def fuzz_model(name: str, numbers: range, options: argparse.Namespace) -> int:
    """How many mutants of a model came to a bad end."""
    source = find_model(name)
    good = take_apart(source.read_bytes())

    def attempt(number: int, folder: Path) -> Outcome:
        path = folder / "mutant.gguf"
        path.write_bytes(mutant(good, f"{source.stem} {number}"))
        return outcome_of(partial(use_model, path))

    return count_outcomes(source.stem, attempt, numbers, options)


def fuzz_inputs(name: str, numbers: range, options: argparse.Namespace) -> int:
    """How many inputs of a kind came to a bad end."""

    def attempt(number: int, folder: Path) -> Outcome:
        case = KINDS[name](Random(f"{name} {number}"), folder)
        (folder / "case.txt").write_text(repr(case), encoding="utf-8", errors="backslashreplace")
        return outcome_of(case)

    return count_outcomes(name, attempt, numbers, options)


def count_outcomes(
    name: str,
    attempt: Callable[[int, Path], Outcome],
    numbers: range,
    options: argparse.Namespace,
) -> int:
    """Make every attempt in a folder of its own, which is kept where it came to a bad end."""
    found: Counter[str] = Counter()
    bad, until = 0, time.monotonic() + options.seconds
    for number in numbers:
        if time.monotonic() > until:
            break
        with tempfile.TemporaryDirectory() as folder:
            outcome = attempt(number, Path(folder))
            found[outcome.kind] += 1
            if not outcome.fine:
                bad += 1
                kept = options.keep / f"{name}-{number}"
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                print(f"{kept}: {outcome.kind}: {outcome.line}", flush=True)
        if options.progress and found.total() % options.progress == 0:
            print(summary(name, found), flush=True)
    print(summary(name, found), flush=True)
    return bad


def summary(name: str, found: Counter[str]) -> str:
    outcomes = ", ".join(f"{n} {kind}" for kind, n in found.most_common())
    return f"{name}: {found.total()} mutants: {outcomes}"


if __name__ == "__main__":
    sys.exit(main())
