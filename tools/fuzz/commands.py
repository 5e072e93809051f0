"""Hostile command lines and the files that they name: options, prompts, traces, batches, settings.

Each kind writes its files into a folder and gives the arguments; the program is then run in a fork,
with that folder for a home.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import typer

from hoshikage_cli.cli.app import COMMANDS, program, run
from hoshikage_cli.models.catalogue import CATALOGUE

from .child import RAN, REFUSED
from .templates import Rendered, templates
from .texts import FRAGMENTS, NUMBERS, VALUES, changed, encoded, flipped, json_line, text

SHORT = ("--steps", "2", "-n", "6", "--seed", "1", "-c", "256")
STDIN = "stdin"
"""The file that a command finds in its stdin."""
INTERNAL = ("internal error", "Traceback (most recent", "Exception ignored")


@dataclass(frozen=True)
class Case:
    """What is run."""

    arguments: tuple[str, ...]
    folder: Path
    """Everything of the user's is in it."""

    def __call__(self) -> int:
        """Run it, in a fork; `RAN` or `REFUSED`, or an exit code that there should not be."""
        os.chdir(self.folder)
        os.environ.update(self.variables())
        given = self.folder / STDIN
        source = os.open(given if given.exists() else os.devnull, os.O_RDONLY)
        os.dup2(source, 0)
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        try:
            code = run(list(self.arguments))
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        return {0: RAN, 1: REFUSED, 2: REFUSED}.get(code, code)

    def variables(self) -> dict[str, str]:
        folders = {
            f"XDG_{what}_HOME": str(self.folder) for what in ("CONFIG", "CACHE", "DATA", "STATE")
        }
        return {**folders, "HOME": str(self.folder), "HOSHIKAGE_THREADS": "1", "EDITOR": "true"}


Kind = Callable[[Random, Path], Case]


# ------------------------------------------------------------------------------- options


@cache
def flags() -> dict[str, tuple[tuple[str, bool], ...]]:
    """Every flag of every command, and whether a value follows it."""
    root = typer.main.get_command(program())
    return {name: tuple(_flags(root.commands[name])) for name in COMMANDS}  # type: ignore[attr-defined]


def _flags(command: Any) -> Iterator[tuple[str, bool]]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name not in UNSAFE:
            for flag in (*parameter.opts, *parameter.secondary_opts):
                yield flag, not parameter.is_flag


# What runs programs, waits as long as it is told to, or is there to show tracebacks.
UNSAFE = ("compare", "visual_delay", "help", "repeat", "verbose")
POSITIONALS = {
    "inspect": ("hoshi-tiny",),
    "replay": ("run.jsonl",),
    "export": ("run.jsonl", "-o", "x.svg"),
    "batch": ("prompts",),
    "infill": ("a [MASK] b",),
    "score": ("a b",),
    "generate": ("Hi",),
}
ACTIONS = {
    "models": (("list",), ("add", "a", "m"), ("rm", "a"), ("label", "m"), ()),
    "config": (("show",), ("set", "steps", "3"), ("unset", "steps"), ("path",), ("edit",), ()),
}


def options(random: Random, folder: Path) -> Case:
    """A command with up to five flags, with values from good to absurd."""
    command = random.choice(COMMANDS)
    words = [*random.choice(ACTIONS.get(command, ((),))), *POSITIONALS.get(command, ())]
    if command in ("generate", "infill", "batch", "chat", "score"):
        words += SHORT[: random.choice((4, 8))]
    for _ in range(random.randrange(1, 6)):
        words += _option(random, command)
    for name, make in (("prompts", records), ("run.jsonl", trace)):
        if name in words:
            (folder / name).write_bytes(make(random))
    if random.random() < 0.2:
        random.shuffle(words)
    return Case((command, *words), folder)


def _option(random: Random, command: str) -> list[str]:
    every = flags()[command]
    if not every or random.random() < 0.03:
        return [argument(random)]
    flag, valued = random.choice(every)
    if not valued:
        return [flag]
    return [f"{flag}={argument(random)}"] if random.random() < 0.3 else [flag, argument(random)]


