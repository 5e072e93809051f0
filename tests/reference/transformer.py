"""A transformer in numpy, double precision, for the architectures of `tools/random_model`.

Slow and plain: which position sees which is a matrix that is handed in, so that every pattern of
attention is written down and not computed by the code that is tested.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from random_model.shapes import EXPERT_GROUPS, EXPERT_SCALE, Shape

Array = NDArray[np.float64]
Seen = NDArray[np.bool_]
"""Seen[q, k]: whether position q attends to position k."""


# ------------------------------------------------------------------------------ attention


def causal(n: int) -> Seen:
    return np.tril(np.ones((n, n), bool))


def in_blocks(n: int, size: int, origin: int = 0) -> Seen:
    """Everything up to the end of one's own block; a block begins at `origin`."""
    block = (np.arange(n) - origin) // size
    return block[:, None] >= block[None, :]


def block_behind(text: Seen, start: int) -> Seen:
    """The positions from `start` see each other and all of the text, which is as before."""
    seen = text.copy()
    seen[start:, :] = True
    return seen


def both_ways(n: int) -> Seen:
    return np.ones((n, n), bool)


# ------------------------------------------------------------------------------ the model


class Transformer:
    """The F32 file of a `Shape`. halves: whether keys and values, and what ggml multiplies them
    with, are rounded as in a context whose cells are F16."""

    def __init__(self, path: Path, shape: Shape, halves: bool = False) -> None:
        self.shape = shape
        self.stored = half if halves else same
        self.routes: dict[tuple[int, int], frozenset[int]] = {}
        """The experts of each (layer, row) in the last call."""
        self.weights = {t.name: _in_numpy_order(t) for t in gguf.GGUFReader(path).tensors}
        self._cached: dict[int, tuple[Array, Array]] = {}

    def logits(
        self, tokens: NDArray[np.int32], seen: Seen, window: NDArray[np.int64] | None = None
    ) -> Array:
        """(n, n_vocab) rows of tokens (n,). With a window, its rows alone: other positions keep the
        keys and values of the last call."""
        window = np.arange(len(tokens)) if window is None else window
        x = self.weights["token_embd.weight"][tokens[window]]
        for layer in range(self.shape.layers):
            x = x + self._attention(layer, x, seen[window], window)
            x = x + self._feed_forward(layer, x)
        x = normalised(x, self.weights["output_norm.weight"])
        head = self.weights.get("output.weight", self.weights["token_embd.weight"])
        return x @ head.T

    def _of(self, layer: int, name: str) -> Array:
        return self.weights[f"blk.{layer}.{name}"]

    def _attention(self, layer: int, x: Array, seen: Seen, window: NDArray[np.int64]) -> Array:
        shape, n = self.shape, len(x)
        y = normalised(x, self._of(layer, "attn_norm.weight"))
        q, k, v = (part.reshape(n, -1, shape.head_width) for part in self._projected(layer, y))
        if shape.family.head_norms:
            q = normalised(q, self._of(layer, "attn_q_norm.weight"))
            k = normalised(k, self._of(layer, "attn_k_norm.weight"))
        q, k = self._rotated(q, window), self._rotated(k, window)
        q, k, v = (self.stored(part) for part in (q, k, v))
        k, v = self._cache(layer, k, v, seen.shape[1], window)
        k, v = (np.repeat(part, shape.heads // shape.kv_heads, axis=1) for part in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(shape.head_width)
        weights = self.stored(softmax(np.where(seen, scores, -np.inf)))
        mixed = np.einsum("hqk,khd->qhd", weights, v).reshape(n, -1)
        return mixed @ self._of(layer, "attn_output.weight").T

    def _projected(self, layer: int, y: Array) -> list[Array]:
        width, kv_width = self.shape.width, self.shape.kv_width
        if self.shape.family.fused_attention:
            whole = y @ self._of(layer, "attn_qkv.weight").T
            return np.split(whole, [width, width + kv_width], axis=1)
        parts = [y @ self._of(layer, f"attn_{name}.weight").T for name in "qkv"]
        if self.shape.family.attention_bias:
            biases = [self._of(layer, f"attn_{name}.bias") for name in "qkv"]
            parts = [part + bias for part, bias in zip(parts, biases, strict=True)]
        return parts

    def _cache(
        self, layer: int, k: Array, v: Array, n: int, window: NDArray[np.int64]
    ) -> tuple[Array, Array]:
        """The keys and values of all positions: those of the window are new."""
        if len(window) < n:
            whole = tuple(old.copy() for old in self._cached[layer])
            whole[0][window], whole[1][window] = k, v
            k, v = whole
        self._cached[layer] = k, v
        return k, v

    def _rotated(self, x: Array, positions: NDArray[np.int64]) -> Array:
        """The rotary embedding: pairs lie side by side in llama's files, half a head apart else."""
        width = self.shape.rotated
        angles = positions[:, None] * 1e6 ** (-np.arange(0, width, 2) / width)
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        side_by_side = self.shape.arch in ("llama", "mistral3")
        first = slice(0, width, 2) if side_by_side else slice(0, width // 2)
        second = slice(1, width, 2) if side_by_side else slice(width // 2, width)
        turned = x.copy()
        turned[..., first] = x[..., first] * cos - x[..., second] * sin
        turned[..., second] = x[..., second] * cos + x[..., first] * sin
        return turned

    def _feed_forward(self, layer: int, x: Array) -> Array:
        y = normalised(x, self._of(layer, "ffn_norm.weight"))
        if self.shape.dense(layer):
            return self._network(layer, y)
        out = self._network(layer, y, "_shexp") if self.shape.family.grouped_experts else 0 * y
        for i, row in enumerate(y):
            experts = self._experts(layer, row)
            self.routes[layer, i] = frozenset(expert for expert, _ in experts)
            for expert, weight in experts:
                out[i] += weight * self._network(layer, row, "_exps", expert)
        return out

    def _network(self, layer: int, y: Array, kind: str = "", expert: int | None = None) -> Array:
        gate, up, down = (
            self._of(layer, f"ffn_{name}{kind}.weight") for name in ("gate", "up", "down")
        )
        if expert is not None:
            gate, up, down = gate[expert], up[expert], down[expert]
        return (silu(y @ gate.T) * (y @ up.T)) @ down.T

    def _experts(self, layer: int, row: Array) -> list[tuple[int, float]]:
        """The experts of one position, and their weights."""
        scores = self._of(layer, "ffn_gate_inp.weight") @ row
        if self.shape.family.grouped_experts:
            weights = 1 / (1 + np.exp(-scores))
            chosen = self._chosen_in_groups(weights + self._of(layer, "exp_probs_b.bias"))
            scale = EXPERT_SCALE
        else:
            weights, scale = softmax(scores), 1.0
            chosen = np.argsort(-weights, kind="stable")[: self.shape.experts_used]
        total = weights[chosen].sum()
        return [(int(i), float(scale * weights[i] / total)) for i in chosen]

    def _chosen_in_groups(self, scores: Array) -> NDArray[np.int64]:
        """The best experts of the best group, which is that of the two best experts."""
        groups = scores.reshape(EXPERT_GROUPS, -1)
        best = np.sort(groups, axis=1)[:, -2:].sum(axis=1).argmax()
        kept = np.full_like(groups, -np.inf)
        kept[best] = groups[best]
        return np.argsort(-kept.ravel(), kind="stable")[: self.shape.experts_used]


def same(x: Array) -> Array:
    return x


def half(x: Array) -> Array:
    return x.astype(np.float16).astype(np.float64)


def normalised(x: Array, weight: Array) -> Array:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * weight


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _in_numpy_order(tensor: gguf.ReaderTensor) -> Array:
    return np.array(tensor.data, np.float64).reshape(tensor.shape.tolist()[::-1])
