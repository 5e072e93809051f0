"""Hoshikage: text from diffusion and autoregressive language models, on llama.cpp.

    import hoshikage_cli as hk

    with hk.load("hoshi-tiny") as generator:
        print(generator.generate("What is the capital of Japan?").text)

Names are looked up on first use, so that importing the package costs nothing.
"""

# No module is imported here: a Ctrl-C meanwhile would be a traceback, before the program can help.
TYPE_CHECKING = False

__version__ = "0.1.0"

_HOMES = {
    "load": "generation.generator",
    "Generator": "generation.generator",
    "Run": "generation.run",
    "TextEvent": "generation.run",
    "Result": "generation.run",
    "TokenLogprob": "generation.logprobs",
    "Alternative": "generation.logprobs",
    "FilledHole": "generation.filled",
    "InfillResult": "generation.filled",
    "InfillRun": "generation.filled",
    "Score": "generation.scoring",
    "ScoredToken": "generation.scoring",
    "Step": "decoding.step",
    "Commit": "decoding.step",
    "Candidates": "decoding.step",
    "View": "decoding.view",
    "Decision": "decoding.view",
    "TraceWriter": "trace",
    "Recording": "trace",
    "read_trace": "trace",
    "HoshikageError": "errors",
    "UsageError": "errors",
    "RunError": "errors",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from typing import Any

    from .decoding.step import Candidates as Candidates
    from .decoding.step import Commit as Commit
    from .decoding.step import Step as Step
    from .decoding.view import Decision as Decision
    from .decoding.view import View as View
    from .errors import HoshikageError as HoshikageError
    from .errors import RunError as RunError
    from .errors import UsageError as UsageError
    from .generation.filled import FilledHole as FilledHole
    from .generation.filled import InfillResult as InfillResult
    from .generation.filled import InfillRun as InfillRun
    from .generation.generator import Generator as Generator
    from .generation.generator import load as load
    from .generation.logprobs import Alternative as Alternative
    from .generation.logprobs import TokenLogprob as TokenLogprob
    from .generation.run import Result as Result
    from .generation.run import Run as Run
    from .generation.run import TextEvent as TextEvent
    from .generation.scoring import Score as Score
    from .generation.scoring import ScoredToken as ScoredToken
    from .trace import Recording as Recording
    from .trace import TraceWriter as TraceWriter
    from .trace import read_trace as read_trace


def __dir__() -> list[str]:
    """What there is to use, for whoever looks from a prompt."""
    return sorted(__all__)


def __getattr__(name: str) -> "Any":
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from .errors import not_built

    try:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ImportError as error:
        raise ImportError(not_built(error) or str(error), name=error.name) from None
    globals()[name] = value
    return value
