"""The transformer of both models: llama's block (RMSNorm, rotary attention, SwiGLU), no biases.

With `causal` false it is the masked-diffusion denoiser (arch `llada`), with it true the
autoregressive model (arch `llama`); the model that writes in blocks (arch `llama` too) is told for
each batch what sees what. Weights keep the layout that GGUF wants.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROPE_BASE = 10_000.0
NORM_EPS = 1e-5


@dataclass(frozen=True)
class Shape:
    """The sizes of a model."""

    vocab: int
    width: int = 256
    layers: int = 6
    heads: int = 8
    hidden: int = 704
    causal: bool = False


def rope_table(length: int, head: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, float32[length, head / 2], for pairs of neighbouring values."""
    inverse = ROPE_BASE ** (-torch.arange(0, head, 2).float() / head)
    angles = torch.outer(torch.arange(length).float(), inverse)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates neighbouring pairs (llama.cpp's "normal" rope); x is [batch, length, heads, head]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = cos[..., None, :], sin[..., None, :]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and added to its input."""

    def __init__(self, shape: Shape):
        super().__init__()
        d, self.heads, self.causal = shape.width, shape.heads, shape.causal
        self.attn_norm = nn.RMSNorm(d, NORM_EPS)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        self.ffn_norm = nn.RMSNorm(d, NORM_EPS)
        self.gate_up = nn.Linear(d, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, d, bias=False)

    def attend(self, x: Tensor, cos: Tensor, sin: Tensor, visible: Tensor | None) -> Tensor:
        """Self-attention; `visible` says what each position sees, bool [batch, 1, length or 1,
        length]."""
        n, length, d = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, d // self.heads).unbind(2)
        q, k = rotate(q, cos, sin).transpose(1, 2), rotate(k, cos, sin).transpose(1, 2)
        if self.causal:
            visible = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        # Written out: at these lengths the fused kernel's backward pass takes longer than the rest.
        scores = q @ k.transpose(-1, -2) * (d // self.heads) ** -0.5
        if visible is not None:
            scores = scores.masked_fill(~visible, -torch.inf)
        mixed = scores.softmax(-1).to(v.dtype) @ v.transpose(1, 2)
        return self.out(mixed.transpose(1, 2).reshape(n, length, d))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, visible: Tensor | None) -> Tensor:
        x = x + self.attend(self.attn_norm(x), cos, sin, visible)
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Network(nn.Module):
    """Tokens [batch, length] to hidden states, and hidden states to logits."""

    def __init__(self, shape: Shape, longest: int = 512):
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, NORM_EPS)
        self.head = nn.Linear(shape.width, shape.vocab, bias=False)
        cos, sin = rope_table(longest, shape.width // shape.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.start()

    def start(self) -> None:
        """Initial weights: tokens far apart, and blocks that add nothing yet, so that what a token
        is reaches every block from the first step on."""
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.5 if "embed" in name else p.shape[1] ** -0.5)
            if name.endswith(("out.weight", "down.weight")):
                nn.init.zeros_(p)
        self.head.weight.data.mul_(0.5)

    def hidden(
        self, tokens: Tensor, visible: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        """Normed last hidden states, float32[batch, length, width]; where no `positions` are given
        (int64 [batch, length]), they are counted."""
        x = self.embed(tokens)
        at = slice(tokens.shape[1]) if positions is None else positions
        cos, sin = self.cos[at], self.sin[at]
        for block in self.blocks:
            x = block(x, cos, sin, visible)
        return self.norm(x)

    def forward(self, tokens: Tensor, visible: Tensor | None = None) -> Tensor:
        """Logits, float32[batch, length, vocab]."""
        return self.head(self.hidden(tokens, visible))
