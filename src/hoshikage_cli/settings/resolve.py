"""The settings of a run, from all layers: flag > environment > config file > what the model advises
> default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import SettingsError, did_you_mean
from .declared import GROUPS, PARALLEL_RULES, Settings, declarations
from .option import Declaration
from .values import parse, show

LAYERS = ("default", "model", "config", "environment", "flag")


@dataclass(frozen=True)
class Resolved:
    """Settings of one run, and for each name the layer that its value came from."""

    settings: Settings
    sources: dict[str, str]

    def value(self, name: str) -> Any:
        return getattr(getattr(self.settings, declarations()[name].group), name)

    def with_values(self, **changes: Any) -> Resolved:
        """The same with other values, by name; they count as flags."""
        values = {name: self.value(name) for name in declarations()} | changes
        return Resolved(_grouped(values), self.sources | dict.fromkeys(changes, "flag"))

    def values(self) -> dict[str, Any]:
        """Every setting that decides what is generated, by name."""
        known = declarations().values()
        return {d.name: self.value(d.name) for d in known if d.group != "output"}

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
) -> Resolved:
    """Settings from all layers; a value of None in `flags` counts as not given.

    flags: by field name (also the Python API's keywords). environ: an environment. config: a
    config file's keys. advice: what the model says, by field name. kind: "diffusion" or
    "autoregressive", which differ in defaults. Raises SettingsError, one line that says what was
    given, what is allowed and what to type.
    """
    layers = {
        "flag": _from_flags(flags),
        "environment": _from_environment(environ),
        "config": _from_config(config),
        "model": {known.name: advice[known.name] for known in _known_in(advice)},
    }
    _refuse_two_schedules(layers["flag"])
    for layer in layers.values():
        _refuse_exclusive(layer)
        _refuse_two_rules(layer)
        _add_implied(layer)
        _add_presets(layer)
    values, sources = _highest(layers, kind)
    _settle_exclusions(values, sources)
    _settle_rules(values, sources)
    return Resolved(_grouped(values), sources)


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(flags, "setting", list(declarations()))
    known = declarations()
    given = {name: value for name, value in flags.items() if value is not None}
    return {name: parse(known[name], v, _flag(name)) for name, v in given.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for known in declarations().values():
        text = environ.get(known.env, "") if known.env else ""
        if text:
            found[known.name] = parse(known, text, known.env)
    return found


def _from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    by_key = {d.long_name: d for d in declarations().values() if d.option.config}
    by_key |= {d.name: d for d in by_key.values()}
    spelled = {key: key.replace("_", "-") for key in config}
    keys = {key: key if key in by_key else spelled[key] for key in config}
    _refuse_unknown(keys.values(), "key in the config file:", list(by_key))
    return {
        by_key[keys[key]].name: parse(by_key[keys[key]], value, f"config file: {key}")
        for key, value in config.items()
    }


def _known_in(advice: Mapping[str, Any]) -> list[Declaration]:
    return [declarations()[name] for name in advice if name in declarations()]


def _refuse_unknown(names: Any, what: str, allowed: list[str]) -> None:
    for name in names:
        if name not in allowed:
            raise SettingsError(f"no {what} {name!r}{did_you_mean(name, allowed)}")


def _refuse_exclusive(given: Mapping[str, Any]) -> None:
    for name in given:
        other = declarations()[name].option.excludes
        if other in given:
            raise SettingsError(
                f"{_flag(name)} and {_flag(other)} exclude each other: give one of them"
            )


def _refuse_two_schedules(given: Mapping[str, Any]) -> None:
    """Settings typed together that imply different values of a third, or contradict it."""
    implied = [(name, *_implied_by(name)) for name in given if _implied_by(name)]
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
    return f"--{declarations()[name].long_name}"


def _add_implied(layer: dict[str, Any]) -> None:
    for name in list(layer):
        if _implied_by(name):
            layer.setdefault(*_implied_by(name))


def _refuse_two_rules(given: Mapping[str, Any]) -> None:
    rules = [_flag(name) for name in PARALLEL_RULES if given.get(name) is not None]
    if len(rules) > 1:
        raise SettingsError(f"{' and '.join(rules)} exclude each other: give one of them")


def _add_presets(layer: dict[str, Any]) -> None:
    """A preset gives way to whatever else its own layer says."""
    ruled = any(name in layer for name in PARALLEL_RULES)
    for name in [n for n in layer if layer[n] is True]:
        for target, value in declarations()[name].option.preset:
            if not (ruled and target in PARALLEL_RULES):
                layer.setdefault(target, value)


def _settle_rules(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of the rules for parallel commits the one from the highest layer counts."""
    given = [name for name in PARALLEL_RULES if values[name] is not None]
    for name in sorted(given, key=lambda name: -_rank(sources[name]))[1:]:
        values[name], sources[name] = None, "default"


def _highest(layers: Mapping[str, dict[str, Any]], kind: str | None) -> tuple[dict, dict]:
    values, sources = {}, {}
    for name, known in declarations().items():
        source = next((layer for layer in layers if name in layers[layer]), "default")
        sources[name] = source
        values[name] = known.default_for(kind) if source == "default" else layers[source][name]
    return values, sources


def _settle_exclusions(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of two that exclude each other, the one from the lower layer gives way."""
    for name, known in declarations().items():
        other = known.option.excludes
        if other and sources[other] != "default" and _rank(sources[name]) < _rank(sources[other]):
            displaced = values[name] is not None
            values[name] = None
            sources[name] = sources[other] if displaced else "default"


def _rank(source: str) -> int:
    return LAYERS.index(source)


def _grouped(values: Mapping[str, Any]) -> Settings:
    groups = {
        group: cls(**{item.name: values[item.name] for item in fields(cls)})
        for group, cls in GROUPS.items()
    }
    return Settings(**groups)


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable that looks like one of ours and is read by nothing."""
    names = ("CONFIG", "LLAMA_DIR", "MODELS", "PORTABLE", "STOCK_KERNELS")
    others = tuple(f"HOSHIKAGE_{name}" for name in names)
    known = [d.env for d in declarations().values() if d.env]
    endings = {d.env.removeprefix("DIFFUSION_"): d.env for d in declarations().values() if d.env}
    for name in environ:
        if name.startswith(("HOSHIKAGE_", "DIFFUSION_")) and name not in (*known, *others):
            exact = endings.get(name.removeprefix("HOSHIKAGE_"))
            guess = f"; did you mean {exact}?" if exact else did_you_mean(name, known, 0.8)
            # Variables of other programs begin with DIFFUSION_ too: only near misses are ours.
            if guess or name.startswith("HOSHIKAGE_"):
                yield f"{name} is not a variable that Hoshikage reads{guess}"
