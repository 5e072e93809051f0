"""Which engine runs which kind of model: add an engine here."""

from __future__ import annotations

from ..llama.model import Model
from .autoregressive import Autoregressive
from .diffusion import Diffusion
from .engine import Engine

ENGINES: dict[str, type[Diffusion] | type[Autoregressive]] = {
    "diffusion": Diffusion,
    "autoregressive": Autoregressive,
}


def engine_of(model: Model) -> Engine:
    """The engine of a model's family."""
    return ENGINES[model.family.kind](model)
