"""Which engine runs which kind of model: add an engine here."""

from __future__ import annotations

from collections.abc import Callable

from ..llama.model import Model
from .autoregressive import AutoregressiveEngine
from .blocks import BlockEngine
from .diffusion import DiffusionEngine
from .engine import Engine

ENGINES: dict[str, Callable[[Model], Engine]] = {
    "diffusion": DiffusionEngine,
    "block": BlockEngine,
    "autoregressive": AutoregressiveEngine,
}


def engine_of(model: Model) -> Engine:
    """The engine of a model's family."""
    return ENGINES[model.family.kind](model)
