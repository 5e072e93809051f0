"""`hoshikage inspect`: what a user needs to know of a GGUF, without loading its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...models.check import check_whole
from ...models.find import advice, header_of, kept_with
from ...models.header import Header
from ...settings.layers import Layers
from ..exits import Exit
from ..help import OTHERS
from ..options import REQUIRED, Typed, argument, with_options, with_settings
from ..output import write_json
from ..setup import choose_output
from ..streams import write

ADVICE_PREFIXES = ("hoshikage.", "general.sampling.", "diffusion.")


@dataclass(frozen=True)
class InspectFlags:
    model: str = argument(
        REQUIRED,
        metavar="MODEL",
        help="GGUF file, or a name that hoshikage models lists.",
        panel=OTHERS,
    )


@with_options(InspectFlags)
@with_settings("json")
def inspect(asked: InspectFlags, **flags: Typed) -> int:
    """Show what a user needs to know of a model file."""
    facts = model_facts(header_of(asked.model), kept_with(asked.model))
    if choose_output(flags).json:
        write_json(facts)
        return Exit.OK
    rows = [(label(name), in_words(name, value)) for name, value in facts.items()]
    width = max(len(name) for name, _ in rows)
    write("".join(f"{name:{width}}  {value}\n" for name, value in rows))
    return Exit.OK


def model_facts(header: Header, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Everything shown, by name; None for what the file does not say. kept: settings that go with
    its name.

    Raises NotAModel for a file that ends before its weights do.
    """
    metadata = header.metadata
    check_whole(header)
    return {
        "path": str(header.path),
        "name": metadata.get("general.name"),
        "architecture": header.architecture,
        "kind": header.kind,
        "family": header.family.name,
        "recognised_by": header.recognised.by,
        "parameters": header.n_parameters,
        "size_bytes": header.path.stat().st_size,
        "quantisation": quantisation(header),
        "context": header.of_architecture("context_length"),
        "layers": header.of_architecture("block_count"),
        "width": header.of_architecture("embedding_length"),
        **vocabulary_facts(header, kept),
        **diffusion_facts(header),
        **block_facts(header, kept),
        "chat_template": "tokenizer.chat_template" in metadata,
        "advice": advice_keys(metadata),
        "licence": metadata.get("general.license"),
    }


def vocabulary_facts(header: Header, kept: Mapping[str, Any]) -> dict[str, Any]:
    metadata = header.metadata
    names = ("bos", "eos", "eot", "padding")
    ids = {name: metadata.get(f"tokenizer.ggml.{name}_token_id") for name in names}
    return {
        "n_vocab": header.n_vocab,
        "tokenizer": metadata.get("tokenizer.ggml.pre") or metadata.get("tokenizer.ggml.model"),
        "mask_token": kept.get("mask_token", header.mask_token),
        "end_tokens": sorted({ids[n] for n in ("eos", "eot") if ids[n] is not None}),
    }


def diffusion_facts(header: Header) -> dict[str, Any]:
    """Shift and block cache, which only diffusion models have."""
    if not header.family.both_ways:
        return {}
    from ...llama.library import build_info

    return {
        "shift_logits": header.shift_logits,
        "block_cache": build_info().vendored,
    }


def block_facts(header: Header, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What models that write in blocks have: the length of these."""
    if header.kind != "block":
        return {}
    layers = Layers().of_model({**advice(header.metadata), **kept}, header.family)
    return {"block_length": layers.resolve({}).value("block_length")}


def advice_keys(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key.startswith(ADVICE_PREFIXES)}


def quantisation(header: Header) -> str:
    """The types of the weights with their shares, the commonest first."""
    from gguf import GGMLQuantizationType

    known = {item.value: item.name for item in GGMLQuantizationType}
    counted = header.weight_types().most_common()
    total = sum(count for _, count in counted) or 1
    shares = [(known.get(kind, f"type {kind}"), count / total) for kind, count in counted]
    return ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005)


# ------------------------------------------------------------------------------- in words


def label(name: str) -> str:
    return {"n_vocab": "vocabulary"}.get(name, name.removesuffix("_bytes").replace("_", " "))


def in_words(name: str, value: Any) -> str:
    if value is None or value == []:
        return "not given"
    if name == "parameters":
        return f"{scaled(value)} ({value:,})"
    if name == "size_bytes":
        return f"{value / 2**20:.1f} MiB"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} = {item}" for key, item in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) and "token" not in name else str(value)


def scaled(count: int) -> str:
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)
