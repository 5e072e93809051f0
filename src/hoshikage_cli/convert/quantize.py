"""Quantising a file: in a process of its own, which can be ended at any moment.

The library's quantiser neither stops nor says how far it is within a tensor, and what it writes is
only a file at the end. So a child calls it and tells what it begins; ours waits, and what is
written has its name when it is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from math import prod
from pathlib import Path

from ..errors import RunError, UsageError
from ..files import refuse_input, replacing_by_name
from ..models.check import BLOCKS, check
from ..models.header import Header, read_header
from ..models.quantisations import Quantisation, is_quantised, least_size
from . import child
from .child import Tell

GB = 10**9


def quantize(
    header: Header,
    target: Path,
    wanted: Quantisation,
    *,
    again: bool = False,
    threads: int | None = None,
    on_progress: Callable[[float], object] | None = None,
) -> Header:
    """Write a model to `target`, quantised; what it has become. again: whether weights that are
    quantised already may be, at a loss. on_progress hears the share that is done, 0 to 1.

    Raises UsageError for what is refused before anything is written, RunError for what fails
    thereafter; `target` is then as it was.
    """
    check(header)
    refuse_input(target, *header.files)
    if is_quantised(header) and not again:
        raise UsageError(
            f"{header.path.name} is quantised already, and loses more each time: quantise the F32 "
            "or BF16 model instead, or go on with --requantize"
        )
    refuse_no_room(target, least_size(header, wanted))
    report = _sharing(header, on_progress)
    with replacing_by_name(target) as draft:
        arguments = (str(header.path), str(draft), wanted.number, again, threads or 0)
        child.run(_quantize, arguments, report, tick=lambda: None)
    return read_header(target)


def refuse_no_room(target: Path, needed: int) -> None:
    """Raises RunError where a disk has less than that."""
    folder = next(each for each in target.absolute().parents if each.exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RunError(
            f"{target.name} takes {needed / GB:.1f} GB, and {free / GB:.1f} GB are free in "
            f"{folder}: make room, or write it elsewhere"
        )


def _sharing(
    header: Header, on_progress: Callable[[float], object] | None
) -> Callable[[str], None]:
    """What hears the names of tensors, and tells the share that is done."""
    sizes = {tensor.name: _size(tensor.shape, tensor.type) for tensor in header.tensors}
    total, done, last = sum(sizes.values()) or 1, 0, ""

    def hear(name: str) -> None:
        nonlocal done, last
        done, last = done + sizes.get(last, 0), name
        if on_progress is not None:
            on_progress(min(1.0, done / total))

    return hear


def _size(shape: tuple[int, ...], kind: int) -> int:
    weights, size = BLOCKS[kind]
    return prod(shape) // weights * size


# --------------------------------------------------------------------------------- the child


def _quantize(source: str, target: str, number: int, again: bool, threads: int, tell: Tell) -> None:
    from ..llama.quantize import quantize

    quantize(Path(source), Path(target), number, again=again, threads=threads, on_tensor=tell)
