"""Carries a finished model's weights over to the present vocabulary: `carry_over GGUF FILE`.

FILE is a checkpoint to begin a run with (`train --weights-of FILE`). A token of both vocabularies
keeps its rows in the embedding and the head; a new one starts as the mean of the tokens that the
finished model would have split it into.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import torch
from tokenizers import Tokenizer, models
from torch import Tensor

from . import vocabulary

HERE = Path(__file__).parent
PLAIN = {
    "token_embd.weight": "embed.weight",
    "output_norm.weight": "norm.weight",
    "output.weight": "head.weight",
}
BLOCK = {
    "attn_norm": ("attn_norm",),
    "qkv": ("attn_q", "attn_k", "attn_v"),
    "out": ("attn_output",),
    "ffn_norm": ("ffn_norm",),
    "gate_up": ("ffn_gate", "ffn_up"),
    "down": ("ffn_down",),
}


def tensors_of(reader: gguf.GGUFReader) -> dict[str, Tensor]:
    """Every tensor of the file, float32."""
    return {
        t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).copy())
        for t in reader.tensors
    }


def network_state(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of `network.py`: what `export.py` did, undone."""
    state = {ours: tensors[theirs] for theirs, ours in PLAIN.items()}
    layers = 1 + max(int(n.split(".")[1]) for n in tensors if n.startswith("blk."))
    for i in range(layers):
        for ours, theirs in BLOCK.items():
            parts = [tensors[f"blk.{i}.{name}.weight"] for name in theirs]
            state[f"blocks.{i}.{ours}.weight"] = torch.cat(parts)
    return state


def model_of(reader: gguf.GGUFReader) -> models.BPE:
    """The file's vocabulary and merges."""
    tokens = reader.get_field("tokenizer.ggml.tokens").contents()
    merges = reader.get_field("tokenizer.ggml.merges").contents()
    return models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges])


def carried(rows: Tensor, before: models.BPE, now: Tokenizer) -> Tensor:
    """`rows`, one per token of the vocabulary `before`, for the tokens of `now`."""
    out = torch.empty(now.get_vocab_size(), rows.shape[1])
    for i in range(len(out)):
        token = now.id_to_token(i)
        known = before.token_to_id(token)
        parts = [known] if known is not None else [t.id for t in before.tokenize(token)]
        out[i] = rows[parts].mean(0)
    return out


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    reader = gguf.GGUFReader(options.model)
    now, before = vocabulary.load(HERE / "runs" / "tokenizer.json"), model_of(reader)
    state = network_state(tensors_of(reader))
    for name in ("embed.weight", "head.weight"):
        state[name] = carried(state[name], before, now)
    torch.save({"averaged": state}, options.file)


if __name__ == "__main__":
    main()
