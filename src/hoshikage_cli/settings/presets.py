"""Presets: settings of papers by name, from `presets.toml`, which tells their sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from ..files import read_toml

FILE = Path(__file__).with_name("presets.toml")


@dataclass(frozen=True)
class Preset:
    """Settings that belong together."""

    name: str
    """What --preset takes."""
    kind: str
    """Of the models that it is for."""
    source: str
    """Where the settings were read."""
    settings: dict[str, Any]
    """By field name."""


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    return {name: Preset(name, **facts) for name, facts in read_toml(FILE).items()}


def settings_of(name: str | None, kind: str | None) -> dict[str, Any]:
    """What a preset says, by field name; nothing without a name. kind: the model's, None: not known
    yet. Raises SettingsError for one that is for other models."""
    if name is None or kind is None:
        return {}
    preset = presets()[name]
    if preset.kind != kind:
        others = [each.name for each in presets().values() if each.kind == kind]
        instead = f"choose {' or '.join(others)}" if others else "leave it out"
        raise SettingsError(
            f"--preset {name} is for {preset.kind} models, and this one is {kind}: {instead}"
        )
    return dict(preset.settings)
