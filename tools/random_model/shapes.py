"""Which tensors each architecture has, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Architecture:
    """What sets a family apart. `shift_logits` is what its converter writes; None: no such key."""

    diffusion: bool = True
    experts: bool = False
    attention_bias: bool = False
    head_norms: bool = False
    may_tie: bool = True
    shift_logits: bool | None = None
    rope_dimensions: bool = False


ARCHITECTURES = {
    "dream": Architecture(attention_bias=True),
    "llada": Architecture(shift_logits=False, rope_dimensions=True),
    "llada-moe": Architecture(experts=True, head_norms=True, may_tie=False, shift_logits=False),
    "rnd1": Architecture(experts=True, head_norms=True),
    "llama": Architecture(diffusion=False, rope_dimensions=True),
}


@dataclass(frozen=True)
class Shape:
    """Size and kind of a model. `feed_forward` is one expert's width where there are experts;
    `tied` shares the embedding with the output. `logit_scale` makes distributions peaked, as a
    trained model's are: with 1 the likeliest token has a probability of a few per cent."""

    arch: str = "llada"
    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 128
    experts: int = 8
    experts_used: int = 2
    context: int = 4096
    tied: bool = True
    logit_scale: float = 1.0
    quantisation: str = "F32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise ValueError(f"arch {self.arch!r} is none of {', '.join(ARCHITECTURES)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and field.name != "seed" and value < 1:
                raise ValueError(f"{field.name} must be at least 1, not {value}")
        if self.width % (2 * self.heads) or self.heads % self.kv_heads:
            raise ValueError(
                f"{self.heads} heads and {self.kv_heads} key-value heads do not divide a width "
                f"of {self.width} into even parts"
            )

    @property
    def family(self) -> Architecture:
        return ARCHITECTURES[self.arch]

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads


@dataclass(frozen=True)
class Tensor:
    """A tensor to be made. shape: outermost first, as numpy has it. kind: `matrix` is quantised,
    `router` stays in single precision, `norm` is near 1, `bias` near 0."""

    name: str
    shape: tuple[int, ...]
    kind: str = "matrix"


def tensors(shape: Shape, n_vocab: int) -> Iterator[Tensor]:
    """Every tensor of a model, in the order of the file."""
    yield Tensor("token_embd.weight", (n_vocab, shape.width))
    for layer in range(shape.layers):
        yield from _attention(shape, f"blk.{layer}")
        yield from _feed_forward(shape, f"blk.{layer}")
    yield Tensor("output_norm.weight", (shape.width,), "norm")
    if not (shape.tied and shape.family.may_tie):
        yield Tensor("output.weight", (n_vocab, shape.width))


def _attention(shape: Shape, block: str) -> Iterator[Tensor]:
    yield Tensor(f"{block}.attn_norm.weight", (shape.width,), "norm")
    for name, width in (("q", shape.width), ("k", shape.kv_width), ("v", shape.kv_width)):
        yield Tensor(f"{block}.attn_{name}.weight", (width, shape.width))
        if shape.family.attention_bias:
            yield Tensor(f"{block}.attn_{name}.bias", (width,), "bias")
    if shape.family.head_norms:
        for name in ("q", "k"):
            head = (shape.width // shape.heads,)
            yield Tensor(f"{block}.attn_{name}_norm.weight", head, "norm")
    yield Tensor(f"{block}.attn_output.weight", (shape.width, shape.width))


def _feed_forward(shape: Shape, block: str) -> Iterator[Tensor]:
    yield Tensor(f"{block}.ffn_norm.weight", (shape.width,), "norm")
    inner, outer = (shape.feed_forward, shape.width), (shape.width, shape.feed_forward)
    if not shape.family.experts:
        yield Tensor(f"{block}.ffn_gate.weight", inner)
        yield Tensor(f"{block}.ffn_up.weight", inner)
        yield Tensor(f"{block}.ffn_down.weight", outer)
        return
    yield Tensor(f"{block}.ffn_gate_inp.weight", (shape.experts, shape.width), "router")
    yield Tensor(f"{block}.ffn_gate_exps.weight", (shape.experts, *inner))
    yield Tensor(f"{block}.ffn_up_exps.weight", (shape.experts, *inner))
    yield Tensor(f"{block}.ffn_down_exps.weight", (shape.experts, *outer))
