"""The config file: `config.toml` in the platform's config directory.

Its keys are the long option names: `steps = 32`, `model = "~/models/dream.gguf"`.
HOSHIKAGE_CONFIG names another file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError, did_you_mean, quoted
from ..files import expanded, parse_toml, read_text
from .declared import by_any_name, declarations
from .option import Declaration
from .resolve import resolve
from .values import parse

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

VARIABLE = "HOSHIKAGE_CONFIG"


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the config file is or would be."""
    if environ.get(VARIABLE):
        return expanded(environ[VARIABLE])
    from platformdirs import user_config_path

    return user_config_path("hoshikage") / "config.toml"


def read_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file's keys; empty without a file. Raises SettingsError for a file that is not TOML, and
    for one that HOSHIKAGE_CONFIG names and that is not there."""
    path = config_path(environ)
    text = read_text(path)
    if text is None and environ.get(VARIABLE):
        raise SettingsError(f"{VARIABLE}: no file {path}")
    return parse_toml(text or "", path)


# ---------------------------------------------------------------------------------- changing


def with_setting(document: TOMLDocument, key: str, text: str) -> TOMLDocument:
    """Put a setting into the document; its comments stay.

    Raises SettingsError for an unknown key, a bad value, or one that goes against another.
    """
    known = declared(key)
    value = parse(known, text, known.long_name)
    # A number that means "none", as -1 does for the seed, is written as it was typed.
    document[_spelled(document, known)] = int(text) if value is None else value
    check(document)
    return document


def without_setting(document: TOMLDocument, key: str) -> TOMLDocument:
    """Take a setting out again. Raises SettingsError when it is not there."""
    known = declared(key)
    spelled = _spelled(document, known)
    if spelled not in document:
        raise SettingsError(f"{known.long_name} is not in the config file")
    document.remove(spelled)
    return document


def declared(key: str) -> Declaration:
    """The setting that a key of the file stands for."""
    known = {name: each for name, each in by_any_name().items() if each.option.config}
    found = known.get(key)
    if found is None:
        raise SettingsError(f"no setting {quoted(key)}{did_you_mean(key, known)}")
    return found


def check(config: Mapping[str, Any]) -> None:
    """Raises SettingsError for an unknown key, a bad value, or two that exclude each other."""
    resolve({}, {}, config, {})


def _spelled(document: Mapping[str, Any], known: Declaration) -> str:
    """The key as the document has it already, else the usual one."""
    return next((name for name in known.names if name in document), known.long_name)


def template() -> str:
    """A config file with every setting in it, commented out."""
    parts = ["# Settings of Hoshikage: take away the # in front of those that you want.\n"]
    for known in declarations().values():
        if known.option.config:
            parts.append(f"\n# {known.option.help}\n# {known.long_name} = {_as_toml(known)}\n")
    return "".join(parts)


def _as_toml(known: Declaration) -> str:
    # Where there is no default, a value has to be thought of.
    return "…" if known.default is None else json.dumps(known.default)
