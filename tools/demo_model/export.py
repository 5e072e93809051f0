"""Writes a trained run as GGUF (`demo_model.export runs/NAME FILE`), its hash in the catalogue.

Matrices become Q8_0, norms stay float32. Rotary pairs are neighbours in both archs ("normal" rope),
as in `network.py`, so that nothing is permuted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

from . import batches, network, vocabulary

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "src" / "hoshikage_cli" / "models"
CONTEXT = 512
BLOCK_LENGTH = 8


@dataclass(frozen=True)
class Kind:
    """How a kind of model is told in its file."""

    architecture: str
    name: str
    description: str
    advise: Callable[[gguf.GGUFWriter], None]
    """Writes what the program reads as the model's own advice."""


def advise_canvas(writer: gguf.GGUFWriter) -> None:
    """A canvas is read both ways, and each row predicts its own position."""
    writer.add_causal_attention(False)
    writer.add_diffusion_shift_logits(False)


def advise_greedy(writer: gguf.GGUFWriter) -> None:
    """The likeliest token."""
    writer.add_sampling_temp(0.0)


def advise_blocks(writer: gguf.GGUFWriter) -> None:
    """Written in blocks as SDAR is, greedily."""
    writer.add_string("hoshikage.family", "sdar")
    writer.add_uint32("diffusion.block_length", BLOCK_LENGTH)
    advise_greedy(writer)


KINDS = {
    "diffusion": Kind(
        "llada",
        "Hoshi tiny",
        "A tiny masked-diffusion language model: sums, sorting, sudoku, facts, stories.",
        advise_canvas,
    ),
    "autoregressive": Kind(
        "llama",
        "Hoshi tiny AR",
        "The autoregressive twin of Hoshi tiny, trained on the same corpus.",
        advise_greedy,
    ),
    "block": Kind(
        "llama",
        "Hoshi tiny block",
        "The twin of Hoshi tiny that writes in blocks, trained on the same corpus.",
        advise_blocks,
    ),
}


def block_tensors(state: dict[str, torch.Tensor], i: int) -> dict[str, torch.Tensor]:
    """The tensors of block `i` under their GGUF names."""

    def get(name: str) -> torch.Tensor:
        return state[f"blocks.{i}.{name}.weight"]

    q, k, v = get("qkv").chunk(3)
    gate, up = get("gate_up").chunk(2)
    parts = {
        "attn_norm": get("attn_norm"),
        "attn_q": q,
        "attn_k": k,
        "attn_v": v,
        "attn_output": get("out"),
        "ffn_norm": get("ffn_norm"),
        "ffn_gate": gate,
        "ffn_up": up,
        "ffn_down": get("down"),
    }
    return {f"blk.{i}.{name}.weight": tensor for name, tensor in parts.items()}


def gguf_tensors(state: dict[str, torch.Tensor], layers: int) -> dict[str, np.ndarray]:
    """Every tensor of the file, float32."""
    named = {
        "token_embd.weight": state["embed.weight"],
        "output_norm.weight": state["norm.weight"],
        "output.weight": state["head.weight"],
    }
    for i in range(layers):
        named |= block_tensors(state, i)
    return {name: tensor.float().contiguous().numpy() for name, tensor in named.items()}


def add_sizes(writer: gguf.GGUFWriter, kind: Kind, shape: dict, parameters: int) -> None:
    """General keys and hyperparameters."""
    writer.add_name(kind.name)
    writer.add_description(kind.description)
    writer.add_license("MIT")
    writer.add_size_label(f"{parameters / 1e6:.1f}M")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["hidden"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["heads"])
    writer.add_vocab_size(shape["vocab"])
    writer.add_layer_norm_rms_eps(network.NORM_EPS)
    writer.add_rope_dimension_count(shape["width"] // shape["heads"])
    writer.add_rope_freq_base(network.ROPE_BASE)


def add_vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Tokens, merges, special ids and the chat template."""
    names = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    kinds = [
        gguf.TokenType.CONTROL if n in vocabulary.SPECIALS else gguf.TokenType.NORMAL for n in names
    ]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.PRE_TOKENIZER)
    writer.add_token_list(names)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    end, mask = tokenizer.token_to_id(vocabulary.END), tokenizer.token_to_id(vocabulary.MASK)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_mask_token_id(mask)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(vocabulary.CHAT_TEMPLATE)


def add_tensors(writer: gguf.GGUFWriter, tensors: dict[str, np.ndarray]) -> None:
    """Matrices quantised to Q8_0, vectors as they are."""
    q8 = gguf.GGMLQuantizationType.Q8_0
    for name, values in tensors.items():
        if values.ndim == 2:
            writer.add_tensor(name, gguf.quants.quantize(values, q8), raw_dtype=q8)
        else:
            writer.add_tensor(name, values)


def write(state: dict, tokenizer: Tokenizer, path: Path) -> None:
    """The GGUF file of a checkpoint."""
    shape, kind = state["shape"], KINDS[state["kind"]]
    tensors = gguf_tensors(state["averaged"], shape["layers"])
    writer = gguf.GGUFWriter(path, kind.architecture)
    add_sizes(writer, kind, shape, sum(t.size for t in tensors.values()))
    writer.add_uint32("hoshikage.max_tokens", batches.CANVAS)
    kind.advise(writer)
    add_vocabulary(writer, tokenizer)
    add_tensors(writer, tensors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def note_hash(path: Path, catalogue: Path) -> None:
    """Puts the file's SHA-256 into the catalogue's entry for it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = re.compile(rf'(file="{re.escape(path.name)}".*?sha256=")[0-9a-f]*(")', re.DOTALL)
    text, count = entry.subn(rf"\g<1>{digest}\g<2>", catalogue.read_text(), count=1)
    if count:
        catalogue.write_text(text)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--checkpoint", default="last.pt")
    options = parser.parse_args()
    state = torch.load(options.folder / options.checkpoint, weights_only=False)
    write(state, vocabulary.load(HERE / "runs" / "tokenizer.json"), options.file)
    if options.file.resolve().parent == MODELS.resolve():
        note_hash(options.file, MODELS / "catalogue.py")
    print(f"{options.file}: {options.file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
