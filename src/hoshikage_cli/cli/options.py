"""What commands take: typer's parameters, made from declarations.

Settings are declared in `settings.declared`, what one command alone takes in a dataclass beside the
command. Every value arrives as text and is read by `settings.values`, so that a bad value reads the
same whether it came from a flag, a variable or the config file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, Optional, TypeVar

import typer
from typer.models import ArgumentInfo, OptionInfo

from ..errors import UsageError
from ..settings.declared import FUNCTION, declarations, declared_in
from ..settings.option import Declaration, option
from ..settings.values import parse, show
from .functions import with_functions

RUN = ("model", "diffusion", "speed", "sampling", "prompt", "output", "log")
"""The settings of every command that runs a model."""

REQUIRED: Any = ...
"""The default of what must be given."""
HIDDEN = ""
"""The panel of what help does not show."""
METAVARS = {"int": "N", "float": "X", "str": "TEXT"}

Typed = str | bool | None
"""What was typed for an option; None: nothing."""
Command = Callable[..., int]
Own = TypeVar("Own")


# ------------------------------------------------------------------------------- declaring


def flag(default: Any, *flags: str, help: str, panel: str, **facts: Any) -> Any:
    """An option of one command: no variable and no config file know it."""
    return option(default, *flags, help=help, panel=panel, anywhere=False, config=False, **facts)


def argument(default: Any, *, help: str, panel: str, metavar: str = "") -> Any:
    """What stands on the command line without a flag."""
    return flag(default, help=help, panel=panel, metavar=metavar)


# ------------------------------------------------------------------------------- receiving


def with_settings(*parts: str) -> Callable[[Command], Command]:
    """Give a command a flag for each setting of these groups, or parts of groups; it receives what
    was typed as `**flags`, functions in place of their names."""
    known = [d for d in declarations().values() if _part(d) in parts]
    if unknown := set(parts) - set(map(_part, known)):
        raise LookupError(f"no settings {unknown}")

    def extend(command: Command) -> Command:
        @wraps(command)
        def call(*own: Any, **typed: Any) -> int:
            return command(*own, **with_functions(typed))

        kept = [p for p in _parameters(command) if p.kind is not p.VAR_KEYWORD]
        return _taking(call, known, [*kept, *map(_parameter, known)])

    return extend


def _part(known: Declaration) -> str:
    return known.option.part or known.group


def with_options(own: type[Own]) -> Callable[[Command], Command]:
    """Give a command the options that `own` declares; it receives one of these as its first
    argument, every value read and checked."""
    known = declared_in(own)

    def extend(command: Command) -> Command:
        @wraps(command)
        def call(**typed: Any) -> int:
            mine = {name: typed.pop(name) for name in known}
            return command(own(**_read(known, mine)), **typed)

        made = [_parameter(each) for each in known.values()]
        return _taking(call, known.values(), [*made, *_parameters(command)[1:]])

    return extend


def _parameters(command: Command) -> list[inspect.Parameter]:
    return list(inspect.signature(command).parameters.values())


def _taking(
    command: Command, known: Iterable[Declaration], parameters: Sequence[inspect.Parameter]
) -> Command:
    """The command, with its parameters where typer looks for them."""
    vars(command)["__signature__"] = inspect.Signature(parameters)
    vars(command)["declared"] = [*known, *declared_for(command)]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def declared_for(command: object) -> list[Declaration]:
    """The options that a command was given here."""
    return list(getattr(command, "declared", ()))


def _read(known: Mapping[str, Declaration], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of what was typed. Raises SettingsError for a bad one."""
    given = {name: value for name, value in typed.items() if value is not None}
    return {name: _value(known[name], value) for name, value in given.items()}


def _value(known: Declaration, given: Any) -> Any:
    return parse(known, given, f"--{known.long_name}" if known.option.flags else known.name)


# ------------------------------------------------------------------------------ parameters


def _parameter(known: Declaration) -> inspect.Parameter:
    kind: Any = Optional[str]  # noqa: UP045 - read by typer
    if known.type == "bool":
        kind = Optional[bool]  # noqa: UP045
    elif known.repeated:
        kind = Optional[list[str]]  # noqa: UP045
    return inspect.Parameter(
        known.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if known.default is REQUIRED else None,
        annotation=Annotated[kind, _typer_info(known)],
    )


