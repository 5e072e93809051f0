"""What is known of an option besides its value: flags, variable, range, help."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Option:
    """What is known of a setting besides its default.

    flags: the first long one names the setting to users. env: None derives HOSHIKAGE_ and the long
    name, "" means no variable. minimum and maximum are allowed themselves; `above` is not.
    choices: names; their numbers are accepted when `numbered`. unset: a number that means None.
    none: what a user reads for None.
    bare: what the flag means without a value, as the words for yes do; those for no mean None.
    implies: another setting's value that giving this one entails. excludes: a setting that cannot
    be given together with this one. preset: what a switch sets, unless the same layer says
    otherwise. autoregressive: the default for autoregressive models.
    """

    help: str
    flags: tuple[str, ...]
    env: str | None = None
    metavar: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    numbered: bool = False
    unset: int | None = None
    none: str = "none"
    bare: str | None = None
    implies: tuple[str, str] | None = None
    excludes: str | None = None
    preset: tuple[tuple[str, Any], ...] = ()
    autoregressive: Any = None
    config: bool = True
    panel: str = "Output"
    part: str = ""
    """What commands take it by, where they do not take the whole of its group."""


def option(default: Any, *flags: str, help: str, **facts: Any) -> Any:
    """A dataclass field that carries its `Option`."""
    return field(default=default, metadata={"option": Option(help, flags, **facts)})


@dataclass(frozen=True)
class Declaration:
    """An option with the name, group, type and default of its field."""

    name: str
    group: str
    type: str
    default: Any
    option: Option

    @property
    def long_name(self) -> str:
        """The name without dashes in front, as `--show-settings` and the config file use it."""
        return next(flag for flag in self.option.flags if flag.startswith("--"))[2:]

    @property
    def env(self) -> str:
        """Its environment variable, "" if it has none."""
        if self.option.env is not None:
            return self.option.env
        return "HOSHIKAGE_" + self.long_name.upper().replace("-", "_")

    def default_for(self, kind: str | None) -> Any:
        special = self.option.autoregressive
        return special if kind == "autoregressive" and special is not None else self.default
