"""Small models with random weights, and which architectures there are of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import random_model
from hoshikage_cli.llama.families import FAMILIES

DIFFUSION = tuple(a for f in FAMILIES if f.kind == "diffusion" for a in f.architectures)
SHIFTED = tuple(a for f in FAMILIES if f.shift for a in f.architectures)


class RandomModels:
    """Files of random models in a folder, each written when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, random_model.Shape] = {}

    def __call__(
        self,
        arch: str = "llada",
        *,
        name: str | None = None,
        vocabulary: random_model.Vocabulary | None = None,
        **shape: Any,
    ) -> Path:
        """The file of an architecture; one that differs from it in anything else wants a name."""
        path = self._folder / f"{name or arch}.gguf"
        wanted = random_model.Shape(arch, **{"experts": 4, **shape})
        made = self._made.setdefault(path, wanted)
        assert made == wanted, f"{path.name} is another model already"
        if not path.exists():
            random_model.write_model(path, wanted, vocabulary)
        return path
