"""Runs that last: whether memory and open files stay where they are.

    python tools/long_runs.py      # 2,000 generations, 10,000 records, 200 turns
    python tools/long_runs.py --generations 300 --records 1000 --turns 50

Each is a process of its own, looked at from outside while it goes. What it uses in its second half
is held against what it used in its first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low

GIVING_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Has glibc give large pieces back at once, so that what is seen is what is held, and not where the
allocator found room for a buffer of some megabytes the last time."""
PROGRAM = [sys.executable, "-m", "hoshikage_cli"]
SHORT = ["--steps", "4", "-n", "8", "--seed", "1"]
GENERATIONS = """
import sys
import hoshikage_cli as hk
settings = {"steps": 3, "seed": 1, "threads": 1}
with hk.load("hoshi-tiny") as one, hk.load("hoshi-tiny-ar") as other:
    for number in range(int(sys.argv[1])):
        text = "Hello! " * (number % 9)
        mine = {"cache": "dual"} if number % 3 == 0 else {"samples": 1}
        one.generate(text, max_tokens=4 + number % 60, **settings, **mine)
        other.generate(text, max_tokens=1 + number % 9, seed=number, threads=1)
        print(number, flush=True)
"""


@dataclass(frozen=True)
class Sample:
    """What a process uses."""

    done: int
    """How much of its work it has done."""
    resident: int
    """Bytes of memory."""
    files: int
    """Open ones."""


@dataclass(frozen=True)
class Growth:
    """What a long run used."""

    name: str
    count: int
    first: Sample
    """The first half, of which the beginning does not count: the most memory, and how many files
    are open mostly (one that is read and closed again is no growth)."""
    second: Sample
    """The same of the second half."""

    def __str__(self) -> str:
        one, other = self.first, self.second
        return (
            f"{self.count:,} {self.name}: memory {one.resident / 1e6:.1f} MB, then "
            f"{other.resident / 1e6:.1f} MB; open files {one.files}, then {other.files}"
        )


def watch(name: str, count: int, command: list[str], done: Callable[[], int], **given) -> Growth:
    """Run a command to its end and look at it meanwhile. Raises RuntimeError if it fails."""
    samples = []
    process = subprocess.Popen(command, env=os.environ | GIVING_BACK, **given)
    while process.poll() is None:
        if found := sample(process.pid, done()):
            samples.append(found)
        time.sleep(0.05)
    if process.returncode != 0:
        raise RuntimeError(f"{name}: exit code {process.returncode}")
    return Growth(
        name,
        count,
        summed_up([s for s in samples if count / 5 <= s.done <= count / 2]),
        summed_up([s for s in samples if count / 2 < s.done]),
    )


def sample(pid: int, done: int) -> Sample | None:
    """None where the process is just ending."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return Sample(done, pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd")))
    except (OSError, IndexError):
        return None


def summed_up(samples: list[Sample]) -> Sample:
    files = median_low(s.files for s in samples)
    return Sample(samples[-1].done, max(s.resident for s in samples), files)


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


# ------------------------------------------------------------------------------- the runs


def generations(count: int, folder: Path) -> Growth:
    """Answers of both shipped models in one process, of many lengths."""
    said = folder / "numbers"
    command = [sys.executable, "-c", GENERATIONS, str(count)]
    with said.open("wb") as out:
        return watch("generations", count, command, lambda: lines_in(said), stdout=out)


def records(count: int, folder: Path) -> Growth:
    """A batch."""
    prompts, results = folder / "prompts.txt", folder / "results.jsonl"
    prompts.write_text("".join(f"What is {n} + {n % 7}?\n" for n in range(count)))
    command = [*PROGRAM, "batch", str(prompts), "-o", str(results), "-q", *SHORT]
    return watch("records", count, command, lambda: lines_in(results))


def turns(count: int, folder: Path) -> Growth:
    """A conversation that its context forgets the beginning of."""
    said, answers = folder / "messages.txt", folder / "answers"
    said.write_text("".join(f"Hello! I am number {n}.\n" for n in range(count)))
    command = [*PROGRAM, "chat", "-q", *SHORT]
    with said.open("rb") as source, answers.open("wb") as out:
        return watch("turns", count, command, lambda: lines_in(answers), stdin=source, stdout=out)


RUNS = {"generations": (generations, 2000), "records": (records, 10_000), "turns": (turns, 200)}


def main() -> None:
    made = argparse.ArgumentParser(description="Whether long runs stay as small as they begin.")
    for name, (_, usual) in RUNS.items():
        made.add_argument(f"--{name}", type=int, default=usual)
    wanted = vars(made.parse_args())
    for name, (run, _) in RUNS.items():
        if wanted[name]:
            with tempfile.TemporaryDirectory() as folder:
                print(run(wanted[name], Path(folder)), flush=True)


if __name__ == "__main__":
    main()
