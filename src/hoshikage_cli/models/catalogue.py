"""The demo models that come with the package, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ShippedModel:
    """A model file of the package; `kind` is "diffusion" or "autoregressive"."""

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
        sha256="dd1f4d14f3d086198517a94f6c0644df8161268a65c0b7b06173f955da125b18",
    ),
    "hoshi-tiny-ar": ShippedModel(
        name="hoshi-tiny-ar",
        file="hoshi-tiny-ar.gguf",
        kind="autoregressive",
        description="The autoregressive twin of hoshi-tiny, trained on the same corpus.",
        licence="MIT",
        sha256="3447ac76e2d0e61167606c59eec133db61b9579668efc3f2b26fa00c2d5a7947",
    ),
}


def shipped_path(name: str) -> Path | None:
    """Where the shipped model called `name` lies; None for an unknown name or an absent file."""
    model = CATALOGUE.get(name)
    if model is None:
        return None
    path = FOLDER / model.file
    return path if path.is_file() else None
