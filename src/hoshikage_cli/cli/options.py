"""typer parameters made from the declarations in `settings`: nothing is declared twice.

Every value arrives as text and is read by `settings.resolve`, so that a bad value reads the same
whether it came from a flag, a variable or the config file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Optional

import typer

from ..errors import UsageError
from ..settings.declared import declarations
from ..settings.option import Declaration
from ..settings.values import show

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


def with_bare_values(arguments: list[str], valued: Iterable[str]) -> list[str]:
    """Command line arguments in which `--visual` alone has its value: a parser would else take the
    word behind it for one. `--no-visual` is understood as well.

    valued: flags that take the argument behind them, which is then no flag.
    """
    bare = _bare_flags()
    taken, written = False, []
    for argument in arguments:
        if argument == "--" and not taken:
            return [*written, *arguments[len(written) :]]
        written.append(argument if taken else bare.get(argument, argument))
        taken = not taken and argument in valued and argument not in bare
    return written


def _bare_flags() -> dict[str, str]:
    found = {}
    for known in declarations().values():
        if known.option.bare:
            found |= {flag: f"{flag}={known.option.bare}" for flag in known.option.flags}
            found[f"--no-{known.long_name}"] = f"--{known.long_name}=no"
    return found


def _metavar(known: Declaration) -> str:
    if known.option.choices:
        listed = "|".join(known.option.choices)
        return f"[={listed}]" if known.option.bare else listed
    return known.option.metavar or METAVARS[known.type]


def _default_text(known: Declaration) -> str | bool:
    if known.default is None or known.type == "bool":
        return False
    special = [f"{kind} models {show(known, v)}" for kind, v in known.option.by_kind.items()]
    return "; ".join([show(known, known.default), *special])


def _completion(known: Declaration) -> Callable[[str], list[str]] | None:
    if known.name == "model":
        return complete_model
    if known.option.choices:
        return lambda incomplete: [c for c in known.option.choices if c.startswith(incomplete)]
    return None


def number_above_zero(text: str, flag: str) -> float:
    """Raises UsageError for anything else, in the words that settings are refused with."""
    try:
        number = float(text)
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is not a number: give a number above 0") from None
    if not 0 < number <= 1e6:
        raise UsageError(f"{flag}: {text!r} is out of range: give a number above 0")
    return number


def whole_number(text: str, flag: str, lowest: int, highest: int) -> int:
    """Raises UsageError for what is none, or out of range."""
    allowed = f"give a whole number from {lowest} to {highest}"
    try:
        number = int(text)
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is not a whole number: {allowed}") from None
    if not lowest <= number <= highest:
        raise UsageError(f"{flag}: {text!r} is out of range: {allowed}")
    return number


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
