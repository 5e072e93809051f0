"""Matrices as ggml quantises them: any blocks, and what they say."""

from __future__ import annotations

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

KINDS = ("Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K")
SCALES = {"Q8_0": (0,), "Q4_0": (0,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
"""Where a block has its half-precision numbers."""


def columns_of(kind: str) -> int:
    """Values of a block."""
    return GGML_QUANT_SIZES[GGMLQuantizationType[kind]][0]


def size_of(kind: str) -> int:
    """Bytes of a block."""
    return GGML_QUANT_SIZES[GGMLQuantizationType[kind]][1]


def blocks_of(kind: str, rng: np.random.Generator, rows: int, blocks: int) -> np.ndarray:
    """Any bytes, and scales like those of weights; (rows, blocks, bytes of a block)."""
    made = rng.integers(0, 256, (rows, blocks, size_of(kind))).astype(np.uint8)
    for at in SCALES[kind]:
        set_scale(made, at, rng.normal(scale=0.01, size=(rows, blocks)))
    return made


def set_scale(blocks: np.ndarray, at: int, value: np.ndarray | float) -> None:
    halves = np.broadcast_to(np.asarray(value, np.float16), blocks.shape[:-1])
    blocks[..., at : at + 2] = np.ascontiguousarray(halves)[..., None].view(np.uint8)


def tokens_of(rng: np.random.Generator, count: int, columns: int) -> np.ndarray:
    return rng.normal(size=(count, columns)).astype(np.float32)


def values(kind: str, blocks: np.ndarray) -> np.ndarray:
    """What they say, in double precision; (rows, columns)."""
    flat = np.ascontiguousarray(blocks).reshape(len(blocks), -1)
    return dequantize(flat, GGMLQuantizationType[kind]).astype(np.float64)
