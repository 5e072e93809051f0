"""What a forward pass costs on this machine by the number of positions it evaluates.

The curve is not a straight line: on some processors 64 positions are cheaper than 33. A cache that
evaluates part of the canvas reads from it how large that part had better be. It is measured once
for each model, thread count and library, and kept in the user's cache directory.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..decoding.denoiser import Query
from ..errors import RunError, SettingsError
from ..files import cache_folder, read_text, write_whole
from ..llama.canvases import CanvasContext
from ..llama.library import build_info

Costs = tuple[tuple[int, float], ...]
"""(positions, seconds) in ascending order."""

SIZES = (8, 16, 32, 48, 64, 96, 128)
ROWS = 32
"""Rows of logits that a timed pass asks for, as a block does."""


def costs_of(context: CanvasContext) -> Costs:
    """The curve of this context's model, threads and library, measured where it is not known."""
    path = _file_of(context)
    known = _read(path)
    if known:
        return known
    costs = measure(context)
    _write(path, costs)
    return costs


def measure(context: CanvasContext) -> Costs:
    """Time passes over part of a canvas, the better of two each; the context is cleared."""
    length = context.length
    tokens = np.full(length, context.mask_token, np.int32)
    context.clear()
    context.logits([Query(tokens, np.arange(min(ROWS, length)))])
    curve = tuple(
        (size, min(_seconds(context, tokens, size) for _ in range(2))) for size in _sizes(context)
    )
    context.clear()
    return curve


def _sizes(context: CanvasContext) -> list[int]:
    return [size for size in SIZES if size < context.length]


def _seconds(context: CanvasContext, tokens: np.ndarray, size: int) -> float:
    window = np.arange(len(tokens) - size, len(tokens))
    began = time.perf_counter()
    context.logits([Query(tokens, window[:ROWS], window)])
    return time.perf_counter() - began


def _file_of(context: CanvasContext) -> Path:
    path = context.model.path
    facts = path.stat()
    key = [str(path.resolve()), facts.st_size, facts.st_mtime_ns, context.threads]
    key += [len(_sizes(context)), platform.node(), str(build_info())]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    return cache_folder() / "costs" / f"{digest}.json"


def _read(path: Path) -> Costs:
    """What is kept; nothing where that is no curve."""
    try:
        costs = tuple(
            (int(size), float(cost)) for size, cost in json.loads(read_text(path) or "[]")
        )
    except (SettingsError, ValueError, TypeError, OverflowError, RecursionError):
        return ()
    rising = all(one < other for (one, _), (other, _) in pairwise(costs))
    return costs if rising and all(0 < cost < math.inf for _, cost in costs) else ()


def _write(path: Path, costs: Costs) -> None:
    # A cache that cannot be written is measured again next time.
    with suppress(RunError):
        write_whole(path, json.dumps(costs))