WORDS = (
    "block",
    "confidence",
    "entropy",
    "margin",
    "origin",
    "random",
    "gumbel",
    "dual",
    "prefix",
    "active",
    "input",
    "tokens",
    "order",
    "dream",
    "llada",
    "sdar",
    "hoshi-tiny",
    "hoshi-tiny-ar",
    "a:b",
    "os:nothing",
    "cache=none,dual",
    "steps=1,2",
    "out.svg",
    "out.html",
    "1/2",
    "jsonl",
    "csv",
    "lines",
    "suppress",
    "keep",
    "yes",
    "no",
    "cosine",
)


def argument(random: Random) -> str:
    """What can stand on a command line: no zero byte; bytes that are no text as Python has them."""
    found = random.choice((*NUMBERS, *FRAGMENTS, *WORDS, *WORDS, *NUMBERS, text(random)))
    return "".join(c for c in found if c != "\0" and not "\ud800" <= c < "\udc80")


# ------------------------------------------------------------------------------- prompts


def prompts(random: Random, folder: Path) -> Case:
    """A text for every command that takes one, as argument, file or stdin."""
    command = random.choice(("generate", "generate", "infill", "score", "chat"))
    said, words = text(random, 20), [*SHORT, "-m", random.choice(tuple(CATALOGUE))]
    data = encoded(random, said)
    where = random.choice(("stdin", "file", "argument")) if command != "chat" else "stdin"
    if where == "stdin":
        (folder / STDIN).write_bytes(data)
    elif where == "file":
        (folder / "text").write_bytes(data)
        words += ["-f", "text"]
    else:
        words.append(argument(random) if command == "generate" else f"{argument(random)}[MASK:2]")
    extras = {
        "generate": (
            ["--json"],
            ["--trace", "t.jsonl", "--trace-proposals", "3"],
            ["-N", "2"],
            ["--visual"],
            ["--stop", text(random, 3).replace("\0", "")],
            ["--parse-special"],
            ["--no-chat"],
            ["-sys", argument(random)],
        ),
        "infill": (["--json"], ["--show", "holes"], ["--mask-marker", argument(random)]),
        "score": (["--json"], ["--choices", argument(random)]),
    }.get(command, ([],))
    for extra in random.sample(extras, random.randrange(min(3, len(extras)) + 1)):
        words += extra
    return Case((command, *words), folder)


# -------------------------------------------------------------------------------- traces


@cache
def good_traces() -> tuple[str, ...]:
    """Beginnings of runs of every kind, as lines, with the times that golden ones leave out."""
    folder = Path(__file__).parents[2] / "tests" / "golden" / "traces"
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for number, line in enumerate(lines):
            if line.get("record") == "step":
                line.setdefault("elapsed", number / 10)
        if lines[0].get("record") == "run":
            found.append(json.dumps([*lines[:14], lines[-1]]))
    return tuple(found)


def trace(random: Random) -> bytes:
    lines = json.loads(random.choice(good_traces()))
    for _ in range(random.choice((0, 1, 1, 2, 5))):
        place = random.randrange(len(lines))
        lines[place] = changed(random, lines[place])
    if random.random() < 0.1:
        random.shuffle(lines)
    return torn(random, b"".join(json_line(random, line) for line in lines))


def torn(random: Random, data: bytes) -> bytes:
    how = random.randrange(10)
    if how == 0:
        return data[: random.randrange(len(data) + 1)]
    return flipped(random, data) if how == 1 else data


def traces(random: Random, folder: Path) -> Case:
    """A trace that was tampered with, played or made into something to show."""
    (folder / "run.jsonl").write_bytes(trace(random))
    form = random.choice(("replay", "visual", "html", "svg", "cast"))
    if form in ("replay", "visual"):
        view = [f"--visual={random.choice(('tokens', 'confidence', 'order'))}"] * (form == "visual")
        return Case(("replay", "run.jsonl", "--seconds", "0.01", *view)[:2] + tuple(view), folder)
    return Case(("export", "run.jsonl", "-o", f"x.{form}", *_looks(random)), folder)


def _looks(random: Random) -> list[str]:
    looks = (
        ["--columns", "20"],
        ["--columns", "400"],
        ["--seconds", "1e-9"],
        ["--seconds", "1000000"],
        ["--visual=order"],
        ["--visual=confidence"],
        ["--theme", "dark"],
    )
    return [word for look in random.sample(looks, random.randrange(3)) for word in look]


# ------------------------------------------------------------------------------- batches


