"""The header of a GGUF file, read without llama.cpp: metadata and the table of tensors.

Reading stops before the weights, and of arrays (vocabularies of 150,000 pieces) little is kept, so
that a look at a model of any size takes a fraction of a second. What is read is what the format
allows and no more; whether llama.cpp can take the values is a question for `check`.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from mmap import ACCESS_READ, mmap
from os import fstat
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..files import open_regular
from ..llama.families import (
    ARCHITECTURE,
    MASK_TOKEN,
    Family,
    Recognised,
    has_mask,
    recognise,
    shift_of,
)

MAGIC = b"GGUF"
# struct's letters for the types of the format, by number: 8 is a string, 9 an array.
SCALARS = dict(enumerate("BbHhIif?")) | dict(enumerate("Qqd", start=10))
UINT16, UINT32, STRING, ARRAY = 2, 4, 8, 9

TOKENS = "tokenizer.ggml.tokens"
"""The one array whose elements must be found again."""

MOST_KEYS, MOST_TENSORS = 5_000, 100_000
"""Far more than any model has; llama.cpp's time grows with their square."""
MOST_DIMENSIONS, LONGEST_TENSOR_NAME = 4, 63
SHORT = 1024
"""Numbers of an array that are kept: a few for each layer, not a few for each token."""


class NotAModel(RunError):
    """A file that is no GGUF, or not a whole one."""


@dataclass(frozen=True)
class ArrayLength:
    """What is kept of an array in the metadata."""

    length: int
    type: int = STRING
    """Of its elements, by number."""
    values: tuple[Any, ...] = ()
    """The elements of a short array of numbers."""
    starts: tuple[int, ...] = ()
    """Where in the file each string of the vocabulary begins, with its length in front."""
    end: int = 0
    """Where an array of strings ends."""


@dataclass(frozen=True)
class TensorInfo:
    """shape: innermost dimension first. type: ggml's type number. offset: bytes into the data."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True)
class Layout:
    """How a header lies in its file, for who copies parts of it."""

    keys: dict[str, slice]
    """Where each key stands with its value."""
    tensors: slice
    """Where the table of tensors stands, behind the keys."""
    alignment: int
    """The data begins at a multiple of it."""


@dataclass(frozen=True)
class Header:
    """All that stands before the weights."""

    path: Path
    version: int
    metadata: dict[str, Any]
    types: dict[str, int]
    """Of the metadata's values, by number."""
    tensors: tuple[TensorInfo, ...]
    data_start: int
    layout: Layout
    order: str = "<"
    """The byte order, in struct's letters."""
    named: str | None = None
    """The family that somebody says it is of."""

    @property
    def architecture(self) -> str:
        return str(self.metadata[ARCHITECTURE])

    def as_family(self, name: str | None) -> Header:
        """The same, said to be of this family; None: not said. Raises UsageError for one that it
        cannot be of."""
        said = replace(self, named=name)
        _ = said.recognised
        return said

    @cached_property
    def recognised(self) -> Recognised:
        """Its family, and by what: the same that `llama.model.Model` finds."""
        return recognise(self.metadata, self._text, self.named)

    @property
    def n_vocab(self) -> int | None:
        """How many tokens its vocabulary has; None for a file without one."""
        tokens = self.metadata.get(TOKENS)
        return tokens.length if isinstance(tokens, ArrayLength) else None

    @property
    def mask_token(self) -> int | None:
        """What its vocabulary or its family says; the same that `llama.model.Model` finds."""
        said = self.metadata.get(MASK_TOKEN)
        if said is None and self.family.mask and has_mask(self.family, self._text):
            return self.family.mask.id
        return said

    def _text(self, token: int) -> str | None:
        """How the vocabulary spells a token; None where there is none."""
        tokens = self.metadata.get(TOKENS)
        if not isinstance(tokens, ArrayLength) or token >= len(tokens.starts):
            return None
        at = tokens.starts[token]
        with contents(self.path) as data:
            (length,) = struct.unpack_from(self.order + "Q", data, at)
            return data[at + 8 : at + 8 + length].decode("utf-8", "replace")

    @property
    def family(self) -> Family:
        return self.recognised.family

    @property
    def kind(self) -> str:
        """Of the model: "diffusion", "block" or "autoregressive"."""
        return self.family.kind

    @property
    def shift_logits(self) -> bool:
        return shift_of(self.metadata, self.family)

    @property
    def n_parameters(self) -> int:
        return sum(prod(tensor.shape) for tensor in self.tensors)

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the model, which may be split."""
        count = self.metadata.get("split.count", 0)
        first = f"-00001-of-{count:05}" if isinstance(count, int) else ""
        if not first or count < 2 or first not in self.path.name:
            return (self.path,)
        later = (first.replace("00001", f"{number:05}", 1) for number in range(2, count + 1))
        return (self.path, *(self.path.with_name(self.path.name.replace(first, n)) for n in later))

    @property
    def size_bytes(self) -> int:
        """Of its files, as far as they are there."""
        return sum(each.stat().st_size for each in self.files if each.exists())

    def of_architecture(self, key: str) -> Any:
        """A key under the architecture's name, such as `context_length`."""
        return self.metadata.get(f"{self.architecture}.{key}")

    def weight_types(self) -> Counter[int]:
        """How many weights there are of each ggml type number."""
        counted: Counter[int] = Counter()
        for tensor in self.tensors:
            counted[tensor.type] += prod(tensor.shape)
        return counted


