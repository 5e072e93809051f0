"""Settings that change from one answer to the next: of a record in a batch, of a turn in a chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import SettingsError, did_you_mean, quoted
from .declared import by_any_name, declarations
from .option import Declaration
from .resolve import by_field_name
from .values import parse

FIXED_GROUPS = ("model", "output")
FIXED_NAMES = ("samples",)
"""Settings of the program: one model gives all answers, each once. What can be code alone is left
out besides, since a record has none."""


def _free(known: Declaration) -> bool:
    code_alone = bool(known.option.takes) and not known.option.choices
    return not code_alone and known.group not in FIXED_GROUPS and known.name not in FIXED_NAMES


def changeable() -> dict[str, Declaration]:
    """Settings that may change, under every name that they may be given."""
    return {name: known for name, known in by_any_name().items() if _free(known)}


def by_field(own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by field name. Raises SettingsError for one that cannot change, or that is there
    under two names."""
    known = changeable()
    for name in own:
        if name not in known:
            raise SettingsError(
                f"no setting {quoted(name)} to be changed here{did_you_mean(name, known)}"
            )
    return by_field_name({name: value for name, value in own.items() if value is not None})


def overlaid(flags: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Flags with a record's own settings on top; a flag that goes against one of these gives way,
    since both would count as typed together."""
    kept = {
        name: value
        for name, value in flags.items()
        if value is not None and not any(_contradicts(name, value, mine) for mine in own.items())
    }
    return {**kept, **own}


def _contradicts(name: str, value: Any, mine: tuple[str, Any]) -> bool:
    """Whether a flag cannot stand beside `mine`, or would decide what `mine` decides."""
    own_name, own_value = mine
    theirs, ours = declarations()[name].option, declarations()[own_name].option
    if theirs.one_of and theirs.one_of == ours.one_of:
        return True
    if theirs.implies and theirs.implies[0] == own_name:
        return not _means(own_name, own_value, theirs.implies[1])
    if ours.implies and ours.implies[0] == name:
        return not _means(name, value, ours.implies[1])
    both = theirs.implies and ours.implies
    return bool(both) and theirs.implies != ours.implies


def _means(name: str, given: Any, value: str) -> bool:
    """Whether what was given is a spelling of `value`, as 1 is of the block schedule."""
    known = declarations()[name]
    return bool(parse(known, given, known.flag) == value)
