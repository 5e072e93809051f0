"""Texts that are read in blocks: what is evaluated for a query, and what stays cached of it.

The reckoning alone, which needs no library; `BlockContext` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..decoding.denoiser import Query
from .block_attention import BlockAttention
from .views import ascends, picked

Tokens = NDArray[np.int32]
Positions = NDArray[np.int64]
Rows = NDArray[np.float32]


@dataclass
class Kept:
    """What the cells of one sequence were computed from.

    Invariant: the first len(text) cells hold what reading `text` afresh would give, up to its last
    border between blocks. Behind them anything may stand, such as what a stopped pass has left.
    """

    offset: int = 0
    """What the library adds to positions (`BlockAttention.offset`)."""
    text: Tokens = field(default_factory=lambda: np.empty(0, np.int32))
    block: tuple[int, int] | None = None
    """The block, from and to, that has cells behind text[:from], of whichever tokens."""
    next_row: tuple[int, Rows] | None = None
    """So many tokens of `text`, and the row that predicts the one behind them."""

    def cut(self, length: int) -> None:
        """Only so many tokens can be relied on from now."""
        self.text = self.text[:length]
        self.block = None
        if self.next_row and self.next_row[0] > length:
            self.next_row = None

    def beginning(self, length: int) -> Kept:
        """The same of the first `length` tokens, for cells that are copied."""
        copied = Kept(self.offset, self.text, next_row=self.next_row)
        copied.cut(length)
        return copied

    def predicts(self, length: int) -> bool:
        return self.next_row is not None and self.next_row[0] == length


@dataclass(frozen=True)
class Piece:
    """Positions that are decoded together."""

    mode: str
    """How they attend: `block`, `both ways` or `causal`."""
    window: Positions
    """The positions, ascending."""
    outputs: Positions
    """Those of them that give a row, ascending."""


@dataclass
class Work:
    """What one query takes, and what has come of it."""

    query: Query
    kept: Kept
    start: int
    """Where the block begins."""
    same: int
    """How many cells are kept as they are."""
    part: bool
    """Whether the block has cells already, of which only some are made anew."""
    text_mode: str
    """How the pieces of a text attend."""
    rows: Positions
    """For each position asked for, the one whose row predicts it."""
    own: Positions
    """Those of them that are of the block, each once, ascending."""
    pieces: list[Piece]
    """In the order in which they are decoded. A row of the block itself comes from the last."""
    found: Rows | None = None
    """The logits of `own`."""

    def begin(self) -> None:
        """Let go of what is about to be overwritten, so that a pass that fails leaves no lie."""
        if self.pieces:
            self.kept.cut(self.same)

    def done(self, piece: Piece, rows: Rows) -> None:
        """A piece was decoded; `rows` are those of its outputs."""
        if len(piece.outputs) and piece.outputs[0] < self.start:
            self.kept.next_row = (self.start, rows[0].copy())
            rows = rows[1:]
        end = int(piece.window[-1]) + 1
        if end > self.start:
            self.found = rows
            self.kept.block = (self.start, len(self.query.tokens))
        if piece.mode == self.text_mode and not self.part:
            self.kept.text = self.query.tokens[:end].copy()

    def answer(self) -> Rows:
        """The rows asked for; a view of those found where they lie together."""
        places = np.searchsorted(self.own, self.rows)
        if self.found is not None and self.rows[0] >= self.start:
            return picked(self.found, places)
        assert self.kept.next_row is not None
        first = self.kept.next_row[1][None]
        table = first if self.found is None else np.concatenate([first, self.found])
        return table[np.where(self.rows < self.start, 0, places + 1)]


@dataclass(frozen=True)
class Reader:
    """Works out what a query takes."""

    attention: BlockAttention
    room: int
    """Positions of one sequence that fit a pass: at least a block."""
    one_pass: bool
    """Whether many blocks can be read in one pass."""
    in_part: bool
    """Whether part of a block can be decoded anew."""

    @property
    def text_mode(self) -> str:
        if self.attention.text == "causal":
            return "causal"
        return "block" if self.one_pass else "both ways"

    @property
    def block_mode(self) -> str:
        """That of the text, where it comes to the same: the block's cells are then the text's."""
        if self.attention.block == "both ways" and self.attention.text == "block":
            return self.text_mode
        return self.attention.block

    def work(self, query: Query, kept: Kept) -> Work:
        """Raises ValueError for a query that does not name positions of its last block."""
        start = self.start(query)
        rows = self._sources(query.positions, start)
        _check(query, start, rows)
        same = self.same(query, kept)
        offset = self.attention.offset(query.origin)
        kept = kept if kept.offset == offset else Kept(offset)
        outputs = rows if ascends(rows) else np.unique(rows)
        own = outputs[np.searchsorted(outputs, start) :]
        if len(own) < len(outputs) and same == start and kept.predicts(start):
            outputs = own
        elif len(own) < len(outputs):
            same = min(same, self._cut(start - 1, query.origin))
        window = self._window(query, kept, start, same, own)
        pieces = self._pieces(query, start, same, window, outputs)
        part = len(window) < len(query.tokens) - start
        return Work(query, kept, start, same, part, self.text_mode, rows, own, pieces)

    def _sources(self, positions: Positions, start: int) -> Positions:
        """For each position of the block that begins at `start`, the one whose row predicts it."""
        if self.attention.shift == "none" and self.attention.first == "denoised":
            return positions
        rows = positions if self.attention.shift == "none" else positions - 1
        if self.attention.shift == "in block":
            rows = np.maximum(rows, start)
        if self.attention.first == "autoregressive":
            rows = np.where(positions == start, start - 1, rows)
        return np.maximum(rows, 0)

    def start(self, query: Query) -> int:
        """Where the last block of a text begins."""
        return self.attention.border(len(query.tokens) - 1, query.origin)

    def same(self, query: Query, kept: Kept) -> int:
        """How many cells were computed from what the text before the block now is."""
        if kept.offset != self.attention.offset(query.origin):
            return 0
        return self._cut(_common(kept.text, query.tokens[: self.start(query)]), query.origin)

    def will_have(self, query: Query) -> Kept:
        """What will be cached of a query when it is answered, at the least."""
        offset = self.attention.offset(query.origin)
        return Kept(offset, query.tokens[: self.start(query)])

    def _cut(self, position: int, origin: int) -> int:
        """Where a text can be cut so that what is before does not depend on what follows."""
        causal = self.attention.text == "causal"
        return position if causal else self.attention.border(position, origin)

    def _window(self, query: Query, kept: Kept, start: int, same: int, own: Positions) -> Positions:
        """The positions of the block to be decoded, if any are."""
        length = len(query.tokens)
        cached = self.in_part and same == start and kept.block == (start, length)
        if query.recompute is None or not cached:
            return np.arange(start, length)
        return np.union1d(query.recompute, own)

    def _pieces(
        self, query: Query, start: int, same: int, window: Positions, outputs: Positions
    ) -> list[Piece]:
        wanted = len(outputs) > 0 and bool(outputs[-1] >= start)
        whole = len(window) == len(query.tokens) - start
        if wanted and whole and self.block_mode == self.text_mode:
            parts = self._split(same, len(query.tokens), query.origin)
        else:
            parts = self._split(same, start, query.origin)
            parts += [(self.block_mode, window)] if wanted else []
        return [Piece(mode, part, _within(outputs, part)) for mode, part in parts]

    def _split(self, begin: int, end: int, origin: int) -> list[tuple[str, Positions]]:
        """A stretch of text in parts that fit a pass, cut between blocks. Without order, a block
        must not see the next one: each has a pass of its own."""
        step = self.attention.length if self.text_mode == "both ways" else self.room
        parts = []
        while begin < end:
            stop = min(end, self.attention.border(begin + step, origin))
            parts.append((self.text_mode, np.arange(begin, stop)))
            begin = stop
        return parts


def _within(outputs: Positions, window: Positions) -> Positions:
    """Those of the outputs that are of this window and of no other."""
    first, last = np.searchsorted(outputs, (window[0], window[-1] + 1))
    return outputs[first:last]


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens two texts begin with in common."""
    shorter = min(len(one), len(other))
    different = np.flatnonzero(one[:shorter] != other[:shorter])
    return int(different[0]) if len(different) else shorter


def _check(query: Query, start: int, rows: Positions) -> None:
    length, again = len(query.tokens), query.recompute
    asked, decoded = query.positions, again if again is not None else query.positions[:0]
    if len(asked) and (asked[0] < start or rows[-1] >= length):
        raise ValueError(f"positions {asked} are not all of the block [{start}, {length})")
    if len(decoded) and (decoded[0] < start or decoded[-1] >= length):
        raise ValueError(f"to decode {decoded} is not within the block [{start}, {length})")
