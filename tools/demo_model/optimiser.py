"""Muon for the hidden matrices (Jordan and others, 2024), AdamW for everything else."""

from __future__ import annotations

import torch
from torch import Tensor

from .network import Network

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(g: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices to g [count, rows, columns], by Newton-Schulz steps."""
    a, b, c = COEFFICIENTS
    tall = g.shape[1] > g.shape[2]
    x = (g.transpose(1, 2) if tall else g).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.transpose(1, 2)
        x = a * x + (b * s + c * s @ s) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon:
    """Momentum, orthogonalised; matrices of one shape are treated as one stack."""

    def __init__(self, network: Network, decay: float = 0.01, momentum: float = 0.95):
        d, h = network.shape.width, network.shape.hidden
        parts = []
        for block in network.blocks:
            parts += [(block.qkv.weight, slice(i * d, i * d + d)) for i in range(3)]
            parts += [(block.out.weight, slice(0, d)), (block.down.weight, slice(0, d))]
            parts += [(block.gate_up.weight, slice(i * h, i * h + h)) for i in range(2)]
        shapes = {(s.stop - s.start, w.shape[1]) for w, s in parts}
        self.stacks = {
            shape: [(w, s) for w, s in parts if (s.stop - s.start, w.shape[1]) == shape]
            for shape in sorted(shapes)
        }
        self.moments = {
            shape: torch.zeros(len(stack), *shape) for shape, stack in self.stacks.items()
        }
        self.decay, self.momentum = decay, momentum

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update with learning rate `rate`; gradients are read from the parameters."""
        for shape, stack in self.stacks.items():
            g, moment = torch.stack([w.grad[s] for w, s in stack]), self.moments[shape]
            moment.lerp_(g, 1 - self.momentum)
            update = orthogonalise(g.lerp(moment, self.momentum))
            scale = rate * max(1.0, shape[0] / shape[1]) ** 0.5
            for (w, s), u in zip(stack, update, strict=True):
                w[s].mul_(1 - rate * self.decay).sub_(u, alpha=scale)

    def state(self) -> dict:
        """What a checkpoint needs."""
        return self.moments

    def restore(self, state: dict) -> None:
        """Takes back what `state` gave."""
        self.moments = state


def adam(network: Network, rate: float) -> torch.optim.AdamW:
    """AdamW over embeddings, head and norms."""
    rest = [p for n, p in network.named_parameters() if p.ndim == 1 or "embed" in n or "head" in n]
    return torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
