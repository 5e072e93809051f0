"""A GGUF taken apart so that anything in it can be made wrong, and put together again.

Counts and offsets are written as they stand, right or wrong; values are kept as their bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

SCALARS = dict(enumerate("BbHhIif?")) | dict(enumerate("Qqd", start=10))
STRING, ARRAY = 8, 9


@dataclass
class Entry:
    """A key of the metadata."""

    key: bytes
    kind: int
    payload: bytes
    """What follows the type in the file; of an array, what follows its length."""
    item: int = 0
    """Of an array: the type of its elements."""
    count: int = 0
    """Of an array: how many elements it claims."""

    def written(self) -> bytes:
        head = string(self.key) + struct.pack("<I", self.kind)
        if self.kind == ARRAY:
            head += struct.pack("<IQ", self.item, self.count)
        return head + self.payload


@dataclass
class TensorEntry:
    """A row of the table of tensors."""

    name: bytes
    shape: list[int]
    kind: int
    offset: int

    def written(self) -> bytes:
        dimensions = struct.pack(f"<I{len(self.shape)}Q", len(self.shape), *self.shape)
        return string(self.name) + dimensions + struct.pack("<IQ", self.kind, self.offset)


@dataclass
class GgufFile:
    """A whole file."""

    entries: list[Entry]
    tensors: list[TensorEntry]
    weights: bytes
    magic: bytes = b"GGUF"
    version: int = 3
    n_entries: int | None = None
    """A count to be claimed; None: the true one."""
    n_tensors: int | None = None
    """The same, of tensors."""
    alignment: int = 32
    """What the weights are padded to, whatever the metadata says."""
    tail: bytes = b""
    cut: int | None = None
    """Where the file ends early."""
    flips: dict[int, int] = field(default_factory=dict)
    """Bytes of the written file to be changed, by position."""

    def copy(self) -> GgufFile:
        return replace(
            self,
            entries=[replace(entry) for entry in self.entries],
            tensors=[replace(tensor, shape=list(tensor.shape)) for tensor in self.tensors],
            flips=dict(self.flips),
        )

    def written(self) -> bytes:
        counts = (
            len(self.tensors) if self.n_tensors is None else self.n_tensors,
            len(self.entries) if self.n_entries is None else self.n_entries,
        )
        head = self.magic + struct.pack("<IQQ", self.version, *counts)
        head += b"".join(part.written() for part in (*self.entries, *self.tensors))
        whole = bytearray(head + bytes(-len(head) % self.alignment) + self.weights + self.tail)
        for place, byte in self.flips.items():
            whole[place % len(whole)] = byte
        return bytes(whole[: self.cut])


def string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def take_apart(data: bytes) -> GgufFile:
    """Of a good file."""
    reader = _Reader(data)
    version, n_tensors, n_entries = struct.unpack_from("<IQQ", data, 4)
    reader.at = 24
    entries = [reader.entry() for _ in range(n_entries)]
    tensors = [reader.tensor() for _ in range(n_tensors)]
    start = -(-reader.at // 32) * 32
    return GgufFile(entries, tensors, data[start:], version=version)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple:
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found

    def string(self) -> bytes:
        (length,) = self.take("Q")
        self.at += length
        return self.data[self.at - length : self.at]

    def entry(self) -> Entry:
        key, (kind,) = self.string(), self.take("I")
        item, count = self.take("IQ") if kind == ARRAY else (0, 0)
        start = self.at
        for _ in range(count if kind == ARRAY else 1):
            self.skip(item if kind == ARRAY else kind)
        return Entry(key, kind, self.data[start : self.at], item, count)

    def skip(self, kind: int) -> None:
        if kind == STRING:
            self.string()
        else:
            self.take(SCALARS[kind])

    def tensor(self) -> TensorEntry:
        name, (dimensions,) = self.string(), self.take("I")
        shape = list(self.take(f"{dimensions}Q"))
        return TensorEntry(name, shape, *self.take("IQ"))
