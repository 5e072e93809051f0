"""Records of a batch: prompts with settings of their own, from JSON lines, plain lines or CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import SettingsError, UsageError, did_you_mean, quoted, shortened
from ..settings.overlay import by_field, changeable

LONGEST_LINE = 16 << 20
"""Bytes of a record; no context holds as much."""
CSV_ADVICE = "give --format lines"
FORMATS = ("auto", "jsonl", "lines", "csv")
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv"}


@dataclass(frozen=True)
class Record:
    """One prompt. line: where it stands in the input, from 1. settings: by field name. data: what
    else the record says, handed on to the result."""

    line: int
    prompt: str
    id: str | int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return key_of(self.line, self.id)


@dataclass(frozen=True)
class BadRecord:
    """A line that is no record, and why."""

    line: int
    error: str
    id: str | int | None = None

    @property
    def key(self) -> str:
        return key_of(self.line, self.id)


def key_of(line: int, id: str | int | None) -> str:
    """What tells a record from all others of its batch: its id, or else its line."""
    return f"line {line}" if id is None else f"id {json.dumps(id)}"


def read_records(source: BinaryIO, form: str, name: str = "-") -> Iterator[Record | BadRecord]:
    """Records as they come in. form: a name of FORMATS; `auto` looks at the name and then at the
    first line.

    Raises UsageError for a CSV without a column `prompt`.
    """
    lines: Iterator[tuple[int, bytes]] = enumerate(_lines(source, name), 1)
    if form == "auto":
        form, lines = _recognised(lines, name)
    readers = {"jsonl": _from_json, "lines": _from_lines}
    if form == "csv":
        found = _from_csv((data for _, data in lines), _delimiter(name))
    else:
        found = (readers[form](line, text) for line, text in _texts(lines))
    return _unique(found)


def _lines(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Lines as they come. Raises UsageError for one that may have no end."""
    for number in count(1):
        line = source.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            where = f"line {number} of {'stdin' if name == '-' else name}"
            raise UsageError(f"{where} is longer than {LONGEST_LINE >> 20} MiB: make it shorter")
        if not line:
            return
        yield line


def _recognised(
    lines: Iterator[tuple[int, bytes]], name: str
) -> tuple[str, Iterator[tuple[int, bytes]]]:
    """The format, and all of the lines."""
    known = SUFFIXES.get(Path(name).suffix.lower())
    if known:
        return known, lines
    seen = []
    for line in lines:
        seen.append(line)
        if line[1].strip():
            break
    first = seen[-1][1].removeprefix(b"\xef\xbb\xbf").lstrip() if seen else b""
    return ("jsonl" if first.startswith(b"{") else "lines"), chain(seen, lines)


def _texts(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str | None]]:
    """Lines that are not blank; None for one that is not UTF-8."""
    for line, data in lines:
        data = data.removeprefix(b"\xef\xbb\xbf") if line == 1 else data
        if data.strip():
            yield line, _decoded(data.rstrip(b"\r\n"))


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unique(found: Iterable[Record | BadRecord]) -> Iterator[Record | BadRecord]:
    """The second record of an id is a bad one: its result could not be told from the first's."""
    lines: dict[str | int, int] = {}
    for record in found:
        if record.id is not None and record.id in lines:
            yield BadRecord(
                record.line, f"id {quoted(record.id)} is that of line {lines[record.id]}"
            )
            continue
        if record.id is not None:
            lines[record.id] = record.line
        yield record


# ------------------------------------------------------------------------------- one record


def _from_lines(line: int, text: str | None) -> Record | BadRecord:
    return BadRecord(line, "not UTF-8 text") if text is None else Record(line, text)


def _from_json(line: int, text: str | None) -> Record | BadRecord:
    if text is None:
        return BadRecord(line, "not UTF-8 text")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRecord(line, f"not JSON ({shortened(str(error))})")
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, dict):
        return BadRecord(line, 'neither an object with a "prompt" nor a text')
    return _checked(line, value)


