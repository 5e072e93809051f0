"""typer parameters made from the declarations in `settings`: nothing is declared twice.

Every value arrives as text and is read by `settings.resolve`, so that a bad value reads the same
whether it came from a flag, a variable or the config file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Optional

import typer

from ..settings import Declaration, declarations, show

METAVARS = {"int": "N", "float": "X", "str": "TEXT"}


def with_settings(
    groups: Iterable[str], only: Iterable[str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command a flag for each setting of `groups`, or for those of them named in `only`; it
    receives them as `**flags`."""

    def extend(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = [d for d in declarations().values() if d.group in groups]
        added = [_parameter(d) for d in known if only is None or d.name in only]
        command.__signature__ = signature.replace(parameters=[*own, *added])
        command.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
        return command

    return extend


def all_but(*names: str) -> list[str]:
    """Every setting but these, for commands in which these mean nothing."""
    return [name for name in declarations() if name not in names]


def _parameter(known: Declaration) -> inspect.Parameter:
    kind = Optional[bool] if known.type == "bool" else Optional[str]  # noqa: UP045 - read by typer
    return inspect.Parameter(
        known.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, _typer_option(known)],
    )


def _typer_option(known: Declaration):
    facts = known.option
    variable = f" [{known.env}]" if known.env else ""
    return typer.Option(
        *_flags(known),
        help=facts.help + variable,
        metavar=None if known.type == "bool" else _metavar(known),
        show_default=_default_text(known),
        rich_help_panel=facts.panel,
        autocompletion=_completion(known),
    )


def _flags(known: Declaration) -> list[str]:
    """The declared flags; a switch that a variable can turn on can be turned off by flag."""
    if known.type != "bool" or not known.env:
        return list(known.option.flags)
    first = f"--{known.long_name}"
    pair = f"{first}/--no-{known.long_name}"
    return [pair if flag == first else flag for flag in known.option.flags]


def _metavar(known: Declaration) -> str:
    if known.option.choices:
        return "|".join(known.option.choices)
    return known.option.metavar or METAVARS[known.type]


def _default_text(known: Declaration) -> str | bool:
    if known.default is None or known.type == "bool":
        return False
    text = show(known, known.default)
    special = known.option.autoregressive
    return text if special is None else f"{text}; autoregressive models {special}"


def _completion(known: Declaration) -> Callable[[str], list[str]] | None:
    if known.name == "model":
        return complete_model
    if known.option.choices:
        return lambda incomplete: [c for c in known.option.choices if c.startswith(incomplete)]
    return None


def complete_model(incomplete: str) -> list[str]:
    """Names of models, and GGUF files and folders that begin so."""
    import os
    from glob import escape, iglob
    from os.path import isdir

    from ..models.registry import known_models

    names = [m.name for m in known_models(os.environ) if m.name.startswith(incomplete)]
    found = sorted(iglob(escape(incomplete) + "*"))
    folders = [f"{path}/" for path in found if isdir(path)]
    return names + [path for path in found if path.endswith(".gguf")] + folders
