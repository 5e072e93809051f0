"""Environment variables: those of options are named in `declared`; the others are listed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import did_you_mean
from .declared import declarations

OTHERS = {
    "HOSHIKAGE_CONFIG": "the config file to be read instead of the usual one",
    "HOSHIKAGE_MODELS": "the folders in which models are found by name",
    "HOSHIKAGE_STOCK_KERNELS": "1: ggml's own kernels, for logits that equal llama.cpp's",
    "HOSHIKAGE_LLAMA_DIR": "when building: the installed llama.cpp to be bound",
    "HOSHIKAGE_PORTABLE": "1, when building: code for every processor of the kind",
}
"""Variables that are no options, and what each says."""


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable that looks like one of ours and is read by nothing."""
    known = [d.env for d in declarations().values() if d.env]
    endings = {env.removeprefix("DIFFUSION_"): env for env in known}
    for name in environ:
        if name.startswith(("HOSHIKAGE_", "DIFFUSION_")) and name not in (*known, *OTHERS):
            exact = endings.get(name.removeprefix("HOSHIKAGE_"))
            guess = f"; did you mean {exact}?" if exact else did_you_mean(name, known, 0.8)
            # Variables of other programs begin with DIFFUSION_ too: only near misses are ours.
            if guess or name.startswith("HOSHIKAGE_"):
                yield f"{name} is not a variable that Hoshikage reads{guess}"
