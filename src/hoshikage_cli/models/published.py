"""Models that others publish, by short names: `published.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..files import read_toml

FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class Published:
    """A model that can be pulled."""

    name: str
    checkpoint: str
    """Owner and name of the repository of its authors."""
    told: str
    """What it is good for."""
    licence: str
    """To the best of our knowledge."""
    parameters: float
    """In billions."""
    family: str
    settings: Mapping[str, Any]
    """Recommended, by field name: what goes with the name when it is pulled."""
    source: str
    """Where these were read."""
    gguf: str | None = None
    """The repository of a conversion; None: there is none that is known."""

    def gigabytes(self, bits: float) -> float:
        """About what its file takes with so many bits a weight."""
        return self.parameters * bits / 8


@cache
def published() -> dict[str, Published]:
    """Every one by its name."""
    return {name: Published(name, **facts) for name, facts in read_toml(FILE).items()}
