"""The library's own quantiser: a GGUF with fewer bits for each weight."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from . import library
from ._native import ffi, lib
from .errors import LlamaError

TensorListener = Callable[[str], None]
"""Hears the name of each tensor that is begun."""
BEGUN = re.compile(r"\[ *\d+/ *\d+\] +(\S+)")
"""How the library's log begins a tensor."""


def quantize(
    source: Path,
    target: Path,
    number: int,
    *,
    again: bool = False,
    threads: int = 0,
    on_tensor: TensorListener | None = None,
) -> None:
    """Write a model to `target` with its matrices of the type that files have as `number` under
    general.file_type. again: whether weights that are quantised already may be. threads: 0: one
    for each processor.

    Nothing stops it on the way, and a file that `models.check` would refuse may end the process.
    Raises LlamaError.
    """
    library.initialise()
    parameters = ffi.new("llama_model_quantize_params *")
    parameters[0] = lib.llama_model_quantize_default_params()
    parameters.nthread, parameters.ftype, parameters.allow_requantize = threads, number, again
    with library.calling(), library.hearing(_teller(on_tensor)):
        failed = lib.llama_model_quantize(os.fsencode(source), os.fsencode(target), parameters)
        lines = library.error_lines()
    if failed:
        raise LlamaError(f"cannot quantise {source.name}: {_reason(lines)}")


def _teller(listener: TensorListener | None) -> Callable[[str], None]:
    def hear(text: str) -> None:
        begun = BEGUN.match(text)
        if begun and listener is not None:
            listener(begun[1])

    return hear


def _reason(lines: list[str]) -> str:
    told = [line.partition("failed to quantize: ")[2] for line in lines]
    return next(filter(None, told), lines[-1] if lines else "the library gives no reason")