def record(random: Random) -> Any:
    good = {
        "prompt": random.choice(("Hi", text(random))),
        "id": random.choice(("a", 7, text(random, 2))),
        "settings": {"steps": 2, random.choice(("max_tokens", "seed", "temperature", "stop")): 3},
        "more": {"deep": [1, {"x": None}]},
        "algorithm": random.choice(WORDS),
    }
    kept = {key: value for key, value in good.items() if key == "prompt" or random.random() < 0.4}
    for _ in range(random.choice((0, 0, 1, 2))):
        kept = changed(random, kept)
    return kept


def records(random: Random) -> bytes:
    data = b"".join(json_line(random, record(random)) for _ in range(random.randrange(1, 5)))
    return torn(random, data)


def table(random: Random) -> bytes:
    cells = ("prompt", "id", "steps", "seed", "x", "", *FRAGMENTS)
    lines = [
        ",".join(
            random.choice((word, f'"{word}"', f'"{word}'))
            for word in (random.choice(cells) for _ in range(random.randrange(5)))
        )
        for _ in range(5)
    ]
    if random.random() < 0.7:
        lines[0] = random.choice(("prompt,id", "prompt", "id,steps,prompt", "\ufeffprompt"))
    return encoded(random, random.choice(("\n", "\r\n", "\r")).join(lines))


def batches(random: Random, folder: Path) -> Case:
    """A file of prompts, and perhaps one of results that is gone on with."""
    form = random.choice(("jsonl", "jsonl", "csv", "lines", "auto"))
    data = {"csv": table, "lines": lambda r: encoded(r, text(r, 20))}.get(form, records)(random)
    (folder / "prompts").write_bytes(data)
    (folder / STDIN).write_bytes(data)
    source = random.choice(("prompts", "prompts", "-"))
    words = ["batch", source, "--format", form, *SHORT, "-m", random.choice(tuple(CATALOGUE))]
    if random.random() < 0.7:
        words += ["-o", "results"]
        if random.random() < 0.5:
            (folder / "results").write_bytes(results(random))
    for extra in (
        ["--retry"],
        ["--overwrite"],
        ["--strict"],
        ["--shard", "1/2"],
        ["--at-once", "3"],
    ):
        words += extra if random.random() < 0.15 else []
    return Case(tuple(words), folder)


def results(random: Random) -> bytes:
    found: list[Any] = [
        {"line": 1, "prompt": "Hi", "text": "x"},
        {"line": 2, "id": "a", "error": "x"},
    ]
    if random.random() < 0.5:
        found[random.randrange(2)] = changed(random, found[random.randrange(2)])
    return torn(random, b"".join(json_line(random, each) for each in found))


# ------------------------------------------------------------------------------ settings


def settings(random: Random, folder: Path) -> Case:
    """A config file, a list of names, and variables that say anything."""
    ours = folder / "hoshikage"
    ours.mkdir()
    for name in random.sample(("config.toml", "models.toml"), random.randrange(1, 3)):
        (ours / name).write_bytes(torn(random, encoded(random, _toml(random))))
    commands = (
        ("generate", "Hi", *SHORT),
        ("config", "show"),
        ("config", "set", "steps", "3"),
        ("models",),
        ("models", "rm", "a"),
        ("config", "unset", "seed"),
        ("generate", "Hi", "-m", "a", *SHORT),
        ("generate", "--show-settings"),
    )
    return Case(random.choice(commands), folder)


def _toml(random: Random) -> str:
    lines = []
    for _ in range(random.randrange(1, 6)):
        flag, _ = random.choice(flags()["generate"])
        key = random.choice((flag.lstrip("-"), "a", "path", '"a b"', random.choice(FRAGMENTS)))
        value = random.choice(
            (
                *NUMBERS,
                json.dumps(random.choice(VALUES)),
                json.dumps(text(random, 3)),
                '{path = "m.gguf", family = "sdar"}',
                "[" * 2000,
            )
        )
        lines.append(
            random.choice(("[x]", f"{key} = {value}", f"{key} = {value}", f"{key} = {value} # x"))
        )
    return "\n".join(lines)


KINDS: dict[str, Callable[[Random, Path], Case | Rendered]] = {
    "options": options,
    "prompts": prompts,
    "traces": traces,
    "batches": batches,
    "settings": settings,
    "templates": templates,
}
"""Every kind of input, by name."""
