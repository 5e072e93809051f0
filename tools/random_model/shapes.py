"""Which tensors each architecture has, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Architecture:
    """What sets an architecture apart."""

    diffusion: bool = True
    """Whether it is made for canvases alone: a file of it asks for attention without order."""
    names_mask: bool = True
    """Whether the vocabulary of a file names its mask token."""
    experts: bool = False
    grouped_experts: bool = False
    """LLaDA2's: a dense first layer; then experts in groups behind a sigmoid, and one for all."""
    attention_bias: bool = False
    fused_attention: bool = False
    """Whether queries, keys and values are made by one matrix."""
    head_norms: bool = False
    may_tie: bool = True
    shift_logits: bool | None = None
    """What its converter writes; None: no such key."""
    rope_dimensions: bool = False
    """Whether a file says how much of a head is rotated."""
    half_rotated: bool = False
    """Whether that is the first half of it, and not all."""


ARCHITECTURES = {
    "dream": Architecture(attention_bias=True),
    "llada": Architecture(shift_logits=False, rope_dimensions=True),
    "llada-moe": Architecture(experts=True, head_norms=True, may_tie=False, shift_logits=False),
    "rnd1": Architecture(experts=True, head_norms=True),
    "llama": Architecture(diffusion=False, names_mask=False, rope_dimensions=True),
    "mistral3": Architecture(diffusion=False, rope_dimensions=True),
    "qwen2": Architecture(diffusion=False, attention_bias=True),
    "qwen3": Architecture(diffusion=False, head_norms=True),
    "qwen3moe": Architecture(diffusion=False, experts=True, head_norms=True),
}
_LLADA2 = Architecture(
    diffusion=False,
    experts=True,
    grouped_experts=True,
    fused_attention=True,
    head_norms=True,
    may_tie=False,
    rope_dimensions=True,
    half_rotated=True,
)
# One graph under two names.
ARCHITECTURES.update({"bailingmoe2": _LLADA2, "llada2": _LLADA2})

EXPERT_GROUPS = 2
EXPERT_SCALE = 2.5


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
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def kv_width(self) -> int:
        return self.head_width * self.kv_heads

    @property
    def rotated(self) -> int:
        """How many numbers of a head the rotary embedding turns."""
        return self.head_width // 2 if self.family.half_rotated else self.head_width

    def dense(self, layer: int) -> bool:
        """Whether this layer has one feed-forward network and no experts."""
        return not self.family.experts or (self.family.grouped_experts and layer == 0)


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
        yield from _feed_forward(shape, f"blk.{layer}", shape.dense(layer))
    yield Tensor("output_norm.weight", (shape.width,), "norm")
    if not (shape.tied and shape.family.may_tie):
        yield Tensor("output.weight", (n_vocab, shape.width))


def _attention(shape: Shape, block: str) -> Iterator[Tensor]:
    yield Tensor(f"{block}.attn_norm.weight", (shape.width,), "norm")
    parts = [("q", shape.width), ("k", shape.kv_width), ("v", shape.kv_width)]
    if shape.family.fused_attention:
        parts = [("qkv", shape.width + 2 * shape.kv_width)]
    for name, width in parts:
        yield Tensor(f"{block}.attn_{name}.weight", (width, shape.width))
        if shape.family.attention_bias:
            yield Tensor(f"{block}.attn_{name}.bias", (width,), "bias")
    if shape.family.head_norms:
        for name in ("q", "k"):
            yield Tensor(f"{block}.attn_{name}_norm.weight", (shape.head_width,), "norm")
    yield Tensor(f"{block}.attn_output.weight", (shape.width, shape.width))


def _feed_forward(shape: Shape, block: str, dense: bool) -> Iterator[Tensor]:
    yield Tensor(f"{block}.ffn_norm.weight", (shape.width,), "norm")
    if dense:
        yield from _network(shape, block)
        return
    yield Tensor(f"{block}.ffn_gate_inp.weight", (shape.experts, shape.width), "router")
    yield from _network(shape, block, "_exps", (shape.experts,))
    if shape.family.grouped_experts:
        yield Tensor(f"{block}.exp_probs_b.bias", (shape.experts,), "bias")
        yield from _network(shape, block, "_shexp")


def _network(
    shape: Shape, block: str, kind: str = "", several: tuple[int, ...] = ()
) -> Iterator[Tensor]:
    """The three matrices of a feed-forward network, or of several in one."""
    inner, outer = (shape.feed_forward, shape.width), (shape.width, shape.feed_forward)
    yield Tensor(f"{block}.ffn_gate{kind}.weight", (*several, *inner))
    yield Tensor(f"{block}.ffn_up{kind}.weight", (*several, *inner))
    yield Tensor(f"{block}.ffn_down{kind}.weight", (*several, *outer))