def _record(line: int, id: str | int | None, value: dict[str, Any]) -> Record:
    known = changeable()
    own = value.get("settings") or {}
    if not isinstance(own, dict):
        raise SettingsError("settings is not an object")
    flat = {key: item for key, item in value.items() if key in known}
    others = {"prompt", "id", "settings", *flat}
    data = {key: item for key, item in value.items() if key not in others}
    return Record(line, _prompt(value), id, by_field({**flat, **own}), data)


def _checked(line: int, value: dict[str, Any]) -> Record | BadRecord:
    found = None
    try:
        found = _id(value)
        return _record(line, found, value)
    except UsageError as error:
        return BadRecord(line, str(error), found)


def _prompt(value: Mapping[str, Any]) -> str:
    prompt = value.get("prompt")
    if prompt is None:
        slips = (
            f": {quoted(key)} is no key{guess}" for key in value if (guess := _like_prompt(key))
        )
        raise UsageError(f"there is no prompt in it{next(slips, '')}")
    if not isinstance(prompt, str):
        raise UsageError(f"the prompt {quoted(prompt)} is not text")
    if not prompt.strip():
        raise UsageError("the prompt is empty")
    return prompt


def _like_prompt(key: str) -> str:
    return did_you_mean(key, ["prompt"], likeness=0.75)


def _id(value: Mapping[str, Any]) -> str | int | None:
    found = value.get("id")
    if found is not None and (isinstance(found, bool) or not isinstance(found, (str, int))):
        raise UsageError(f"the id {quoted(found)} is neither text nor a whole number")
    return found


# -------------------------------------------------------------------------------------- CSV


def _delimiter(name: str) -> str:
    return "\t" if Path(name).suffix.lower() == ".tsv" else ","


def _from_csv(lines: Iterable[bytes], delimiter: str) -> Iterator[Record | BadRecord]:
    # A lone surrogate stands for a byte that is not UTF-8, so that the row can be told.
    texts = (data.decode("utf-8", "surrogateescape") for data in lines)
    texts = (t.removeprefix("\ufeff") if i == 0 else t for i, t in enumerate(texts))
    csv.field_size_limit(LONGEST_LINE)
    rows = csv.reader(texts, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
    except csv.Error as error:
        raise UsageError(f"the first line is not CSV ({error}): {CSV_ADVICE}") from None
    if header is None:
        return
    if "prompt" not in header:
        raise UsageError(
            f"the CSV has no column prompt (its columns: {shortened(', '.join(header))}): "
            f"name one in the first line, or {CSV_ADVICE}"
        )
    yield from _rows(rows, header)


def _rows(rows: Any, header: list[str]) -> Iterator[Record | BadRecord]:
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRecord(line, f"not CSV ({error})")
            continue
        if row:
            yield _from_row(line, header, row)


def _from_row(line: int, header: list[str], row: list[str]) -> Record | BadRecord:
    if len(row) != len(header):
        return BadRecord(line, f"{len(row)} fields where the header has {len(header)}")
    if any("\udc80" <= character <= "\udcff" for text in row for character in text):
        return BadRecord(line, "not UTF-8 text")
    given = {name: text for name, text in zip(header, row, strict=True) if text != ""}
    given.pop("settings", None)
    return _checked(line, given)


# ------------------------------------------------------------------------------------ shards


@dataclass(frozen=True)
class Shard:
    """The index-th of `count` equal parts of a batch, from 1."""

    index: int = 1
    count: int = 1

    def holds(self, number: int) -> bool:
        """Whether the number-th record, from 0, belongs to this part."""
        return number % self.count == self.index - 1


def parse_shard(text: str) -> Shard:
    """`2/8`. Raises UsageError."""
    parts = text.split("/")
    if len(parts) == 2 and all(re.fullmatch(r" *[0-9]{1,9} *", part) for part in parts):
        index, count = map(int, parts)
        if 1 <= index <= count:
            return Shard(index, count)
    raise UsageError(f"--shard: {quoted(text)} is not I/N: give two numbers, as in 2/8")


def sharded(records: Iterable[Record | BadRecord], shard: Shard) -> Iterator[Record | BadRecord]:
    return (record for number, record in enumerate(records) if shard.holds(number))
