"""Whether there is room for a context, before anything is allocated: the library would fill the
memory of the machine first, and only then refuse, or be killed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ContextError

if TYPE_CHECKING:
    from .model import Model

LOGIT = 4
"""Bytes of a logit."""
MASK = 2
"""Bytes that say whether one position attends to another, at the least."""
STACK = 8 << 20
"""Bytes of address space that a thread takes."""
LEAST_MOST_THREADS = 64
THREADS_A_PROCESSOR = 8
GIB = 1 << 30


@dataclass(frozen=True)
class Need:
    """Bytes that a context takes at the least, by what they are for."""

    cells: int
    """Keys and values."""
    mask: int
    """Who attends to whom, in a pass over all that is decoded together."""
    logits: int

    @property
    def total(self) -> int:
        return self.cells + self.mask + self.logits

    def __str__(self) -> str:
        parts = {"keys and values": self.cells, "attention": self.mask, "logits": self.logits}
        told = [f"{size / GIB:,.1f} of {name}" for name, size in parts.items() if size > GIB / 20]
        return f"{self.total / GIB:,.1f} GiB ({', '.join(told)})"


def need_of(model: Model, length: int, sequences: int, batch: int, rows: int) -> Need:
    """What a context of so many sequences of so many positions takes, `batch` of them decoded at a
    time, `rows` of which give logits."""
    cells = length * sequences * bytes_of_cell(model.metadata)
    return Need(cells, batch * length * MASK, rows * model.n_vocab * LOGIT)


def bytes_of_cell(metadata: Mapping[str, object]) -> int:
    """Of the keys and values of a position; 0 where the file does not say it in plain numbers, as
    the library tells them or as the header has them."""
    architecture = metadata.get("general.architecture", "")

    def number(key: str) -> int:
        text = str(metadata.get(f"{architecture}.{key}", ""))
        return int(text) if text.isdigit() else 0

    heads = number("attention.head_count")
    if not heads:
        return 0
    size = number("attention.key_length") or number("embedding_length") // heads
    both = size + (number("attention.value_length") or size)
    return number("block_count") * (number("attention.head_count_kv") or heads) * both * 2


def refuse_too_large(need: Need, positions: int) -> None:
    """Raises ContextError for what is more than there is."""
    free = available()
    if free is not None and need.total > free:
        raise ContextError(
            f"no context of {positions:,} positions: it takes {need}, and {free / GIB:,.1f} GiB "
            "are free: lower --ctx-size, --max-tokens or --at-once"
        )


def refuse_too_many(threads: int, processors: int) -> None:
    """Raises ContextError for threads that would only get in each other's way, and that OpenMP
    ends the process for where memory is limited."""
    most = max(LEAST_MOST_THREADS, THREADS_A_PROCESSOR * processors)
    if threads > most:
        raise ContextError(
            f"--threads {threads}: more than {most} help nothing on {processors} processors: "
            "lower --threads"
        )
    left = _left_of_address_space()
    if left is not None and threads * STACK > left:
        raise ContextError(
            f"--threads {threads}: they take {threads * STACK / GIB:.1f} GiB of address space, and "
            f"{max(left, 0) / GIB:.1f} are left (ulimit -v): lower --threads"
        )


def available() -> int | None:
    """Bytes that this process may still take; None where the system does not say."""
    told = (_free(), _left_of_address_space(), _left_of_group())
    return min((size for size in told if size is not None), default=None)


def _free() -> int | None:
    lines = _lines("/proc/meminfo")
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    if "MemAvailable" not in told:
        return None
    return 1024 * sum(int(told.get(k, "0").split()[0]) for k in ("MemAvailable", "SwapFree"))


def _left_of_address_space() -> int | None:
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _lines("/proc/self/statm")
    if limit == resource.RLIM_INFINITY or not used:
        return None
    return limit - int(used[0].split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _left_of_group() -> int | None:
    """What a container leaves."""
    limit, used = (_lines(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if not (limit and used and limit[0].isdigit() and used[0].isdigit()):
        return None
    return int(limit[0]) - int(used[0])


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
