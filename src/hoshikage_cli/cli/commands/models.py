"""`hoshikage models`: what is on this machine, and names for files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ...models.registry import KnownModel

app = typer.Typer(
    name="models",
    help="Models on this machine: list them, and give files names for -m.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON array.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Nothing on stderr but errors.")]


@app.callback()
def models(context: typer.Context, json: AsJson = False, quiet: Quiet = False) -> int | None:
    """Models on this machine: list them, and give files names for -m.

    Listed are the shipped models, files that were given names, and what lies in the folders of
    HOSHIKAGE_MODELS.
    """
    return None if context.invoked_subcommand else print_models(json)


@app.command("list")
def list_models(context: typer.Context, json: AsJson = False) -> int:
    """List the models that -m knows by name."""
    return print_models(json or _typed_before(context, "json"))


def _typed_before(context: typer.Context, switch: str) -> bool:
    """Whether a switch stands behind `models`, in front of what is to be done."""
    return context.parent is not None and bool(context.parent.params[switch])


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name, as in -m NAME.")],
    path: Annotated[str, typer.Argument(metavar="FILE", help="A GGUF file.")],
) -> int:
    """Give a file a name; an earlier file of that name is forgotten."""
    from pathlib import Path

    from ...models.check import check
    from ...models.find import find_model
    from ...models.header import read_header
    from ...models.registry import add_alias
    from ..exits import Exit
    from ..streams import note

    file = find_model(Path(path).expanduser())
    check(read_header(file))
    before = add_alias(name, file)
    if not _typed_before(context, "quiet"):
        changed = f", no longer for {before}" if before else ""
        note(f"{name} stands for {file.absolute()}{changed}")
    return Exit.OK


@app.command("rm")
def rm(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that was given.")],
) -> int:
    """Take a name away again; the file stays."""
    from ...models.registry import remove_alias
    from ..exits import Exit
    from ..streams import note

    remove_alias(name)
    if not _typed_before(context, "quiet"):
        note(f"{name} is no name any more; its file stays")
    return Exit.OK


# ------------------------------------------------------------------------------------- list


def print_models(as_json: bool) -> int:
    import os

    from ...models.registry import known_models
    from ..exits import Exit
    from ..output import write_json
    from ..streams import write

    found = [facts(model) for model in known_models(os.environ)]
    if as_json:
        write_json(found)
        return Exit.OK
    rows = [(m["name"], m["kind"] or m["problem"], _size(m), m["path"] or "") for m in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, kind, size, path in rows:
        line = f"{name:{widths[0]}}  {kind:{widths[1]}}  {size:>{widths[2]}}  {path}"
        write(line.rstrip() + "\n")
    return Exit.OK


def facts(model: KnownModel) -> dict[str, Any]:
    """What is told of a model; `problem` says why nothing more is."""
    from ...errors import HoshikageError
    from ...models.header import read_header

    told = {
        "name": model.name,
        "source": model.source,
        "path": str(model.path) if model.path else None,
        "kind": None,
        "size_bytes": None,
        "problem": None,
    }
    if model.path is None or not model.path.exists():
        return {**told, "problem": "not there"}
    try:
        kind = read_header(model.path).kind
    except (HoshikageError, OSError):
        return {**told, "problem": "not readable"}
    return {**told, "kind": kind, "size_bytes": model.path.stat().st_size}


def _size(told: dict[str, Any]) -> str:
    return "" if told["size_bytes"] is None else f"{told['size_bytes'] / 2**20:.1f} MiB"
