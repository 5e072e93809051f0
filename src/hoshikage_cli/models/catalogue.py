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
        sha256="075293cc439bf3347840df5ecf9ee6c7d744f82a4c220e6be22c390493ae8c73",
    ),
    "hoshi-tiny-block": ShippedModel(
        name="hoshi-tiny-block",
        file="hoshi-tiny-block.gguf",
        kind="block",
        description="The twin of hoshi-tiny that writes in blocks, trained on the same corpus.",
        licence="MIT",
        sha256="9e30003be5d7bc614fa64b5b6ce41d4c1bcdbcc4fd5590a564ff9c31c923b52f",
    ),
    "hoshi-tiny-ar": ShippedModel(
        name="hoshi-tiny-ar",
        file="hoshi-tiny-ar.gguf",
        kind="autoregressive",
        description="The autoregressive twin of hoshi-tiny, trained on the same corpus.",
        licence="MIT",
        sha256="caeb8569b453a970ef97318e0a8c90e1febfb809488759efcc60beff4f6e5e68",
    ),
}


def shipped_path(name: str) -> Path | None:
    """Where the shipped model called `name` lies; None for an unknown name or an absent file."""
    model = CATALOGUE.get(name)
    if model is None:
        return None
    path = FOLDER / model.file
    return path if path.is_file() else None
