"""Denoisers without a model, for the pure decoding logic."""

from __future__ import annotations

import numpy as np


class TableDenoiser:
    """Logits from a fixed random table: a row depends on every token of the canvas and on its
    position, as a real model's does. `shift` moves rows as Dream's do: row p - 1 predicts p.
    `sharpness` scales them: at 20 nearly every proposal is nearly certain."""

    has_cache = False
    max_sequences = 2

    def __init__(
        self, n_vocab: int = 12, shift: bool = False, seed: int = 0, sharpness: float = 1.0
    ) -> None:
        self.n_vocab = n_vocab
        self.mask_token = n_vocab - 1
        self.shift_logits = shift
        self.passes = 0
        self._sharpness = np.float32(sharpness)
        rng = np.random.default_rng(seed)
        self._mix = rng.normal(size=(64, n_vocab, n_vocab)).astype(np.float32)
        self._near = rng.normal(size=(n_vocab, n_vocab)).astype(np.float32)

    def rows(self, tokens: np.ndarray) -> np.ndarray:
        """All output rows (L, n_vocab), unshifted: what the model itself would give."""
        length = len(tokens)
        context = sum(self._mix[i % 64, t] for i, t in enumerate(tokens)) / np.sqrt(length)
        own = np.stack([self._mix[(7 * i + 3) % 64, t] for i, t in enumerate(tokens)])
        before = self._near[np.roll(tokens, 1)]
        # Quantised, so that ties happen and have to be broken by rule.
        return self._sharpness * np.round((context + 1.5 * own + before) * 4).astype(np.float32) / 4

    def logits(self, queries):
        self.passes += 1
        return [self._wanted(query) for query in queries]

    def _wanted(self, query) -> np.ndarray:
        rows = np.asarray(query.positions)
        if self.shift_logits:
            rows = np.maximum(rows - 1, 0)
        return self.rows(query.tokens)[rows]


class CachingDenoiser(TableDenoiser):
    """A table whose rows come from what was last evaluated: what is not recomputed is stale."""

    has_cache = True

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.seen: dict[int, np.ndarray] = {}

    def _wanted(self, query) -> np.ndarray:
        seen = self.seen.get(query.sequence)
        rows = np.asarray(query.positions)
        rows = np.maximum(rows - 1, 0) if self.shift_logits else rows
        if query.recompute is None:
            seen = query.tokens.copy()
        else:
            window = np.union1d(query.recompute, rows)
            grown = len(query.tokens) - len(seen)
            assert grown == (window >= len(seen)).sum(), "what is new is to be evaluated"
            seen = np.concatenate([seen, query.tokens[len(seen) :]])
            seen[window] = query.tokens[window]
        self.seen[query.sequence] = seen
        return self.rows(seen)[rows]


class BlockTable:
    """A table for texts in blocks, of two layers: cells that hold what a position saw when it was
    read, and rows that come from the cells that it sees now. So a wrong border, a wrong direction
    or an old cell shows. All sums are of multiples of 1/16, and exact in any order.

    text, block, shift, first: as `profile.Profile` has them; `in_part`: whether part of a block can
    be evaluated against the kept rest.
    """

    max_sequences = 2

    def __init__(
        self,
        length: int,
        text: str = "block",
        block: str = "both ways",
        shift: str = "none",
        first: str = "denoised",
        *,
        seed: int = 0,
        sharpness: float = 1.0,
        in_part: bool = True,
        n_vocab: int = 12,
    ) -> None:
        self.length, self.text, self.block, self.shift, self.first = (
            length,
            text,
            block,
            shift,
            first,
        )
        self.n_vocab, self.mask_token = n_vocab, n_vocab - 1
        self.has_cache = in_part
        self.asked: list = []
        self._kept: dict[int, tuple] = {}
        self._sharpness = sharpness
        rng = np.random.default_rng(seed)
        self._embedded = np.round(rng.normal(size=(64, n_vocab, n_vocab)) * 16) / 16
        self._head = np.round(rng.normal(size=(n_vocab, n_vocab)) * 4) / 4

    def cells(self, tokens, sees) -> np.ndarray:
        """(L, d) what each position keeps; sees: (L, L) flags."""
        tokens, sees = np.asarray(tokens), np.asarray(sees, float)
        own = self._embedded[np.arange(len(tokens)) % 64, tokens]
        seen = (sees @ own) / np.sqrt(sees.sum(axis=1, keepdims=True))
        return np.clip(np.round((own + seen) * 16) / 16, -2, 2)

    def rows(self, cells, sees) -> np.ndarray:
        """(L, n_vocab) what each position's row is, unshifted."""
        sees = np.asarray(sees, float)
        seen = (sees @ cells) / np.sqrt(sees.sum(axis=1, keepdims=True))
        mixed = np.round((seen + cells) * 16) / 16 @ self._head
        # Quantised, so that ties happen and have to be broken by rule.
        return (self._sharpness * np.round(mixed * 2) / 4).astype(np.float32)

    def logits(self, queries):
        self.asked += queries
        return [self._wanted(query) for query in queries]

    def _wanted(self, query) -> np.ndarray:
        tokens = query.tokens.copy()
        last = len(tokens) - 1
        start = max(0, last - (last - query.origin) % self.length)
        wanted = np.asarray(query.positions)
        sources = {
            "none": wanted,
            "in block": np.maximum(wanted - 1, start),
            "row before": np.maximum(wanted - 1, 0),
        }[self.shift]
        if self.first == "autoregressive" and start > 0:
            sources = np.where(wanted == start, start - 1, sources)
        assert start - 1 <= sources[0]
        assert sources[-1] < len(tokens)
        return self._evaluated(query, tokens, start, sources)[sources]

    def _evaluated(self, query, tokens, start, sources) -> np.ndarray:
        sees = self._sees(len(tokens), start, query.origin)
        cells = self.cells(tokens, sees)
        where, kept = self._kept.get(query.sequence, (None, cells))
        if query.recompute is not None and self.has_cache:
            assert where == (start, len(tokens)), "nothing of this block is kept"
            old = np.setdiff1d(np.arange(start, len(tokens)), query.recompute)
            cells[old] = kept[old]
        if sources[-1] >= start:
            self._kept[query.sequence] = (start, len(tokens)), cells
        return self.rows(cells, sees)

    def _sees(self, length, start, origin) -> np.ndarray:
        at = np.arange(length)
        causal = at[None, :] <= at[:, None]
        number = (at - origin) // self.length
        sees = causal if self.text == "causal" else number[None, :] <= number[:, None]
        if self.block == "both ways":
            sees[start:, start:] = True
        else:
            sees[start:] = causal[start:]
        return sees
