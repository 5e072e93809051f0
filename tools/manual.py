"""What there is to look up about the program, from its declarations: as a page, and for `man`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import typer.main

from hoshikage_cli import __version__
from hoshikage_cli.cli.app import ROOT_EXAMPLES, program
from hoshikage_cli.cli.exits import Exit
from hoshikage_cli.cli.help import help_row
from hoshikage_cli.cli.options import declared_for
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.option import Declaration
from hoshikage_cli.settings.variables import OTHERS

Row = tuple[str, str]
"""What is typed, and what it does."""

ABOUT = "Text from diffusion language models, and autoregressive ones, on llama.cpp."
LAYERS = (
    "A setting is, in this order, a flag, of the preset, an environment variable, a line of the "
    "config file, what goes with the model's name or its file advises, what models of its family "
    "do, or its default; "
    "hoshikage generate --show-settings tells each and where it came from."
)
NAMES = (
    "In the config file, in records and in JSON a setting has the name of its flag, max-tokens or "
    "max_tokens for --max-tokens. Its variable is HOSHIKAGE_MAX_TOKENS, for a switch with 1 or 0 "
    "as its value; --no-fast is the opposite of --fast. --step and --rule are flags alone, since "
    "no file may name code; and the config file does not say what one run is to write."
)
CODES = {
    Exit.OK: "done",
    Exit.FAILED: "the run, or a record of a batch, failed",
    Exit.USAGE: "something is to be typed differently",
    Exit.GAVE_UP: "a fault of llama.cpp, to be reported; what was generated is printed",
    Exit.HUNG_UP: "the terminal went away",
    Exit.INTERRUPTED: "Ctrl-C; what was generated is printed",
    Exit.CLOSED_PIPE: "whoever read the output went away",
    Exit.TERMINATED: "SIGTERM",
}


@dataclass(frozen=True)
class Entry:
    """A command."""

    usage: str
    help: str
    """In paragraphs."""
    takes: str
    """The settings that it takes, in words; "" for one that takes none."""
    options: list[Row]
    """Its own."""
    examples: list[str]
    parts: list[Entry]
    """What stands behind its name, as `add` behind `models`."""

    @property
    def name(self) -> str:
        return self.usage.partition(" [")[0]


# ------------------------------------------------------------------------------- gathering


def entries() -> list[Entry]:
    """Every command, in the order of help."""
    root: Any = typer.main.get_command(program())
    return [entry(f"hoshikage {name}", command) for name, command in root.commands.items()]


def entry(words: str, command: Any) -> Entry:
    context = command.context_class(command, info_name=words)
    taken = {d.name: d for d in declared_for(command.callback) if d.group}
    own = [p for p in command.params if p.name not in taken and not getattr(p, "hidden", False)]
    parts = getattr(command, "commands", {}).items()
    return Entry(
        usage=usage(words, command),
        help=plain(command.help or ""),
        takes=in_words(list(taken.values())),
        options=[help_row(parameter, context) for parameter in own],
        examples=[line[2:] for line in lines_of(command.epilog) if line.startswith("  ")],
        parts=[entry(f"{words} {name}", each) for name, each in parts if not each.hidden],
    )


def usage(words: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    names = [((p.metavar or p.name).upper(), p.required) for p in arguments]
    inside = ["COMMAND"] if getattr(command, "commands", {}) else []
    shown = [name if required else f"[{name}]" for name, required in names]
    return " ".join([words, "[OPTIONS]", *shown, *inside])


def settings() -> dict[str, list[Row]]:
    """Every setting, by topic."""
    found: dict[str, list[Row]] = {}
    generate: Any = typer.main.get_command(program(("generate",)))
    command = generate.commands["generate"] if hasattr(generate, "commands") else generate
    context = command.context_class(command, info_name="hoshikage generate")
    parameters = {parameter.name: parameter for parameter in command.params}
    for known in declarations().values():
        names, help = help_row(parameters[known.name], context)
        found.setdefault(known.option.panel, []).append((names, without_variables(help)))
    return found


def without_variables(help: str) -> str:
    """The help of a setting without what `NAMES` says of all; variables of others are kept."""
    return re.sub(r"(, )?HOSHIKAGE_\w+(?=[],])", "", help).replace(" []", "")


def in_words(taken: list[Declaration]) -> str:
    """Whole topics by name, and what else is taken."""
    topics: dict[str, list[Declaration]] = {}
    for known in declarations().values():
        if not known.option.part:
            topics.setdefault(known.option.panel, []).append(known)
    whole = [topic for topic, those in topics.items() if all(each in taken for each in those)]
    named = [topic for topic in whole if topic != "Output"]
    rest = [each.flag for each in taken if each.option.panel not in named or each.option.part]
    return "; ".join(filter(None, [", ".join(named), ", ".join(rest)]))


def lines_of(text: str | None) -> list[str]:
    return (text or "").splitlines()


def plain(help: str) -> str:
    """Help text without the marks that keep its lines apart."""
    paragraphs = help.replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


# ------------------------------------------------------------------------------ as a page

HEAD = """\
# Commands and options