def read_header(path: Path) -> Header:
    """Raises NotAModel, one line, for what is not the whole GGUF header of a model, RunError for
    what is no regular file; OSError as `open` does."""
    header = read_part(path)
    if not isinstance(header.metadata.get(ARCHITECTURE), str):
        raise NotAModel(f"{path} is a GGUF without an architecture: not a language model")
    return header


def read_part(path: Path) -> Header:
    """The same of any file of a model that is split: only the first names the architecture."""
    try:
        with contents(path) as data:
            return _Reader(data, path).header()
    except (EOFError, struct.error, OverflowError, MemoryError):
        raise NotAModel(
            f"{path} is cut off or damaged: its GGUF header is not whole: download it again"
        ) from None


@contextmanager
def contents(path: Path) -> Iterator[bytes | mmap]:
    """The bytes of a file. A vocabulary has 150,000 lengths to hop over: ten times as fast in
    memory as in a file."""
    with open_regular(path) as file:
        if fstat(file.fileno()).st_size == 0:
            yield b""
        else:
            with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                yield data


class _Reader:
    """Reads forward through the header."""

    def __init__(self, data: bytes | mmap, path: Path) -> None:
        self.data = data
        self.path = path
        self.order = "<"
        self.at = 0

    def header(self) -> Header:
        version = self._version()
        n_tensors, n_keys = self._count("tensors", MOST_TENSORS), self._count("keys", MOST_KEYS)
        metadata: dict[str, Any] = {}
        types: dict[str, int] = {}
        keys: dict[str, slice] = {}
        for _ in range(n_keys):
            start, key = self.at, self._string()
            if not key or key in metadata:
                raise NotAModel(f"{self.path} is damaged: its metadata has {key!r} twice or empty")
            types[key] = self._unpack("I")
            metadata[key] = self._value(types[key], key)
            keys[key] = slice(start, self.at)
        start = self.at
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        alignment = _alignment(metadata)
        layout = Layout(keys, slice(start, self.at), alignment)
        data_start = -(-self.at // alignment) * alignment
        return Header(self.path, version, metadata, types, tensors, data_start, layout, self.order)

    def _count(self, what: str, most: int) -> int:
        count = self._unpack("Q")
        if count > most:
            raise NotAModel(
                f"{self.path} claims {count:,} {what}: no model has so many, the file is damaged"
            )
        return count

    def _version(self) -> int:
        magic = self.data[:4]
        if magic != MAGIC:
            raise NotAModel(f"{self.path} is not a GGUF file{_what_instead(magic)}")
        self.at = 4
        raw = self._read(4)
        # A version that reads as a huge number was written on a machine of the other byte order.
        self.order = "<" if struct.unpack("<I", raw)[0] < 1 << 16 else ">"
        version = struct.unpack(self.order + "I", raw)[0]
        if version < 2:
            raise NotAModel(f"{self.path} is a GGUF of version {version}: too old to be read")
        return version

    def _tensor(self) -> TensorInfo:
        name = self._string()
        n_dimensions = self._unpack("I")
        if n_dimensions > MOST_DIMENSIONS or len(name.encode()) > LONGEST_TENSOR_NAME:
            raise NotAModel(
                f"{self.path} is damaged: its tensor {name!r} has {n_dimensions} dimensions and a "
                f"name of {len(name.encode())} bytes, of at most 4 and 63"
            )
        shape = tuple(self._unpack("Q") for _ in range(n_dimensions))
        return TensorInfo(name, shape, self._unpack("I"), self._unpack("Q"))

    def _value(self, kind: int, key: str) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            return self._array(key)
        if kind not in SCALARS:
            raise NotAModel(f"{self.path} is damaged: {key} is of the unknown type {kind}")
        return self._unpack(SCALARS[kind])

    def _array(self, key: str) -> ArrayLength:
        kind, length = self._unpack("I"), self._unpack("Q")
        if kind == STRING:
            starts = self._skip_strings(length, key == TOKENS)
            return ArrayLength(length, kind, starts=starts, end=self.at)
        if kind not in SCALARS:
            what = "arrays" if kind == ARRAY else f"the unknown type {kind}"
            raise NotAModel(f"{self.path} is damaged: {key} is an array of {what}")
        raw = self._read(length * struct.calcsize("=" + SCALARS[kind])) if length <= SHORT else b""
        if length > SHORT:
            self._skip(length * struct.calcsize("=" + SCALARS[kind]))
        values = struct.unpack(f"{self.order}{length}{SCALARS[kind]}", raw) if raw else ()
        return ArrayLength(length, kind, values)

    def _string(self) -> str:
        return self._read(self._unpack("Q")).decode("utf-8", "replace")

    def _unpack(self, code: str) -> Any:
        form = self.order + code
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]

    def _read(self, n: int) -> bytes:
        start = self.at
        self._skip(n)
        return self.data[start : self.at]

    def _skip(self, n: int) -> None:
        if self.at + n > len(self.data):
            raise EOFError
        self.at += n

    def _skip_strings(self, count: int, keep: bool) -> tuple[int, ...]:
        """Hop over strings; where each begins, if that is to be kept."""
        length_at = struct.Struct(self.order + "Q").unpack_from
        data, at, end = self.data, self.at, len(self.data)
        if count > (end - at) // 8:
            raise EOFError
        starts: list[int] = []
        for _ in range(count):
            if keep:
                starts.append(at)
            at += 8 + length_at(data, at)[0]
            if at > end:
                raise EOFError
        self.at = at
        return tuple(starts)


def _alignment(metadata: dict[str, Any]) -> int:
    alignment = metadata.get("general.alignment", 32)
    usable = isinstance(alignment, int) and 0 < alignment <= 1 << 20
    return alignment if usable else 32


def _what_instead(magic: bytes) -> str:
    if not magic:
        return ": it is empty"
    if magic[:2] == b"PK":
        return ": it looks like a PyTorch or zip file, which must be converted first"
    if magic.startswith(b"vers"):
        return ": it looks like a Git LFS pointer, so the model itself was not downloaded"
    if magic in (b"ggjt", b"tjgg", b"lmgg", b"ggml"):
        return ": it is of an older format, which must be converted first"
    return ""
