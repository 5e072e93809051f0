"""The demo models that come with the package, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ShippedModel:
    """A model file of the package; `kind` is that of its family."""

    name: str
    file: str
    kind: str
    description: str
    licence: str
    sha256: str


DEFAULT_MODEL = "hoshi-tiny"

CATALOGUE: dict[str, ShippedModel] = {
    "hoshi-tiny": ShippedModel(
        name="hoshi-tiny",
        file="hoshi-tiny.gguf",
        kind="diffusion",
        description="Tiny masked-diffusion model: sums, sorting, 4×4 sudoku, facts, short stories.",
        licence="MIT",
        sha256="8b4a8719f7dc4b72894c751b920380b4e19aeea366628b382ce45417c77c6720",
    ),
    "hoshi-tiny-block": ShippedModel(
        name="hoshi-tiny-block",
        file="hoshi-tiny-block.gguf",
        kind="block",
        description="The twin of hoshi-tiny that writes in blocks, trained on the same corpus.",
        licence="MIT",
        sha256="40371e2e7e5b309f0ef2f2ca37e3a2c43e492780147922d16428483919428f5c",
    ),
    "hoshi-tiny-ar": ShippedModel(
        name="hoshi-tiny-ar",
        file="hoshi-tiny-ar.gguf",
        kind="autoregressive",
        description="The autoregressive twin of hoshi-tiny, trained on the same corpus.",
        licence="MIT",
        sha256="15a15dfd07aae8fc9282489b1f964996103c6c0e911e5a5cdc79a94c598ee992",
    ),
}


def shipped_path(name: str) -> Path | None:
    """Where the shipped model called `name` lies; None for an unknown name or an absent file."""
    model = CATALOGUE.get(name)
    if model is None:
        return None
    path = FOLDER / model.file
    return path if path.is_file() else None
