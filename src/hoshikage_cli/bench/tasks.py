"""Tasks: prompts with what their answers are checked against, from JSON lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..batch.records import BadRecord, Record, read_records
from ..errors import UsageError, did_you_mean, quoted

Check = Callable[[str], bool]

LIKENESS = 0.75
"""How like a known key another must be to count as a slip: others are whoever's who wrote them."""


@dataclass(frozen=True)
class Item:
    """A prompt whose answer can be checked."""

    record: Record
    """The prompt, where it stands, and settings of its own."""
    check: Check
    """Whether an answer is right."""
    task: str = ""
    """What it is counted under, beside all of them together."""


# ---------------------------------------------------------------------------------- checks


def exactly(wanted: Any) -> Check:
    """The text, or one of several, but for white space around it."""
    allowed = {text.strip() for text in _texts(wanted)}
    return lambda answer: answer.strip() in allowed


def containing(wanted: Any) -> Check:
    """The text, or all of several, anywhere in it."""
    parts = _texts(wanted)
    return lambda answer: all(part in answer for part in parts)


def matching(wanted: Any) -> Check:
    """A match of the pattern, anywhere in it."""
    (pattern,) = _texts([wanted])
    try:
        found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{quoted(pattern)} is no regular expression ({error})") from None
    return lambda answer: found.search(answer) is not None


CHECKS: dict[str, Callable[[Any], Check]] = {
    "answer": exactly,
    "contains": containing,
    "regex": matching,
}
"""By the key of a record that says what is wanted."""


def _texts(wanted: Any) -> list[str]:
    texts = wanted if isinstance(wanted, list) else [wanted]
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(f"{quoted(text)} is not text: put it in quotes")
    if not any(text.strip() for text in texts):
        raise UsageError("there is nothing in it")
    return texts


# ----------------------------------------------------------------------------------- items


def item_of(record: Record) -> Item | None:
    """The item that a record is; None where it does not say what is right.

    Raises UsageError for a key that is misspelt and for a check that cannot be made.
    """
    _refuse_slips(record.data)
    given = [key for key in CHECKS if record.data.get(key) is not None]
    if not given:
        return None
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} in one record: give one of them")
    (key,) = given
    try:
        check = CHECKS[key](record.data[key])
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from None
    return Item(record, check, _task(record.data.get("task")))


def _task(given: Any) -> str:
    if given is not None and not isinstance(given, str):
        raise UsageError(f"task: {quoted(given)} is not text: put it in quotes")
    return given or ""


def _refuse_slips(data: Iterable[str]) -> None:
    known = ("prompt", "settings", "task", *CHECKS)
    for key in data:
        if key not in known and (guess := did_you_mean(key, known, LIKENESS)):
            raise UsageError(f"no key {quoted(key)}{guess}")


def read_items(path: Path) -> tuple[list[Item], int]:
    """The items of a file, and how many of its records say nothing to check against.

    Raises UsageError, with the line, for the first record that is none, and for a file without
    items.
    """
    try:
        with path.open("rb") as source:
            found = [_item(path, record) for record in read_records(source, "jsonl", str(path))]
    except OSError as error:
        raise UsageError(f"cannot read the tasks from {path}: {error.strerror}") from None
    items = [item for item in found if item is not None]
    if not items:
        raise UsageError(f"{path}: no record has an answer, contains or regex to check against")
    return items, len(found) - len(items)


def _item(path: Path, record: Record | BadRecord) -> Item | None:
    try:
        if isinstance(record, BadRecord):
            raise UsageError(record.error)
        return item_of(record)
    except UsageError as error:
        raise UsageError(f"{path}, line {record.line}: {error}") from None


def in_chunks(items: list[Item], size: int) -> Iterator[list[Item]]:
    """The items in order, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
