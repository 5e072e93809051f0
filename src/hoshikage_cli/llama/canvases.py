"""Canvases in a context: whole passes, and passes over part of a canvas that is cached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..decoding.denoiser import Query
from ._native import lib
from .context import Context
from .model import Model
from .views import ascends, picked


class CanvasContext(Context):
    """A Denoiser: room for `sequences` canvases of up to `length` positions, seen both ways.

    With the patched library there are keys and values to recompute in part (`has_cache`); with a
    stock one every pass evaluates everything.

    flash_attention: None leaves it to the library, which turns it on. Then a whole pass equals the
    stock library's to the bit, but passes over fewer than 64 positions go through a kernel that
    adds up in half precision (differences around 0.01 in the logits) and is slower for them; False
    makes a pass over part of a canvas agree with the whole one.

    Raises NoMaskToken when neither the vocabulary nor `mask_token` says which it is.
    """

    def __init__(
        self,
        model: Model,
        *,
        length: int,
        sequences: int = 1,
        threads: int | None = None,
        shift_logits: bool | None = None,
        mask_token: int | None = None,
        flash_attention: bool | None = None,
        cell_type: str = "F16",
    ) -> None:
        # Without causal attention a micro-batch must hold all that is decoded together.
        super().__init__(
            model,
            length=length,
            sequences=sequences,
            batch=length * sequences,
            causal=False,
            threads=threads,
            flash_attention=flash_attention,
            cell_type=cell_type,
        )
        self.mask_token = model.mask_token if mask_token is None else mask_token
        self.shift_logits = model.shift_logits if shift_logits is None else shift_logits
        # An autoregressive architecture always has memory, but a stock library does not let it
        # go back inside a text.
        self.has_cache = self._has_memory and (model.is_diffusion or self._patched)

    def logits(self, queries: Sequence[Query]) -> list[NDArray[np.float32]]:
        """Rows (n, n_vocab) that predict the positions of each query (`decoding.denoiser.Query`).

        One forward pass for all queries that decode equally many positions. The arrays are views
        of the library's memory where the rows lie together and one pass was enough, valid until
        the next call. `recompute` counts for a canvas that is cached, but for what it names; one
        that is not, or that was longer, is evaluated whole. Raises DecodeError, ValueError for a
        query that does not fit the context.
        """
        if not self._handle or not queries:
            return []
        parts = [self._part(query) for query in queries]
        _check_sequences(parts)
        groups = self._groups(parts)
        if len(groups) == 1:
            return self._pass(parts)
        rows: dict[int, NDArray[np.float32]] = {}
        for group in groups:
            # The next pass overwrites what this one left.
            found = self._pass([parts[i] for i in group])
            rows.update((i, array.copy()) for i, array in zip(group, found, strict=True))
        return [rows[i] for i in range(len(parts))]

    def _groups(self, parts: list[_Part]) -> list[list[int]]:
        """What goes into one pass. Each sequence has its own cells, and the library splits a batch
        of unequal shares into several, of which the first could not attend to the later ones.
        Without memory there is no such split."""
        by_size: dict[int, list[int]] = {}
        for i, part in enumerate(parts):
            by_size.setdefault(len(part.window) if self._has_memory else 0, []).append(i)
        return list(by_size.values())

    def _pass(self, parts: list[_Part]) -> list[NDArray[np.float32]]:
        self._batch.clear()
        for part in parts:
            if self._has_memory:
                self._forget(part)
            self._batch.append(part.tokens[part.window], part.window, part.sequence, part.wanted)
        self._decode()
        return self._share_out(parts)

    def _part(self, query: Query) -> _Part:
        length = len(query.tokens)
        if not (0 < length <= self.length and 0 <= query.sequence < self.max_sequences):
            raise ValueError(
                f"a canvas of {length} in sequence {query.sequence} does not fit a context of "
                f"{self.max_sequences} sequences of {self.length}"
            )
        rows = self._rows_of(query.positions)
        unique = rows if ascends(rows) else np.unique(rows)
        again = query.recompute
        if again is not None:
            again = np.union1d(again, rows)
            again = again if self._cached(query.sequence, length, again) else None
        window = np.arange(length) if again is None else again
        outputs = unique if self._has_memory else window
        return _Part(query.tokens, query.sequence, window, again is None, outputs, rows)

    def _cached(self, sequence: int, length: int, window: NDArray[np.int64]) -> bool:
        """Whether a sequence has cells for all of a canvas of this length that is not in the
        window, and none beyond: a canvas may have grown by what is decoded now."""
        if not self.has_cache:
            return False
        cells = lib.llama_memory_seq_pos_max(self._memory, sequence) + 1
        grown = len(window) - int(np.searchsorted(window, cells))
        return cells <= length and grown == length - cells

    def _forget(self, part: _Part) -> None:
        """Remove the cells of positions that are about to be decoded again."""
        if part.whole:
            lib.llama_memory_seq_rm(self._memory, part.sequence, -1, -1)
            return
        for run in np.split(part.window, np.flatnonzero(np.diff(part.window) != 1) + 1):
            if len(run):
                first, last = int(run[0]), int(run[-1])
                lib.llama_memory_seq_rm(self._memory, part.sequence, first, last + 1)

    def _rows_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The output rows that predict `positions`: the only place that knows of the shift."""
        return np.maximum(positions - 1, 0) if self.shift_logits else np.asarray(positions)

    def _share_out(self, parts: list[_Part]) -> list[NDArray[np.float32]]:
        """Each part's rows: they lie in the order of the batch."""
        outputs = self._outputs(sum(len(part.outputs) for part in parts))
        shares, start = [], 0
        for part in parts:
            share = outputs[start : start + len(part.outputs)]
            start += len(part.outputs)
            shares.append(part.pick(share))
        return shares


@dataclass(frozen=True)
class _Part:
    """What one query adds to a batch."""

    tokens: NDArray[np.int32]
    sequence: int
    window: NDArray[np.int64]
    """Ascending positions to decode."""
    whole: bool
    """Whether the window is the whole canvas."""
    outputs: NDArray[np.int64]
    """Ascending positions that give a row."""
    rows: NDArray[np.int64]
    """For each position asked for, the one whose row predicts it; twice the same where the shift
    makes positions 0 and 1 share row 0."""

    @property
    def wanted(self) -> NDArray[np.int8]:
        """For each position of the window, whether it gives a row."""
        wanted = np.zeros(len(self.window), np.int8)
        wanted[np.searchsorted(self.window, self.outputs)] = 1
        return wanted

    def pick(self, share: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows asked for, of those that there are; a view where they lie together."""
        return picked(share, np.searchsorted(self.outputs, self.rows))


def _check_sequences(parts: list[_Part]) -> None:
    if len({part.sequence for part in parts}) < len(parts):
        raise ValueError("two queries of one call cannot be of the same sequence")
