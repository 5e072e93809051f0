"""Environment variables: those of options are named after them; the others are listed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import SettingsError, did_you_mean
from .declared import declarations
from .option import Declaration

OTHERS = {
    "HOSHIKAGE_CONFIG": "the config file to be read instead of the usual one",
    "HOSHIKAGE_MODELS": "the folders in which models are found by name",
    "HOSHIKAGE_STOCK_KERNELS": "1: ggml's own kernels, for logits that equal llama.cpp's",
    "HOSHIKAGE_LLAMA_DIR": "when building: the installed llama.cpp to be bound",
    "HOSHIKAGE_PORTABLE": "1, when building: code for every processor of the kind",
}
"""Variables that are no options, and what each says."""


def variable_of(known: Declaration, environ: Mapping[str, str]) -> str | None:
    """The variable that an option is set by; None where it is not. One that is empty says nothing.

    Raises SettingsError where two of its variables say different things.
    """
    given = [name for name in known.variables if environ.get(name)]
    if len({environ[name] for name in given}) > 1:
        raise SettingsError(f"{' and '.join(given)} are one setting: set one of them")
    return given[0] if given else None


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable that looks like one of ours and is read by nothing."""
    known = [name for d in declarations().values() for name in d.variables]
    for name in environ:
        if name.startswith(("HOSHIKAGE_", "DIFFUSION_")) and name not in (*known, *OTHERS):
            guess = did_you_mean(name, known, 0.8)
            # Variables of other programs begin with DIFFUSION_ too: only near misses are ours.
            if guess or name.startswith("HOSHIKAGE_"):
                yield f"{name} is not a variable that Hoshikage reads{guess}"
