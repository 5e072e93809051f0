"""What was typed and has no effect: on a model of this kind, or beside another setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .declared import declarations
from .family import unread_by
from .resolve import Resolved
from .values import plain_number

NOTHING: Mapping[str, Any] = {}


def without_effect(
    flags: Mapping[str, Any],
    resolved: Resolved,
    kind: str | None,
    family: str | None = None,
    auto: Mapping[str, Any] = NOTHING,
) -> Iterator[str]:
    """A line for each reason, with the flags that it concerns: `--steps has no effect on an
    autoregressive model`. Variables and the config file serve all models, so they are not told.
    kind, family: the model's. auto: what settings come to that are None, where that is known.
    """
    reasons: dict[str, list[str]] = {}
    # A switch that is off is not there to have an effect.
    for name in [n for n, value in flags.items() if value is not None and value is not False]:
        if reason := idle(name, resolved, kind, family, auto):
            reasons.setdefault(reason, []).append(declarations()[name].flag)
    for reason, found in reasons.items():
        verb = "has" if len(found) == 1 else "have"
        yield f"{listed(found)} {verb} no effect {reason}"


def idle(
    name: str,
    resolved: Resolved,
    kind: str | None,
    family: str | None = None,
    auto: Mapping[str, Any] = NOTHING,
) -> str:
    """Why a setting has no effect; "" where it has one."""
    known = declarations()[name]
    if not known.read_by(kind):
        return f"on {_article(kind)} model"
    if family is not None and name in unread_by(family):
        return f"on a model of the family {family}"
    beside = known.option.idle_beside
    if beside and resolved.value(beside) is not None and not idle(beside, resolved, kind, family):
        return f"with {declarations()[beside].flag}"
    target, needed = known.option.needs.get(resolved.value(name), (None, None))
    if target and resolved.value(target) != needed:
        return _beside({target: resolved.value(target)})
    for condition in known.option.idle_with:
        # What has no effect itself takes none away, nor does it keep one alive.
        read = {other for other in condition if not idle(other, resolved, kind, family)}
        if kind is None:  # whose defaults nobody knows
            read -= {other for other in condition if declarations()[other].option.by_kind}
        values = {other: resolved.value(other) for other in condition if other in read}
        values = {other: auto.get(other) if v is None else v for other, v in values.items()}
        if values and all(value in condition[other] for other, value in values.items()):
            return _beside(values)
    return ""


def _beside(values: Mapping[str, Any]) -> str:
    """`with --temperature 0 and --confidence clean`."""
    if list(values.values()) == [None]:
        return f"without {declarations()[next(iter(values))].flag}"
    return f"with {listed(_as_typed(name, value) for name, value in values.items())}"


def _as_typed(name: str, value: Any) -> str:
    flag = declarations()[name].flag
    if value is True:
        return flag
    return f"{flag} {plain_number(value) if isinstance(value, float) else value}"


def _article(kind: str | None) -> str:
    word = kind or "unknown"
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
