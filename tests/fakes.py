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
            seen = seen.copy()
            seen[window] = query.tokens[window]
        self.seen[query.sequence] = seen
        return self.rows(seen)[rows]
