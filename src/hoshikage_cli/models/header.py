"""The header of a GGUF file, read without llama.cpp: metadata and the table of tensors.

Reading stops before the weights, and of arrays (vocabularies of 150,000 pieces) little more than
the length is kept, so that a look at a model of any size takes a fraction of a second.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from mmap import ACCESS_READ, mmap
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import RunError
from ..llama.families import ARCHITECTURE, MASK_IDS, Family, Recognised, recognise, shift_of

MAGIC = b"GGUF"
# struct's letters for the types of the format, by number: 8 is a string, 9 an array.
SCALARS = dict(enumerate("BbHhIif?")) | dict(enumerate("Qqd", start=10))
STRING, ARRAY = 8, 9
TOKENS = "tokenizer.ggml.tokens"


class NotAModel(RunError):
    """A file that is no GGUF, or not a whole one."""


@dataclass(frozen=True)
class ArrayLength:
    """What is kept of an array in the metadata."""

    length: int
    texts: dict[int, str] = field(default_factory=dict)
    """Of texts those at MASK_IDS: where a vocabulary has a mask token, if it has a known one."""


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

    order: str
    """Its byte order, in struct's spelling."""
    keys: dict[str, slice]
    """Where each key stands with its value."""
    tensors: slice
    """Where the table of tensors stands, behind the keys."""
    alignment: int
    """The data begins at a multiple of it."""


@dataclass(frozen=True)
class Header:
    path: Path
    version: int
    metadata: dict[str, Any]
    tensors: tuple[TensorInfo, ...]
    data_start: int
    layout: Layout
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

    def _text(self, token: int) -> str | None:
        tokens = self.metadata.get(TOKENS)
        return tokens.texts.get(token) if isinstance(tokens, ArrayLength) else None

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
    """Raises NotAModel, one line, for what is not a whole GGUF header; OSError as `open` does."""
    try:
        with open(path, "rb") as file, _contents(file) as data:
            return _Reader(data, path).header()
    except (EOFError, struct.error, OverflowError, MemoryError):
        raise NotAModel(f"{path} is cut off or damaged: its GGUF header is not whole") from None
    except (UnicodeDecodeError, KeyError):
        raise NotAModel(f"{path} is damaged: its GGUF header cannot be read") from None


def check_whole(header: Header) -> None:
    """Raises NotAModel when the file ends before its last tensor does."""
    from gguf import GGML_QUANT_SIZES

    sizes = {kind.value: size for kind, size in GGML_QUANT_SIZES.items()}
    end = 0
    for tensor in header.tensors:
        block, size = sizes.get(tensor.type, (1, 0))
        end = max(end, tensor.offset + prod(tensor.shape) // block * size)
    missing = header.data_start + end - header.path.stat().st_size
    if missing > 0:
        raise NotAModel(f"{header.path} is cut off: {missing:,} bytes are missing at its end")


def _contents(file: BinaryIO) -> AbstractContextManager[bytes | mmap]:
    # A vocabulary has 150,000 lengths to hop over: ten times as fast in memory as in a file.
    if fstat(file.fileno()).st_size == 0:
        return nullcontext(b"")
    return mmap(file.fileno(), 0, access=ACCESS_READ)


class _Reader:
    """Reads forward through the header."""

    def __init__(self, data: bytes | mmap, path: Path) -> None:
        self.data = data
        self.path = path
        self.order = "<"
        self.at = 0

    def header(self) -> Header:
        version = self._version()
        n_tensors, n_keys = self._unpack("Q"), self._unpack("Q")
        metadata, keys = {}, {}
        for _ in range(n_keys):
            start, name = self.at, self._string()
            metadata[name] = self._value(self._unpack("I"))
            keys[name] = slice(start, self.at)
        if ARCHITECTURE not in metadata:
            raise NotAModel(f"{self.path} is a GGUF without an architecture: not a language model")
        start = self.at
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        alignment = int(metadata.get("general.alignment", 32)) or 32
        layout = Layout(self.order, keys, slice(start, self.at), alignment)
        data_start = -(-self.at // alignment) * alignment
        return Header(self.path, version, metadata, tensors, data_start, layout)

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
        shape = tuple(self._unpack("Q") for _ in range(min(n_dimensions, 8)))
        return TensorInfo(name, shape, self._unpack("I"), self._unpack("Q"))

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            return self._array()
        return self._unpack(SCALARS[kind])

    def _array(self) -> ArrayLength:
        kind, length = self._unpack("I"), self._unpack("Q")
        if kind == STRING:
            return ArrayLength(length, self._texts(length))
        if kind in SCALARS:
            self._skip(length * struct.calcsize("=" + SCALARS[kind]))
        else:
            for _ in range(length):
                self._value(kind)
        return ArrayLength(length)

    def _texts(self, length: int) -> dict[int, str]:
        """Hop over so many texts; those at MASK_IDS are read."""
        found, at = {}, 0
        for index in (i for i in MASK_IDS if i < length):
            self._skip_strings(index - at)
            found[index], at = self._string(), index + 1
        self._skip_strings(length - at)
        return found

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

    def _skip_strings(self, count: int) -> None:
        length_at = struct.Struct(self.order + "Q").unpack_from
        data, at, end = self.data, self.at, len(self.data)
        for _ in range(count):
            at += 8 + length_at(data, at)[0]
            if at > end:
                raise EOFError
        self.at = at


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
