"""What each family of models is: how it is decoded, what its attention sees, how it is recognised.

The one table that answers "what kind of model is this?". It is read from a file's metadata and
vocabulary, by the library or without it, so nothing here needs the library. A new family is a row
of `FAMILIES`; a new kind is a row and an engine (`engines.table.ENGINES`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError, did_you_mean

ARCHITECTURE = "general.architecture"
SHIFT = "diffusion.shift_logits"
FAMILY = "hoshikage.family"
"""Names the family in a file; `hoshikage models label` writes it."""
BLOCK_LENGTH = "diffusion.block_length"
MASK_TOKEN = "tokenizer.ggml.mask_token_id"

BORROWED = ("qwen2", "qwen3", "qwen3moe", "llama", "mistral3", "bailingmoe2", "llada2")
"""Architectures of autoregressive models that others are built on: without the causal mask their
graphs attend both ways, and what they keep of a text can be taken back."""

STATEFUL = (
    *("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"),
    *("jamba", "falcon-h1", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "nemotron_h"),
    *("nemotron_h_moe", "qwen3next", "kimi-linear", "bailingmoe3", "kimi-k3", "glm5-next"),
    *("qwen35", "qwen35moe", "qwen4exp", "deepseek4", "minimax-01"),
)
"""Recurrent and hybrid architectures: what they keep of a text cannot be wound back."""


@dataclass(frozen=True)
class MaskToken:
    """A mask token that tells a family from others of its architecture."""

    id: int
    """Where the vocabulary has it."""
    text: str
    """How it is spelled there."""
    architectures: tuple[str, ...]
    """Values of `general.architecture` with which the two are enough."""


@dataclass(frozen=True)
class Family:
    """Models that are run alike."""

    name: str
    """What users call it."""
    kind: str
    """Which engine runs it: a key of `engines.table.ENGINES`."""
    architectures: tuple[str, ...] = ()
    """Values of `general.architecture` that it is recognised by."""
    others: tuple[str, ...] = ()
    """Those that it may have besides, where it is named or its mask token is there."""
    mask: MaskToken | None = None
    """A mask token that it is recognised by."""
    both_ways: bool = False
    """Whether a position attends to those after it as well: such a model can fill a hole."""
    in_order: bool = False
    """Whether tokens come one after the other, each for good."""
    streams: bool = False
    """Whether the beginning of an answer is final before its end is there, so that it can be shown
    as it comes."""
    shift: bool = False
    """Whether the output row of p - 1 predicts position p, where the file does not say."""


def _in_blocks(name: str, **facts: Any) -> Family:
    return Family(name, "block", others=BORROWED, streams=True, **facts)


def _whole(name: str, **facts: Any) -> Family:
    return Family(name, "diffusion", others=BORROWED, both_ways=True, **facts)


FAMILIES = (
    Family("llada", "diffusion", ("llada",), both_ways=True),
    Family("llada-moe", "diffusion", ("llada-moe",), both_ways=True),
    Family("dream", "diffusion", ("dream",), both_ways=True, shift=True),
    Family("rnd1", "diffusion", ("rnd1",), both_ways=True, shift=True),
    _in_blocks("sdar", mask=MaskToken(151669, "<|MASK|>", ("qwen3", "qwen3moe"))),
    _in_blocks("trado"),
    _in_blocks("stable-diffcoder"),
    _in_blocks("fast-dllm-v2", mask=MaskToken(151665, "|<MASK>|", ("qwen2",))),
    _in_blocks("llada2.0", architectures=("llada2",)),
    _in_blocks("llada2.1"),
    _in_blocks("bd3lm"),
    _in_blocks("nemotron-diffusion"),
    _in_blocks("sdlm"),
    _whole("open-dcoder", shift=True),
    _whole("a2d-mdlm"),
)

AUTOREGRESSIVE = Family("autoregressive", "autoregressive", in_order=True, streams=True)
"""Every file that no other family claims."""
NONE = "none"
"""What users call that."""

NAMED = {**{family.name: family for family in FAMILIES}, NONE: AUTOREGRESSIVE}
"""The families that a file may be said to be of."""


# -------------------------------------------------------------------------------- recognising


@dataclass(frozen=True)
class Recognised:
    """The family of a file, and what it was recognised by."""

    family: Family
    by: str
    """`name` (somebody said so), `file` (its own key), `architecture` or `mask token`."""


TokenText = Callable[[int], "str | None"]
"""How a vocabulary spells a token; None where it has none of that id."""


def recognise(metadata: Mapping[str, Any], text: TokenText, name: str | None = None) -> Recognised:
    """The family of a file: that which is named, which the file names, of its architecture, or of
    its mask token; autoregressive otherwise.

    Raises UsageError for a family that there is not, or that is not for this architecture.
    """
    architecture = str(metadata.get(ARCHITECTURE))
    if name is not None:
        return Recognised(_named(name, architecture, ""), "name")
    if (written := metadata.get(FAMILY)) is not None:
        return Recognised(_named(str(written), architecture, f"the file's {FAMILY}: "), "file")
    for family in FAMILIES:
        if architecture in family.architectures:
            return Recognised(family, "architecture")
    for family in FAMILIES:
        if family.mask and architecture in family.mask.architectures and has_mask(family, text):
            return Recognised(family, "mask token")
    return Recognised(AUTOREGRESSIVE, "architecture")


def has_mask(family: Family, text: TokenText) -> bool:
    """Whether a vocabulary has the family's own mask token where it ought to be."""
    return family.mask is not None and text(family.mask.id) == family.mask.text


def _named(name: str, architecture: str, where: str) -> Family:
    family = NAMED.get(name)
    if family is None:
        close = did_you_mean(name, NAMED) or f": there are {', '.join(NAMED)}"
        raise UsageError(f"{where}no family {name!r}{close}")
    if not _can_be(family, architecture):
        fitting = [each for each in NAMED if _can_be(NAMED[each], architecture)]
        stateful = architecture in STATEFUL
        why = "what it has read cannot be wound back to repeat a block; " if stateful else ""
        raise UsageError(
            f"{where}a model of the architecture {architecture} cannot be of the family {name}: "
            f"{why}it can be {', '.join(fitting)}"
        )
    return family


def _can_be(family: Family, architecture: str) -> bool:
    if family is AUTOREGRESSIVE:
        # A graph that is made for canvases has no causal mask.
        return not any(architecture in each.architectures for each in FAMILIES if each.both_ways)
    return architecture in (*family.architectures, *family.others)


def shift_of(metadata: Mapping[str, Any], family: Family) -> bool:
    """Whether row p - 1 predicts position p: as the file says, else as its family does."""
    said = metadata.get(SHIFT)
    return family.shift if said is None else str(said).lower() == "true"
