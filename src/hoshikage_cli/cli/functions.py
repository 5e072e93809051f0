"""Functions that flags name: MODULE:FUNCTION, imported as `python -m` would find them.

Here and nowhere else does a name become code. What a record, a config file, a variable or a trace
says stays text, since those may come from anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import RunError, UsageError, did_you_mean
from ..settings.declared import declarations
from ..settings.function import Function


def with_functions(typed: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, by field name, with functions in place of what names one."""
    return {name: with_function(name, value) for name, value in typed.items()}


def with_function(name: str, typed: Any) -> Any:
    """The function that was typed for a setting, or what was typed. Raises UsageError when it is
    not there, RunError when its module cannot be imported."""
    known = declarations().get(name)
    if known is None or not known.option.takes or ":" not in str(typed):
        return typed
    module, _, path = typed.partition(":")
    label = f"{known.flag} {typed}"
    return Function(typed, _found(_imported(module, label), path, label))


def _imported(name: str, label: str) -> Any:
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{label}: {name!r} is no name of a module: give it without .py or folder")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"{label}: no module {error.name} here or where Python looks for modules"
            ) from None
        raise RunError(f"{label}: {_told(error, name)}") from error


def _told(error: BaseException, name: str) -> str:
    """Why a module cannot be imported, and the line of its own that it is about."""
    if isinstance(error, SyntaxError):
        where = f"{Path(error.filename or name).name}, line {error.lineno}"
        return f"{type(error).__name__}: {error.msg} ({where})"
    place, step = "", error.__traceback__
    while step is not None:
        if step.tb_frame.f_globals.get("__name__") == name:
            place = f" ({Path(step.tb_frame.f_code.co_filename).name}, line {step.tb_lineno})"
        step = step.tb_next
    return f"{type(error).__name__}: {error}{place}"


def _found(module: Any, path: str, label: str) -> Callable[..., Any]:
    """The function of a module, or of a class in it."""
    found = module
    for part in path.split("."):
        if not hasattr(found, part):
            near = [name for name in vars(module) if callable(getattr(module, name))]
            raise UsageError(
                f"{label}: no {path or 'function'} in {module.__name__}{did_you_mean(path, near)}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{label}: {path} cannot be called: it is of type {type(found).__name__}")
    return found
