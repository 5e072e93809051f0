"""Hostile files and command lines, drawn by seeds, each run in a child process with limits.

    make fuzz                                      # every shipped model, and every kind of input
    PYTHONPATH=tools:src python -m fuzz hoshi-tiny --count 400 --seed 7
    PYTHONPATH=tools:src python -m fuzz traces batches --count 400

Of inputs there are options, prompts, traces, batches, settings and templates (`commands`). A mutant
of a model (`mutate`) changes what the C++ loader reads (keys, types, counts, extents, vocabularies,
weights), not only what our own check looks at. The same seed gives the same bytes.
"""

from __future__ import annotations

from .child import Outcome, outcome_of
from .gguf_file import GgufFile
from .mutate import mutant

__all__ = ["GgufFile", "Outcome", "mutant", "outcome_of"]
