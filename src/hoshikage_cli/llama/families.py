"""What each family of models is: how it is decoded, what its attention sees, how it is recognised.

The one table that answers "what kind of model is this?". It is read from a file's metadata, by the
library or without it, so nothing here needs the library. A new family is a row of `FAMILIES`; a new
kind is a row and an engine (`engines.table.ENGINES`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ARCHITECTURE = "general.architecture"
SHIFT = "diffusion.shift_logits"


@dataclass(frozen=True)
class Family:
    """Models that are run alike."""

    name: str
    kind: str
    """Which engine runs it: a key of `engines.table.ENGINES`."""
    architectures: tuple[str, ...] = ()
    """Values of `general.architecture` that it is recognised by."""
    both_ways: bool = False
    """Whether a position attends to those after it as well: such a model can fill a hole."""
    in_order: bool = False
    """Whether tokens come one after the other, each for good: such an answer can be shown as it
    comes."""
    shift: bool = False
    """Whether the output row of p - 1 predicts position p, where the file does not say."""


FAMILIES = (
    Family("llada", "diffusion", ("llada",), both_ways=True),
    Family("llada-moe", "diffusion", ("llada-moe",), both_ways=True),
    Family("dream", "diffusion", ("dream",), both_ways=True, shift=True),
    Family("rnd1", "diffusion", ("rnd1",), both_ways=True, shift=True),
)

AUTOREGRESSIVE = Family("autoregressive", "autoregressive", in_order=True)
"""Every architecture that no other family claims."""


def family_of(metadata: Mapping[str, Any]) -> Family:
    """The family of a file, by its metadata."""
    architecture = metadata.get(ARCHITECTURE)
    return next((f for f in FAMILIES if architecture in f.architectures), AUTOREGRESSIVE)


def shift_of(metadata: Mapping[str, Any]) -> bool:
    """Whether row p - 1 predicts position p: as the file says, else as its family does."""
    said = metadata.get(SHIFT)
    return family_of(metadata).shift if said is None else str(said).lower() == "true"
