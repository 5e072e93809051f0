"""`hoshikage config`: the config file, looked at and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="config",
    help="Show and change the config file.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


def complete_key(incomplete: str) -> list[str]:
    """Settings that a config file may have."""
    from ...settings.declared import declarations

    known = (each for each in declarations().values() if each.option.config)
    return [each.long_name for each in known if each.long_name.startswith(incomplete)]


def complete_value(context: typer.Context, incomplete: str) -> list[str]:
    """Values of the setting that was typed in front, where they are known."""
    from ...settings.declared import declarations
    from ..options import completion

    known = {each.long_name: each for each in declarations().values()}
    found = completion(known[key]) if (key := context.params.get("key")) in known else None
    return found(incomplete) if found else []


Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="A setting, as its flag without dashes.", autocompletion=complete_key
    ),
]
Value = Annotated[str, typer.Argument(metavar="VALUE", autocompletion=complete_value)]


Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Nothing on stderr but errors.")]


@app.callback()
def config(context: typer.Context, quiet: Quiet = False) -> int:
    """Show and change the config file."""
    from ..streams import write

    if context.invoked_subcommand is None:
        write(context.get_help() + "\n")
    return 0


@app.command("path")
def path() -> int:
    """Print where the config file is, or would be."""
    from ..streams import write

    write(f"{_path()}\n")
    return 0


@app.command("show")
def show(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Print what the config file says, and check it."""
    from ...files import parse_toml, read_text
    from ...settings.file import check
    from ..output import write_json
    from ..setup import choose_output
    from ..streams import note, write

    text = read_text(_path())
    settings = parse_toml(text or "", _path())
    check(settings)
    if json or choose_output({}).json:
        write_json(settings)
    elif text is None:
        note(f"there is no {_path()}: hoshikage config set KEY VALUE makes it")
    else:
        write(text if text.endswith("\n") else text + "\n")
    return 0


# -1 is a value here, not an option.
@app.command("set", context_settings={"ignore_unknown_options": True})
def set_value(context: typer.Context, key: Key, value: Value) -> int:
    """Write a setting into the config file; comments and order stay."""
    from ...files import change_toml
    from ...settings.file import with_setting

    change_toml(_path(), lambda document: with_setting(document, key, value))
    _tell(context, f"{key} is {value} in {_path()}")
    return 0


@app.command("unset")
def unset(context: typer.Context, key: Key) -> int:
    """Take a setting out of the config file."""
    from ...files import change_toml
    from ...settings.file import without_setting

    change_toml(_path(), lambda document: without_setting(document, key))
    _tell(context, f"{key} is no longer in {_path()}")
    return 0


def _tell(context: typer.Context, what: str) -> None:
    """What was done, unless `config -q` was typed."""
    from ..streams import note

    if context.parent is None or not context.parent.params["quiet"]:
        note(what)


@app.command("edit")
def edit() -> int:
    """Open the config file in $VISUAL or $EDITOR; only what is valid is taken over."""
    from ...errors import UsageError
    from ...files import parse_toml, read_text, write_whole
    from ...settings.file import check, template

    path = _path()
    draft = path.with_name("draft-of-" + path.name)
    if not draft.exists():
        write_whole(draft, read_text(path) or template())
    _run_editor(draft)
    text = read_text(draft) or ""
    try:
        check(parse_toml(text, draft))
    except UsageError as error:
        raise UsageError(
            f"{error}; nothing was changed, and hoshikage config edit goes on with your text"
        ) from None
    write_whole(path, text)
    draft.unlink(missing_ok=True)
    return 0


def _run_editor(draft: Path) -> None:
    import os
    import shlex
    import shutil
    import subprocess

    from ...errors import RunError, UsageError
    from ..signals import terminal_lent

    given = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    command = shlex.split(given) if given else [shutil.which("nano") or shutil.which("vi") or ""]
    if not command[0]:
        raise UsageError("no editor: name one in the variable EDITOR")
    try:
        with terminal_lent():
            code = subprocess.run([*command, str(draft)], check=False).returncode
    except OSError as error:
        raise UsageError(f"cannot start the editor {command[0]}: {error.strerror}") from None
    if code != 0:
        raise RunError(f"{command[0]} left with {code}: nothing was changed")


def _path() -> Path:
    import os

    from ...settings.file import config_path

    return config_path(os.environ)
