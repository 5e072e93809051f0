"""The config file: `config.toml` in the platform's config directory.

Its keys are the long option names: `steps = 32`, `model = "~/models/dream.gguf"`.
HOSHIKAGE_CONFIG names another file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .settings import SettingsError

VARIABLE = "HOSHIKAGE_CONFIG"


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the config file is or would be."""
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE]).expanduser()
    from platformdirs import user_config_path

    return user_config_path("hoshikage") / "config.toml"


def read_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file's keys; empty without a file. Raises SettingsError for a file that is not TOML, and
    for one that HOSHIKAGE_CONFIG names and that is not there."""
    path = config_path(environ)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if environ.get(VARIABLE):
            raise SettingsError(f"{VARIABLE}: no file {path}") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the config file {path}: {error}") from None
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the config file {path} is not valid TOML: {error}") from None
