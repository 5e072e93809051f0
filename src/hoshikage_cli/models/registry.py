"""Models by name: those of the package, files that were given names, and folders of models.

Names are kept in `models.toml` beside the config file: `dream = "/data/dream-7b.gguf"`. Folders are
those of HOSHIKAGE_MODELS, separated as in PATH; without it `models` in the platform's data folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError, did_you_mean, quoted
from ..files import document_of, parse_toml, read_text, write_whole
from .catalogue import CATALOGUE, shipped_path

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

VARIABLE = "HOSHIKAGE_MODELS"
FILE = "models.toml"
WHAT = "the list of names"
"""What messages call that file."""
# One file of a model that is split; llama.cpp finds the others by the first.
LATER_PART = re.compile(r"-(?!00001)[0-9]{5}-of-[0-9]{5}$")


@dataclass(frozen=True)
class KnownModel:
    """A model that a name stands for."""

    name: str
    """What it is called."""
    path: Path | None
    """Its file; None where that of a shipped model is absent."""
    source: str
    """`shipped`, `alias` or `folder`."""


def known_models(environ: Mapping[str, str]) -> list[KnownModel]:
    """Every model that has a name, in the order in which names are looked up."""
    shipped = [KnownModel(name, shipped_path(name), "shipped") for name in CATALOGUE]
    aliases = [KnownModel(name, path, "alias") for name, path in read_aliases(environ).items()]
    folders = [KnownModel(name, path, "folder") for name, path in in_folders(environ).items()]
    return shipped + aliases + folders


def path_of(name: str, environ: Mapping[str, str]) -> Path | None:
    """The file that a name or file name stands for; None for an unknown one.

    Raises UsageError for an alias whose file is gone.
    """
    aliased = read_aliases(environ).get(name)
    if aliased is not None and not aliased.exists():
        raise UsageError(
            f"the name {name} stands for {aliased}, which is not there: give it another file with "
            f"hoshikage models add {name} FILE"
        )
    return aliased or in_folders(environ).get(name.removesuffix(".gguf"))


# ----------------------------------------------------------------------------------- folders


def folders(environ: Mapping[str, str]) -> list[Path]:
    """Where models are looked for."""
    given = environ.get(VARIABLE)
    if given:
        return [Path(part).expanduser() for part in given.split(os.pathsep) if part]
    from platformdirs import user_data_path

    return [user_data_path("hoshikage") / "models"]


def in_folders(environ: Mapping[str, str]) -> dict[str, Path]:
    """Models by the name of their file, in the folders and one level below."""
    found: dict[str, Path] = {}
    for folder in folders(environ):
        for path in sorted([*folder.glob("*.gguf"), *folder.glob("*/*.gguf")]):
            if not LATER_PART.search(path.stem):
                found.setdefault(path.stem, path)
    return found


# ----------------------------------------------------------------------------------- aliases


def aliases_path() -> Path:
    """Where names are kept."""
    from platformdirs import user_config_path

    return user_config_path("hoshikage") / FILE


def read_aliases(environ: Mapping[str, str]) -> dict[str, Path]:
    """Files by the names that they were given. Raises UsageError for a file that is not TOML."""
    path = aliases_path()
    table = parse_toml(read_text(path, WHAT) or "", path, WHAT)
    for name, value in table.items():
        if not isinstance(value, str):
            raise UsageError(f'{path}: {name} is not a path: write {name} = "/path/to/file.gguf"')
    return {name: Path(value).expanduser() for name, value in table.items()}


def add_alias(name: str, path: Path) -> Path | None:
    """Give a file a name; the file that had it before. Raises UsageError for a name that cannot be
    told from a path or that is a shipped model's."""
    _check_name(name)
    document = _document()
    before = document.get(name)
    document[name] = str(path.expanduser().absolute())
    write_whole(aliases_path(), document.as_string())
    return Path(before) if before is not None else None


def remove_alias(name: str) -> None:
    """Take a name away; the file stays. Raises UsageError for one that was never given."""
    document = _document()
    if name in CATALOGUE:
        raise UsageError(f"{name} is shipped with the program: only names that were given can go")
    if name not in document:
        raise UsageError(f"no name {quoted(name)} was given{did_you_mean(name, document)}")
    document.remove(name)
    write_whole(aliases_path(), document.as_string())


def _document() -> TOMLDocument:
    return document_of(aliases_path(), WHAT)


def _check_name(name: str) -> None:
    if name in CATALOGUE:
        raise UsageError(f"{name} is a shipped model: choose another name")
    if not re.fullmatch(r"[^\s/\\~.-][^\s/\\]*", name) or name.endswith(".gguf"):
        raise UsageError(
            f"{quoted(name)} is no name for a model: give one without spaces, slashes and .gguf"
        )
