"""The settings of a run, from all layers: flag > preset > environment > config file > what the
model advises > what its family does > default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import SettingsError, did_you_mean, quoted
from .declared import GROUPS, Settings, alternatives, by_any_name, declarations
from .function import Function
from .option import Declaration
from .presets import presets, settings_of
from .values import parse, show
from .variables import variable_of

LAYERS = ("default", "family", "model", "config", "environment", "preset", "flag")
UNRULED = ("origin",)
"""Algorithms that decide by themselves what to unmask, so that no parallel rule goes with them; nor
does one with a step function."""


@dataclass(frozen=True)
class Resolved:
    """The settings of one run and where they came from."""

    settings: Settings
    """The values, in groups."""
    sources: dict[str, str]
    """The layer of LAYERS that each value came from, by name."""

    def value(self, name: str) -> Any:
        """One setting's value."""
        return getattr(getattr(self.settings, declarations()[name].group), name)

    def typed(self, name: str) -> bool:
        """Whether one setting was said for this run, rather than for all."""
        return self.sources[name] == "flag"

    def with_values(self, **changes: Any) -> Resolved:
        """The same with other values, by name; they count as flags."""
        values = {name: self.value(name) for name in declarations()} | changes
        return Resolved(_grouped(values), self.sources | dict.fromkeys(changes, "flag"))

    def values(self) -> dict[str, Any]:
        """Every setting that decides what is generated, by name; of a function its name alone."""
        known = [d.name for d in declarations().values() if d.group != "output" and d.option.told]
        found = {name: self.value(name) for name in known}
        return {n: str(v) if isinstance(v, Function) else v for n, v in found.items()}

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(name, value, source) of every setting, in words."""
        for known in declarations().values():
            yield known.long_name, show(known, self.value(known.name)), self.sources[known.name]


def resolve(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    config: Mapping[str, Any],
    advice: Mapping[str, Any],
    kind: str | None = None,
    family: Mapping[str, Any] | None = None,
    unread: Iterable[str] = (),
) -> Resolved:
    """Settings from all layers; a value of None in `flags` counts as not given.

    flags: by field name (also the Python API's keywords). environ: an environment. config: a
    config file's keys. advice: what the model says, by field name. kind: the model's, since kinds
    differ in defaults; family: those of its family; unread: what that does not read. Raises
    SettingsError, one line that says what was given, what is allowed and what to type.
    """
    typed, variables = _from_flags(flags), _from_environment(environ)
    layers = {
        "flag": typed,
        "preset": _preset(typed, variables, kind),
        "environment": variables,
        "config": _from_config(config),
        "model": {known.name: advice[known.name] for known in _known_in(advice)},
        "family": dict(family or {}),
    }
    read = {name for name, known in declarations().items() if known.read_by(kind)} - set(unread)
    _refuse_undefined(layers["flag"], kind)
    _refuse_two_schedules(layers["flag"])
    for layer in layers.values():
        _refuse_rivals(layer)
        _add_implied(layer)
        _add_needed(layer)
        _add_presets(layer, read)
    values, sources = _highest(layers, kind)
    _settle_rivals(values, sources)
    _settle_unruled(values, sources, read)
    return Resolved(_grouped(values), sources)


def by_field_name(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by field name, from keywords that may be other names of theirs: temp, as --temp.

    Raises SettingsError for one that is given under both; unknown names stay as they are."""
    known = by_any_name()
    found: dict[str, Any] = {}
    for keyword, value in keywords.items():
        name = known[keyword].name if keyword in known else keyword
        if name in found:
            raise SettingsError(f"{keyword} and {name} are one setting: give one of them")
        found[name] = value
    return found


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(flags, "setting", list(declarations()))
    known = declarations()
    given = {name: value for name, value in flags.items() if value is not None}
    return {name: parse(known[name], v, known[name].flag) for name, v in given.items()}


def _preset(
    typed: Mapping[str, Any], variables: Mapping[str, Any], kind: str | None
) -> dict[str, Any]:
    """What the preset says; a variable serves all models, so one that is not for this kind says
    nothing."""
    if "preset" in typed:
        return settings_of(typed["preset"], kind)
    name = variables.get("preset")
    return settings_of(name, kind) if name and presets()[name].kind == kind else {}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for known in declarations().values():
        if variable := variable_of(known, environ):
            found[known.name] = parse(known, environ[variable], variable)
    return found


def _from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    by_key = {name: known for name, known in by_any_name().items() if known.option.config}
    _refuse_unknown(config, "key in the config file:", list(by_key))
    by_field_name(config)  # none is there under two of its names
    return {
        by_key[key].name: parse(by_key[key], value, f"config file: {key}")
        for key, value in config.items()
    }


def _known_in(advice: Mapping[str, Any]) -> list[Declaration]:
    return [declarations()[name] for name in advice if name in declarations()]


def _refuse_unknown(names: Iterable[str], what: str, allowed: list[str]) -> None:
    for name in names:
        if name not in allowed:
            raise SettingsError(f"no {what} {quoted(name)}{did_you_mean(name, allowed)}")


def _refuse_rivals(layer: Mapping[str, Any]) -> None:
    for rivals in alternatives().values():
        flags = [_flag(name) for name in rivals if name in layer]
        if len(flags) > 1:
            raise SettingsError(f"{' and '.join(flags)} exclude each other: give one of them")


def _refuse_undefined(given: Mapping[str, Any], kind: str | None) -> None:
    """What is typed for a kind of model that it means nothing for; all that is off may be typed."""
    for name in [name for name, value in given.items() if value]:
        if why := declarations()[name].option.undefined.get(kind or ""):
            raise SettingsError(f"{why}: leave out {_flag(name)}")


def _refuse_two_schedules(given: Mapping[str, Any]) -> None:
    """Settings typed together that imply different values of a third, or contradict it."""
    implied = [(name, *found) for name in given if (found := _implied_by(name))]
    for name, target, value in implied:
        if given.get(target, value) != value:
            raise SettingsError(
                f"{_flag(name)} belongs to {_flag(target)} {value}, not to {given[target]}: "
                "leave one of them out"
            )
    if len({value for _, _, value in implied}) > 1:
        names = " and ".join(_flag(name) for name, _, _ in implied)
        raise SettingsError(f"{names} belong to different schedules: give one of them")


def _implied_by(name: str) -> tuple[str, str] | None:
    return declarations()[name].option.implies


def _flag(name: str) -> str:
    return declarations()[name].flag


def _add_implied(layer: dict[str, Any]) -> None:
    for name in list(layer):
        if implied := _implied_by(name):
            layer.setdefault(*implied)


def _add_needed(layer: dict[str, Any]) -> None:
    """What values of other settings have no effect without, where their layer says nothing else."""
    for name in list(layer):
        if needed := declarations()[name].option.needs.get(layer[name]):
            layer.setdefault(*needed)


def _add_presets(layer: dict[str, Any], read: set[str]) -> None:
    """A preset gives way to whatever else its own layer says; one that is not read sets nothing."""
    takes_rules = _unruled(layer, read) is None
    known = declarations()
    for name in [n for n in layer if layer[n] is True and n in read]:
        for target, value in known[name].option.preset:
            if not takes_rules and target in alternatives()["parallel rule"]:
                continue
            if not any(rival in layer for rival in _rivals(target)):
                layer[target] = value


def _unruled(values: Mapping[str, Any], read: set[str]) -> str | None:
    """The setting that decides by itself what to unmask, if one does of those that are read."""
    if values.get("step") is not None and "step" in read:
        return "step"
    return "algorithm" if values.get("algorithm") in UNRULED and "algorithm" in read else None


def _rivals(name: str) -> tuple[str, ...]:
    """The settings that it cannot be given with, itself among them."""
    return alternatives().get(declarations()[name].option.one_of or "", (name,))


def _highest(
    layers: Mapping[str, dict[str, Any]], kind: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    values, sources = {}, {}
    for name, known in declarations().items():
        source = next((layer for layer in layers if name in layers[layer]), "default")
        sources[name] = source
        values[name] = known.default_for(kind) if source == "default" else layers[source][name]
    return values, sources


def _settle_rivals(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of alternatives the one from the highest layer counts; the others become None."""
    for rivals in alternatives().values():
        given = [name for name in rivals if values[name] is not None]
        given.sort(key=lambda name: LAYERS.index(sources[name]), reverse=True)
        # Where one counts even by default, None is no default: what displaced it is its source.
        one_always = any(declarations()[name].default is not None for name in rivals)
        for name in given[1:]:
            values[name] = None
            sources[name] = sources[given[0]] if one_always else "default"


def _grouped(values: Mapping[str, Any]) -> Settings:
    groups = {
        group: cls(**{item.name: values[item.name] for item in fields(cls)})
        for group, cls in GROUPS.items()
    }
    return Settings(**groups)


def _settle_unruled(values: dict[str, Any], sources: dict[str, str], read: set[str]) -> None:
    """A rule, or editing, from a layer below what takes none gives way to it; any other is
    refused."""
    alone = _unruled(values, read)
    for name in (*alternatives()["parallel rule"], "edit_threshold"):
        if alone is None or values[name] is None:
            continue
        if LAYERS.index(sources[name]) >= LAYERS.index(sources[alone]):
            other = "choose another algorithm" if alone == "algorithm" else _flag(alone)
            raise SettingsError(
                f"{_flag(alone)} {values[alone]} decides by itself what to unmask: "
                f"leave out {_flag(name)}, or {other}"
            )
        values[name], sources[name] = None, "default"
