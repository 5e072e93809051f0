"""Models by name: those of the package, files that were given names, and folders of models.

Names are kept in `models.toml` beside the config file: `dream = "/data/dream-7b.gguf"`, or with
settings of the model, `sdar = {path = "/data/sdar.gguf", family = "sdar", steps = 4}`.
Folders are those of HOSHIKAGE_MODELS, separated as in PATH; without it `models` in the platform's
data folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError, UsageError, did_you_mean, quoted
from ..files import change_toml, expanded, parse_toml, read_text
from ..settings.declared import by_any_name
from ..settings.option import Declaration
from ..settings.values import parse
from .catalogue import CATALOGUE, shipped_path

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

VARIABLE = "HOSHIKAGE_MODELS"
FILE = "models.toml"
WHAT = "the list of names"
"""What messages call that file."""
KEPT_ALONE = ("family", "mask_token", "shift_logits", "ctx_size", "gpu_layers", "max_tokens")
KEPT_GROUPS = ("diffusion", "speed", "sampling")
NOT_KEPT = ("seed", "samples")
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
    kept: Mapping[str, Any] = field(default_factory=dict)
    """The settings that are kept with the name."""


@dataclass(frozen=True)
class Alias:
    """What was given a name."""

    path: Path
    """The file."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """Settings that go with it, by field name."""


def known_models(environ: Mapping[str, str]) -> list[KnownModel]:
    """Every model that has a name, in the order in which names are looked up."""
    shipped = [KnownModel(name, shipped_path(name), "shipped") for name in CATALOGUE]
    given = read_aliases(environ).items()
    aliases = [KnownModel(name, alias.path, "alias", alias.kept) for name, alias in given]
    folders = [KnownModel(name, path, "folder") for name, path in in_folders(environ).items()]
    return shipped + aliases + folders


def path_of(name: str, environ: Mapping[str, str]) -> Path | None:
    """The file that a name or file name stands for; None for an unknown one.

    Raises UsageError for an alias whose file is gone.
    """
    aliased = read_aliases(environ).get(name)
    if aliased is None:
        return in_folders(environ).get(name.removesuffix(".gguf"))
    if not aliased.path.exists():
        raise UsageError(
            f"the name {name} stands for {aliased.path}, which is not there: give it another file "
            f"with hoshikage models add {name} FILE"
        )
    return aliased.path


# ----------------------------------------------------------------------------------- folders


def folders(environ: Mapping[str, str]) -> list[Path]:
    """Where models are looked for."""
    given = environ.get(VARIABLE)
    if given:
        return [expanded(part) for part in given.split(os.pathsep) if part]
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


def read_aliases(environ: Mapping[str, str]) -> dict[str, Alias]:
    """What was given a name. Raises UsageError for a file that is not TOML, or says more than paths
    and settings that can be kept."""
    path = aliases_path()
    table = parse_toml(read_text(path, WHAT) or "", path, WHAT)
    return {name: _alias(name, value) for name, value in table.items()}


def _alias(name: str, value: Any) -> Alias:
    """One line of the file: a path, or a table with one."""
    table = {"path": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("path"), str):
        raise UsageError(
            f'{aliases_path()}: {name} is not a path: write {name} = "/path/to/file.gguf"'
        )
    given = {key: value for key, value in table.items() if key != "path"}
    return Alias(expanded(table["path"]), read_kept(given, f"{aliases_path()}: {name}: "))


@cache
def keepable() -> dict[str, Declaration]:
    """The settings that may be kept with a name, under each of their names: what decides how a
    model is decoded, and names no code."""
    return {
        name: known
        for name, known in by_any_name().items()
        if known.option.config
        and known.name not in NOT_KEPT
        and (known.group in KEPT_GROUPS or known.name in KEPT_ALONE)
    }


def read_kept(given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Settings to be kept, checked, by field name. Raises SettingsError that begins `where`."""
    known, found = keepable(), {}
    for key, value in given.items():
        if key not in known:
            close = did_you_mean(key, known) or f": {', '.join(KEPT_ALONE)} and more are"
            raise SettingsError(f"{where}{quoted(key)} is not kept with a name{close}")
        found[known[key].name] = parse(known[key], value, f"{where}{key}")
    return found


def add_alias(name: str, path: Path, kept: Mapping[str, Any] | None = None) -> Path | None:
    """Give a file a name, and settings with it; the file that had it before. Raises UsageError for
    a name that cannot be told from a path or that is a shipped model's."""
    _check_name(name)
    written = _written(str(expanded(path).absolute()), kept or {})
    before = None

    def put(document: TOMLDocument) -> None:
        nonlocal before
        before = read_aliases({}).get(name)
        document[name] = written

    change_toml(aliases_path(), put, WHAT)
    return before.path if before is not None else None


def keep(name: str, key: str, value: str | None) -> Alias:
    """Keep a setting with a name that was given, or forget it (None); what the name then stands
    for. Raises UsageError."""
    if key not in keepable() or value is not None:
        read_kept({key: value})
    field_name = keepable()[key].name
    changed = None

    def put(document: TOMLDocument) -> None:
        nonlocal changed
        _refuse_not_given(name, document)
        alias = read_aliases({})[name]
        kept = {each: said for each, said in alias.kept.items() if each != field_name}
        if value is not None:
            kept |= read_kept({key: value})
        changed = Alias(alias.path, kept)
        document[name] = _written(str(alias.path), kept)

    change_toml(aliases_path(), put, WHAT)
    assert changed is not None
    return changed


def _refuse_not_given(name: str, names: Mapping[str, Any]) -> None:
    if name in names:
        return
    if name in CATALOGUE:
        raise UsageError(
            f"{name} is shipped: give its file a name of your own first, hoshikage models add NAME "
            f"{name}"
        )
    raise UsageError(f"no name {quoted(name)} was given{did_you_mean(name, names)}")


def _written(path: str, kept: Mapping[str, Any]) -> Any:
    if not kept:
        return path
    import tomlkit

    table = tomlkit.inline_table()
    table.update({"path": path, **kept})
    return table


def remove_alias(name: str) -> None:
    """Take a name away; the file stays. Raises UsageError for one that was never given."""
    if name in CATALOGUE:
        raise UsageError(f"{name} is shipped with the program: only names that were given can go")

    def remove(document: TOMLDocument) -> None:
        _refuse_not_given(name, document)
        document.remove(name)

    change_toml(aliases_path(), remove, WHAT)


def _check_name(name: str) -> None:
    if name in CATALOGUE:
        raise UsageError(f"{name} is a shipped model: choose another name")
    if not re.fullmatch(r"[^\s/\\~.-][^\s/\\]*", name) or name.endswith(".gguf"):
        raise UsageError(
            f"{quoted(name)} is no name for a model: give one without spaces, slashes and .gguf"
        )
