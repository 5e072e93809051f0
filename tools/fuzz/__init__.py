"""Hostile model files: seeded mutants of good ones, each run in a child process with limits.

    make fuzz                                      # every shipped model
    PYTHONPATH=tools:src python -m fuzz hoshi-tiny --count 400 --seed 7

A mutant changes what the C++ loader reads (keys, types, counts, extents, vocabularies, weights),
not only what our own check looks at. The same seed gives the same bytes.
"""

from __future__ import annotations

from .child import Outcome, outcome_of
from .gguf_file import GgufFile
from .mutate import mutant

__all__ = ["GgufFile", "Outcome", "mutant", "outcome_of"]
