"""The layers below the flags, put together once and asked as often as there are runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..llama.families import Family
from .family import defaults_of, unread_by
from .file import read_config
from .overlay import overlaid
from .resolve import Resolved, resolve


@dataclass(frozen=True)
class Layers:
    """What counts wherever no flag says otherwise."""

    environ: Mapping[str, str] = field(default_factory=dict)
    """The environment."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The config file's keys."""
    advice: Mapping[str, Any] = field(default_factory=dict)
    """What is advised for the model, by its file and with its name; by field name."""
    family: Mapping[str, Any] = field(default_factory=dict)
    """What models of its family do by default, by field name."""
    unread: tuple[str, ...] = ()
    """What these do not read of what their kind does."""
    kind: str | None = None
    """The model's kind, which has defaults of its own; None: not known yet."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Layers:
        """Those of this machine, the config file among them. Raises SettingsError."""
        return cls(environ, read_config(environ))

    def of_model(self, advice: Mapping[str, Any], family: Family) -> Layers:
        """The same, with what is known once a model is chosen."""
        unread = unread_by(family.name)
        defaults = defaults_of(family)
        return replace(self, advice=advice, family=defaults, unread=unread, kind=family.kind)

    def resolve(self, flags: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> Resolved:
        """The settings of a run under these flags; `own`, by field name, are those of one record
        or turn, and go before the flags. Raises SettingsError."""
        merged = overlaid(flags, own or {})
        model = (self.advice, self.kind, self.family, self.unread)
        return resolve(merged, self.environ, self.config, *model)
