"""Texts in a context that are read in blocks, the last of which is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..decoding.denoiser import Query
from . import library
from ._native import ffi, lib
from .block_attention import BlockAttention
from .blocks import Kept, Piece, Reader, Work
from .context import Context
from .errors import ContextError
from .model import Model

BATCH = 512
"""Positions that one pass evaluates at most, where a block of every sequence is not more."""

COPIED = 32
"""Positions at the least whose cells are copied from another sequence: to evaluate fewer is as soon
done."""

NONE = np.empty(0, np.int64)

Share = tuple[Work, Piece]


class BlockContext(Context):
    """A Denoiser of texts, in `sequences` cached sequences, with room for `length` positions each
    at first: it grows, and what is cached goes with it.

    A query's tokens are the whole text up to the end of the block under way, its positions lie in
    that block, and the block begins where `origin` and the block length say. `recompute` smaller
    than the block evaluates only that much of it, where the block has been evaluated whole before
    and the bound library can (`has_cache`); else it counts for nothing.

    The context knows what its cells were computed from and evaluates what is not there: the prompt
    at first, later each finished block, together with the next one where the library can read many
    blocks in a pass (`one_pass`). Rows of a whole block are those that a fresh context would give,
    whatever was asked before: earlier blocks may have been edited, passes stopped, other texts
    begun in the same sequence. So nothing needs to be cleared between the turns of a chat, or
    between texts that begin alike; and what texts of several sequences begin with in common is
    evaluated in one and copied.

    passes and positions_decoded count what was evaluated since the context was made, `decoded` the
    positions of each sequence since it was made ready or they were taken out of it.

    Raises ContextError for an architecture that cannot go back in a text, ValueError for a batch
    that has no room for a block of every sequence.
    """

    grows: ClassVar[bool] = True

    def __init__(
        self,
        model: Model,
        attention: BlockAttention,
        *,
        length: int,
        sequences: int = 1,
        threads: int | None = None,
        mask_token: int | None = None,
        batch: int | None = None,
        one_pass: bool | None = None,
        cell_type: str = "F16",
    ) -> None:
        if not model.can_repeat:
            raise ContextError(
                f"the architecture {model.architecture} cannot repeat a block: it keeps a state "
                "that runs along the text and cannot go back"
            )
        self.attention = attention
        size = attention.length
        batch = batch or max(BATCH, size * sequences)
        if batch < size * sequences:
            # Cut in two, a block would see only part of itself; without order, the library aborts.
            raise ValueError(f"{sequences} blocks of {size} do not fit a batch of {batch}")
        super().__init__(
            model,
            length=self._cells_for(length),
            sequences=sequences,
            batch=batch,
            causal=True,
            threads=threads,
            # Passes over few positions would round otherwise than those over many.
            flash_attention=False,
            outputs=sequences * (size + 1),
            cell_type=cell_type,
        )
        if not self._has_memory:
            self.close()
            raise ContextError(f"the bound libllama has no cache for {model.architecture}")
        self.mask_token = model.mask_token if mask_token is None else mask_token
        self.shift_logits = attention.shift != "none"
        self.has_cache = self._patched
        self.one_pass = self._patched and one_pass is not False
        self.passes = self.positions_decoded = 0
        self.decoded: Counter[int] = Counter()
        self._mode = "causal"
        self._kept: dict[int, Kept] = {}
        self._reader = Reader(attention, batch // sequences, self.one_pass, self.has_cache)

    @property
    def cells(self) -> dict[int, NDArray[np.int32]]:
        """By sequence, the text that is cached; a last part short of a block does not count."""
        return {sequence: kept.text for sequence, kept in self._kept.items()}

    @property
    def longest(self) -> int:
        """Positions of a text that there is room for."""
        return self.length - self.attention.length

    def ready(self, length: int) -> None:
        """What is cached stays: it is known what that was computed from."""
        self.decoded.clear()
        self.reserve(length)

    def reserve(self, length: int) -> None:
        """Make room for texts of `length`, with what is cached carried over. Raises ContextError,
        and then nothing has changed."""
        if length <= self.longest:
            return
        cells = {sequence: self._cells(sequence) for sequence in self._kept}
        self._reopen(self._cells_for(length))
        self._mode = "causal"
        for sequence, each in cells.items():
            self._put(sequence, self._kept[sequence], each)

    def clear(self) -> None:
        super().clear()
        self._kept.clear()

    def logits(self, queries: Sequence[Query]) -> list[NDArray[np.float32]]:
        """Rows (n, n_vocab) that predict the positions of each query.

        The block of a query is evaluated if a position needs a row of it. With n = 0, or where the
        row before the block is all that is needed, the text before the block is cached and no more.
        The arrays may be views of the library's memory, valid until the next call. Raises
        DecodeError, ValueError for a query that does not fit the context.
        """
        self._check(queries)
        longest = max((len(query.tokens) for query in queries), default=0)
        if longest > self.longest:
            self.reserve(max(longest, 2 * self.longest))
        for i, query in enumerate(queries):
            self._share(query, queries[:i])
        works = [self._work(query) for query in queries]
        self._carry_out(works)
        return [work.answer() if len(work.rows) else self._outputs(0) for work in works]

    def _carry_out(self, works: list[Work]) -> None:
        for work in works:
            self._begin(work)
        # The library evaluates sequences together that follow each other.
        passes = _passes(sorted(works, key=lambda work: work.query.sequence), self.attention.length)
        for i, shares in enumerate(passes):
            self._pass(shares, last=i == len(passes) - 1)

    def _share(self, query: Query, others: Sequence[Query]) -> None:
        """Let a sequence have the beginning of its text from another that has it, or that is about
        to: what the text has in common with another query's is evaluated there first."""
        reader, least = self._reader, max(COPIED, 2 * self.attention.length)

        def same(sequence: int) -> int:
            return reader.same(query, self._kept.get(sequence, Kept()))

        own = same(query.sequence)
        if reader.start(query) - own < least:
            return
        coming = [reader.same(query, reader.will_have(other)) for other in others]
        if coming and max(coming) - max(map(same, self._kept), default=0) >= least:
            length = max(coming)
            other = others[coming.index(length)]
            beginning = replace(other, tokens=other.tokens[: length + 1], positions=NONE)
            self._carry_out([self._work(replace(beginning, recompute=None))])
        source = max(self._kept, key=same, default=query.sequence)
        if same(source) - own >= least:
            kept = self._kept[source].beginning(same(source))
            self._put(query.sequence, kept, self._cells(source))

    def _check(self, queries: Sequence[Query]) -> None:
        if len({query.sequence for query in queries}) < len(queries):
            raise ValueError("two queries of one call cannot be of the same sequence")
        for query in queries:
            if not (len(query.tokens) and 0 <= query.sequence < self.max_sequences):
                raise ValueError(
                    f"a text of {len(query.tokens)} in sequence {query.sequence} does not fit a "
                    f"context of {self.max_sequences} sequences"
                )

    def _work(self, query: Query) -> Work:
        return self._reader.work(query, self._kept.get(query.sequence, Kept()))

    def _begin(self, work: Work) -> None:
        """Remove the cells that are about to be computed again, and those behind them."""
        if not work.pieces:
            return
        work.begin()
        self._kept[work.query.sequence] = work.kept
        offset = work.kept.offset
        if not work.part:
            self._remove(work, offset + work.same if work.same else -1, -1)
            return
        window = work.pieces[0].window + offset
        for run in np.split(window, np.flatnonzero(np.diff(window) != 1) + 1):
            self._remove(work, int(run[0]), int(run[-1]) + 1)

    def _remove(self, work: Work, first: int, end: int) -> None:
        if not lib.llama_memory_seq_rm(self._memory, work.query.sequence, first, end):
            raise ContextError(f"the memory of {self.model.architecture} cannot go back in a text")

    def _pass(self, shares: list[Share], last: bool) -> None:
        """Decode one piece each of several works, in the same mode."""
        self._attend(shares[0][1].mode)
        self._batch.clear()
        for work, piece in shares:
            outputs = np.zeros(len(piece.window), np.int8)
            outputs[np.searchsorted(piece.window, piece.outputs)] = 1
            tokens, at = work.query.tokens[piece.window], piece.window + work.kept.offset
            self._batch.append(tokens, at, work.query.sequence, outputs)
        self._decode()
        self.passes += 1
        self.positions_decoded += self._batch.count
        rows = self._outputs(sum(len(piece.outputs) for _, piece in shares))
        # The next pass overwrites what this one left.
        rows = rows if last else rows.copy()
        for work, piece in shares:
            self.decoded[work.query.sequence] += len(piece.window)
            work.done(piece, rows[: len(piece.outputs)])
            rows = rows[len(piece.outputs) :]

    def _cells_for(self, length: int) -> int:
        """Cells of a text of this length: whole blocks, of which the first may begin before it."""
        size = self.attention.length
        return (-(-length // size) + 1) * size

    def _cells(self, sequence: int) -> NDArray[np.uint8]:
        """The cells of a sequence, as the library writes them."""
        with library.calling():
            size = lib.llama_state_seq_get_size(self._handle, sequence)
            cells = np.empty(size, np.uint8)
            data = ffi.from_buffer("uint8_t[]", cells)
            lib.llama_state_seq_get_data(self._handle, data, size, sequence)
        return cells

    def _put(self, sequence: int, kept: Kept, cells: NDArray[np.uint8]) -> None:
        """Give a sequence these cells, which hold `kept`. If the library does not take them, or has
        left some out, as it does outside a window, the sequence is empty."""
        with library.calling():
            data = ffi.from_buffer("uint8_t[]", cells)
            taken = lib.llama_state_seq_set_data(self._handle, data, len(cells), sequence)
        first = lib.llama_memory_seq_pos_min(self._memory, sequence)
        self._kept[sequence] = kept
        if taken != len(cells) or first != kept.offset:
            lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self._kept[sequence] = Kept()

    def _attend(self, mode: str) -> None:
        if mode == self._mode:
            return
        lib.llama_set_causal_attn(self._handle, mode != "both ways")
        lib.hoshi_set_attn_block(self._handle, self.attention.length if mode == "block" else 0)
        self._mode = mode


def _passes(works: list[Work], size: int) -> list[list[Share]]:
    """Which pieces are decoded together. Each work's come in their order, and the last pieces of
    all come last, so that one pass can give all rows."""
    rounds = max((len(work.pieces) for work in works), default=0)
    passes: list[list[Share]] = []
    for left in range(rounds, 0, -1):
        due = [(work, work.pieces[-left]) for work in works if len(work.pieces) >= left]
        alike: dict[tuple[str, int], list[Share]] = {}
        for work, piece in due:
            alike.setdefault((piece.mode, _share_of(work, piece, size)), []).append((work, piece))
        passes += alike.values()
    return passes


def _share_of(work: Work, piece: Piece, size: int) -> int:
    """How many positions the others of a pass must have as well; 0: as many as they like. The
    library cuts a batch of unequal shares where the shorter ones end, which is to be no place
    within a block. What is read causally can be cut anywhere."""
    begins, count = int(piece.window[0]) + work.kept.offset, len(piece.window)
    whole = piece.mode == "block" and begins % size == 0 and count % size == 0
    return 0 if whole or piece.mode == "causal" else count