Made from the program's own help by `tools/write_docs.py`; `hoshikage COMMAND --help` and
`man hoshikage` say the same. Without a command `hoshikage "…"` is `hoshikage generate "…"`.
"""


def reference() -> str:
    """The text of docs/reference.md."""
    parts = [HEAD, "## Settings\n", f"{LAYERS}\n", f"{NAMES}\n", table(settings())]
    parts += [section(each) for each in entries()]
    parts.append(f"## Variables that are no settings\n\n{listed(OTHERS.items())}")
    codes = [(str(int(code)), said) for code, said in CODES.items()]
    return "\n".join([*parts, f"## Exit codes\n\n{listed(codes)}"])


def table(topics: dict[str, list[Row]]) -> str:
    lines = ["| | |", "| --- | --- |"]
    for topic, rows in topics.items():
        lines.append(f"| **{topic}** | |")
        lines += [f"| `{cell(left)}` | {cell(right)} |" for left, right in rows]
    return "\n".join([*lines, ""])


def section(one: Entry) -> str:
    about = " ".join(one.help.split())
    takes = [f"- Settings: {one.takes}."] if one.takes else []
    rows = [*one.options, *((part.usage, in_short(part)) for part in one.parts)]
    parts = [f"## {one.name}\n\n`{one.usage}`: {about}\n"]
    if takes or rows:
        parts.append("\n".join([*takes, listed(rows)]))
    examples = "\n".join(one.examples)
    return "\n".join([*parts, f"```sh\n{examples}\n```\n"] if examples else parts)


def in_short(part: Entry) -> str:
    """What stands behind a command's name in a line; what its usage has is not said again."""
    flags = [f"`{names}`: {help}" for names, help in part.options if names.startswith("-")]
    return " ".join([part.help, *flags])


def listed(rows: Iterable[Row]) -> str:
    lines = [f"- `{' '.join(left.split())}`: {' '.join(right.split())}" for left, right in rows]
    return "".join(f"{line}\n" for line in lines)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# -------------------------------------------------------------------------------- for man


def man_page() -> str:
    """The text of docs/hoshikage.1."""
    return "".join(f"{line}\n" for line in roff())


def roff() -> Iterator[str]:
    yield f'.TH HOSHIKAGE 1 "" "hoshikage {__version__}" "User Commands"'
    yield from (".SH NAME", f"hoshikage \\- {escaped(ABOUT[0].lower() + ABOUT[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", ".B hoshikage", "[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR] …")
    yield from (".SH DESCRIPTION", escaped(ABOUT), ".PP", "Without a command,")
    yield from ("a prompt is answered, as by \\fBhoshikage generate\\fR.",)
    yield ".SH COMMANDS"
    for each in entries():
        yield from command(each)
    yield from (".SH SETTINGS", escaped(LAYERS), ".PP", escaped(NAMES))
    for topic, rows in settings().items():
        yield from (f".SS {topic}", *items(rows))
    yield from (".SH ENVIRONMENT", *items(list(OTHERS.items())))
    yield from (".SH EXIT STATUS", *items([(str(int(code)), said) for code, said in CODES.items()]))
    examples = [line[2:] for line in ROOT_EXAMPLES.splitlines() if line.startswith("  ")]
    yield from (".SH EXAMPLES", *verbatim(examples))


def command(one: Entry) -> Iterator[str]:
    yield f".SS {escaped(one.usage)}"
    for paragraph in one.help.split("\n\n"):
        yield from (".PP", escaped(paragraph))
    if one.takes:
        yield from (".PP", f"Settings: {escaped(one.takes)}.")
    yield from items(one.options)
    for part in one.parts:
        yield from items([(part.usage, part.help), *part.options])
    yield from verbatim(one.examples)


def items(rows: list[Row]) -> Iterator[str]:
    for left, right in rows:
        yield from (".TP", f"\\fB{escaped(left)}\\fR", escaped(" ".join(right.split())))


def verbatim(lines: list[str]) -> list[str]:
    return [".PP", ".nf", ".RS", *map(escaped, lines), ".RE", ".fi"] if lines else []


def escaped(text: str) -> str:
    """A text that roff takes as it stands: dashes to be copied, and no line that is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
