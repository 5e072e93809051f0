"""Run mutants of models and count what became of them; the bad ones are kept as files."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hoshikage_cli.models.find import find_model

from .child import outcome_of
from .gguf_file import take_apart
from .mutate import mutant


def main() -> int:
    options = parser().parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    numbers = range(options.seed, options.seed + options.count)
    bad = sum(fuzz(name, numbers, options.seconds, options.keep) for name in options.models)
    return 1 if bad else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="fuzz", description="Run mutants of model files.")
    made.add_argument("models", nargs="*", default=["hoshi-tiny", "hoshi-tiny-ar"])
    made.add_argument("--count", type=int, default=500, help="mutants of each model")
    made.add_argument("--seed", type=int, default=0, help="number of the first mutant")
    made.add_argument("--seconds", type=float, default=math.inf, help="of each model, at most")
    made.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where bad ones go")
    return made


def fuzz(name: str, numbers: range, seconds: float, keep: Path) -> int:
    """How many mutants of a model came to a bad end."""
    source, until = find_model(name), time.monotonic() + seconds
    good, found, bad = take_apart(source.read_bytes()), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.gguf"
        for number in numbers:
            if time.monotonic() > until:
                break
            data = mutant(good, f"{source.stem} {number}")
            path.write_bytes(data)
            outcome = outcome_of(path)
            found[outcome.kind] += 1
            if not outcome.fine:
                bad += 1
                kept = keep / f"{source.stem}-{number}.gguf"
                kept.write_bytes(data)
                print(f"{kept}: {outcome.kind}: {outcome.line}", flush=True)
    outcomes = ", ".join(f"{n} {kind}" for kind, n in found.most_common())
    print(f"{name}: {found.total()} mutants: {outcomes}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
