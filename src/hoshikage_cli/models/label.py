"""Writing into a GGUF what it is: keys set anew, everything else kept byte for byte.

Where the tensors are is counted from the start of the data, so that keys may be put in front of
them and the rest copied as it is.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Mapping
from pathlib import Path

from ..errors import UsageError
from ..files import replacing
from .header import MAGIC, STRING, Header

UINT32 = 4
PARTS = "split.count"


def write_labelled(header: Header, target: Path, keys: Mapping[str, str | int]) -> None:
    """Write a model to `target`, which may be its own file, with these keys set.

    Raises RunError where it cannot be written, and the old file is as it was; UsageError for a copy
    of one of several files of a model.
    """
    if target != header.path:
        _refuse_part(header)
    with open(header.path, "rb") as source, replacing(target) as file:
        head = _head(header, source.read(header.data_start), keys)
        file.write(head + bytes(-len(head) % header.layout.alignment))
        source.seek(header.data_start)
        shutil.copyfileobj(source, file, 1 << 20)


def _refuse_part(header: Header) -> None:
    # The files of a model find each other by their names.
    if int(header.metadata.get(PARTS, 0)) > 1:
        raise UsageError(
            f"{header.path.name} is one of several files of a model: label it with --in-place"
        )


def _head(header: Header, old: bytes, keys: Mapping[str, str | int]) -> bytes:
    """All that stands before the data, without padding: counts, keys, the table of tensors."""
    layout = header.layout
    kept = [old[place] for name, place in layout.keys.items() if name not in keys]
    new = [_key(header.order, name, value) for name, value in keys.items()]
    counts = (header.version, len(header.tensors), len(kept) + len(new))
    start = MAGIC + struct.pack(header.order + "IQQ", *counts)
    return b"".join([start, *kept, *new, old[layout.tensors]])


def _key(order: str, name: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return _text(order, name) + struct.pack(order + "II", UINT32, value)
    return _text(order, name) + struct.pack(order + "I", STRING) + _text(order, value)


def _text(order: str, text: str) -> bytes:
    encoded = text.encode("utf-8")
    return struct.pack(order + "Q", len(encoded)) + encoded
