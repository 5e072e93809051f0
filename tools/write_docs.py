"""Write what the documentation takes from the program: `write_docs.py`, with `--check` or `--runs`.

docs/reference.md is made from the declarations that `--help` is made from. With --runs, what the
commands between `<!-- run: … -->` and `<!-- end -->` print is put in again, which takes a model.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from hoshikage_cli.cli.app import program
from hoshikage_cli.cli.help import OTHERS, help_row

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference.md"
RUNS = tuple(ROOT / name for name in ("README.md", "docs/diffusion.md", "docs/research.md"))
RUN = re.compile(r"<!-- run: (?P<command>.*?) -->\n.*?<!-- end -->", re.DOTALL)
HEAD = """\
# Commands and options

Made from the program's own help by `tools/write_docs.py`; `hoshikage COMMAND --help` says the same.

Each setting is, in this order, a flag, an environment variable (in brackets), a line of the config
file under its long name, what the model's file advises, what models of its family do, or its
default. llama.cpp's spellings of the flags are understood as well.
"""


# --------------------------------------------------------------------------------- reference


def reference() -> str:
    """The text of docs/reference.md."""
    parts = [HEAD]
    for path, command in commands(typer.main.get_command(program()), ("hoshikage",)):
        parts.append(section(path, command))
    return "\n".join(parts)


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that runs, with the words that call it."""
    inside = getattr(command, "commands", {})
    if path[1:] and (not inside or command.invoke_without_command):
        yield path, command
    for name, each in inside.items():
        if not each.hidden:
            yield from commands(each, (*path, name))


def section(path: tuple[str, ...], command: Any) -> str:
    context = command.context_class(command, info_name=" ".join(path))
    lines = [f"## {' '.join(path)}\n", f"`{usage(path, command)}`\n"]
    lines += [plain(command.help or ""), ""]
    for topic, rows in topics(command, context).items():
        lines += [f"| {topic} | |", "| --- | --- |", *rows, ""]
    examples = [line[2:] for line in (command.epilog or "").splitlines() if line.startswith("  ")]
    if examples:
        lines += ["```sh", *examples, "```", ""]
    return "\n".join(lines)


def usage(path: tuple[str, ...], command: Any) -> str:
    arguments = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = (parameter.metavar or parameter.name).upper()
            arguments.append(name if parameter.required else f"[{name}]")
    return " ".join([*path, "[OPTIONS]", *arguments])


def topics(command: Any, context: Any) -> dict[str, list[str]]:
    """Rows of a table for each topic; what has none comes last."""
    found: dict[str, list[str]] = {}
    for parameter in command.params:
        if not getattr(parameter, "hidden", False):
            topic = getattr(parameter, "rich_help_panel", None) or OTHERS
            names, help = help_row(parameter, context)
            found.setdefault(topic, []).append(f"| `{cell(names)}` | {cell(help)} |")
    others = found.pop(OTHERS, None)
    return {**found, **({"Options": others} if others else {})}


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def plain(help: str) -> str:
    """Help text without the marks that keep its lines apart."""
    paragraphs = help.replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


# -------------------------------------------------------------------------------------- runs


def with_runs(text: str) -> str:
    """The text with what its commands print now."""
    return RUN.sub(lambda match: run_block(match["command"]), text)


def run_block(command: str) -> str:
    environment = {**os.environ, "COLUMNS": "80", "OMP_WAIT_POLICY": "passive"}
    program = f'hoshikage() {{ "{sys.executable}" -m hoshikage_cli "$@"; }}; '
    done = subprocess.run(
        ["bash", "-c", program + command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        check=True,
    )
    shown = f"$ {command}\n{done.stdout.rstrip()}"
    return f"<!-- run: {command} -->\n```console\n{shown}\n```\n<!-- end -->"


def main() -> int:
    if "--check" in sys.argv:
        current = REFERENCE.exists() and REFERENCE.read_text(encoding="utf-8") == reference()
        return 0 if current else "docs/reference.md is not current: make docs"
    REFERENCE.write_text(reference(), encoding="utf-8")
    if "--runs" in sys.argv:
        for path in RUNS:
            path.write_text(with_runs(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
