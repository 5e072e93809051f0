"""The file that a model's name means, and what the file itself advises."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RunError, UsageError, quoted
from ..files import expanded
from ..llama.families import BLOCK_LENGTH
from . import registry
from .catalogue import CATALOGUE, DEFAULT_MODEL, shipped_path
from .header import Header, read_header
from .published import published


def find_model(name: str | Path | None) -> Path:
    """The GGUF file that `name` means: a shipped model, a name from `hoshikage models`, or a path;
    None is the default model.

    Raises UsageError, with the names that would work, when there is no such file.
    """
    wanted = str(name or DEFAULT_MODEL)
    if wanted in CATALOGUE:
        path = shipped_path(wanted)
        if path is None:
            raise UsageError(f"the shipped model {wanted} is missing from this installation")
        return path
    path = expanded(wanted)
    if os.path.isfile(path) and path.suffix == ".gguf":
        return path
    if os.sep not in wanted:
        path = registry.path_of(wanted, os.environ) or path
    if os.path.isdir(path):
        raise UsageError(f"{wanted} is a directory: name the .gguf file in it")
    # Unlike a Path, `os.path` knows that there is nothing under a name that is too long.
    if not os.path.exists(path):
        if wanted in published():
            raise UsageError(f"{wanted} is not on this machine: hoshikage pull {wanted} fetches it")
        names = ", ".join(model.name for model in registry.known_models(os.environ))
        raise UsageError(
            f"no model {quoted(wanted)}: give the path of a GGUF file, or one of {names}"
        )
    return path


def kept_with(name: str | Path | None) -> Mapping[str, Any]:
    """The settings that are kept with a model's name; most have none."""
    wanted = str(name or DEFAULT_MODEL)
    if wanted in CATALOGUE or os.sep in wanted:
        return {}
    path = Path(wanted)
    if os.path.isfile(path) and path.suffix == ".gguf":
        return {}
    alias = registry.read_aliases(os.environ).get(wanted)
    return alias.kept if alias else {}


def header_of(name: str | Path | None, family: str | None = None) -> Header:
    """The header of the file that `name` means, of the family that is given, or kept with it.

    Raises as `find_model` and `read_header` do; UsageError for a family that it cannot be of.
    """
    return read_header(find_model(name)).as_family(family or kept_with(name).get("family"))


def advice(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a GGUF's metadata advises, by option name."""
    keys = {
        "max_tokens": ("hoshikage.max_tokens", int),
        "block_length": (BLOCK_LENGTH, int),
        "temperature": ("general.sampling.temp", float),
        "top_k": ("general.sampling.top_k", int),
        "top_p": ("general.sampling.top_p", float),
        "min_p": ("general.sampling.min_p", float),
    }
    found = {}
    for name, (key, convert) in keys.items():
        if key in metadata:
            found[name] = _number(key, metadata[key], convert)
    return found


def _number(key: str, value: Any, convert: type) -> Any:
    # The library tells numbers as text.
    try:
        return convert(str(value) if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        raise RunError(
            f"the model's file advises {key} = {quoted(value)}, which is no such number: "
            "convert the model again, or use another"
        ) from None