def _typer_info(known: Declaration) -> ArgumentInfo | OptionInfo:
    return _typer_option(known) if known.option.flags else _typer_argument(known)


def _typer_argument(known: Declaration) -> ArgumentInfo:
    facts = known.option
    info: ArgumentInfo = typer.Argument(
        help=facts.help,
        metavar=facts.metavar or None,
        rich_help_panel=facts.panel,
        autocompletion=completion(known),
    )
    return info


def _typer_option(known: Declaration) -> OptionInfo:
    facts = known.option
    variable = f" [{', '.join(known.variables)}]" if known.variables else ""
    info: OptionInfo = typer.Option(
        *_flags(known),
        help=facts.help + variable,
        hidden=facts.panel == HIDDEN,
        metavar=None if known.type == "bool" else _metavar(known),
        show_default=_default_text(known),
        rich_help_panel=facts.panel,
        autocompletion=completion(known),
    )
    return info


def _flags(known: Declaration) -> list[str]:
    """The declared flags; a switch that a variable can turn on can be turned off by flag."""
    if known.type != "bool" or not known.variables:
        return list(known.option.flags)
    first = f"--{known.long_name}"
    pair = f"{first}/--no-{known.long_name}"
    return [pair if flag == first else flag for flag in known.option.flags]


def _metavar(known: Declaration) -> str:
    if known.option.choices and not known.option.metavar:
        functions = (FUNCTION,) if known.option.takes else ()
        listed = "|".join((*known.option.choices, *functions))
        return f"[={listed}]" if known.option.bare else listed
    return known.option.metavar or METAVARS.get(known.type, "TEXT")


def _default_text(known: Declaration) -> str | bool:
    # The help of a command's own options says what happens without them.
    if not known.group or known.default is None or known.type == "bool":
        return False
    special = [f"{kind} models {show(known, v)}" for kind, v in known.option.by_kind.items()]
    return "; ".join([show(known, known.default), *special])


def completion(known: Declaration) -> Callable[[str], list[str]] | None:
    """What completes a value that begins so; None where anything may stand."""
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


# ----------------------------------------------------------------- flags that need no value


def with_bare_values(
    arguments: list[str], known: Iterable[Declaration], valued: Iterable[str]
) -> list[str]:
    """Command line arguments in which `--visual` alone has its value, and `--no-visual` is one.

    This stands in front of the parser because no parser of typer's can do it: typer gives flags
    with and without values, not with a value that may be left out; and click, where it can, gives
    such a flag the word behind it, so that `--visual "Tell a story."` would have no prompt.

    known: the command's options. valued: flags that take the argument behind them, which is then
    no flag, as in `--system-prompt --visual`.
    """
    known = list(known)
    bare, taken = _bare_flags(known), False
    by_flag = {flag: each for each in known for flag in each.option.flags}
    written: list[str] = []
    for place, argument in enumerate(arguments):
        if argument == "--" and not taken:
            return [*written, *arguments[len(written) :]]
        if not taken:
            refuse_word_behind(argument, by_flag.get(argument), arguments[place + 1 : place + 2])
        written.append(argument if taken else bare.get(argument, argument))
        taken = not taken and argument in valued and argument not in bare
    return written


def refuse_word_behind(flag: str, known: Declaration | None, behind: list[str]) -> None:
    """Raise UsageError for `--visual confidence`, which would make the word a prompt."""
    if (
        known is not None
        and known.option.bare
        and behind[:1] in [[c] for c in known.option.choices]
    ):
        raise UsageError(f"{flag} {behind[0]}: write {flag}={behind[0]}, with the sign between")


def _bare_flags(known: Iterable[Declaration]) -> dict[str, str]:
    """What to write for each flag that stands alone."""
    found: dict[str, str] = {}
    for each in known:
        if each.option.bare:
            found |= {flag: f"{flag}={each.option.bare}" for flag in each.option.flags}
            found[f"--no-{each.long_name}"] = f"--{each.long_name}=no"
    return found
