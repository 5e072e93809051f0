"""Tiny checkpoints with random weights, made with `transformers`: code that nobody here wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VOCABULARY = 400
MASK = "<|MASK|>"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2's tokeniser splits texts."""
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
}


@dataclass(frozen=True)
class Case:
    """A checkpoint: of which class of transformers its weights are, and which it says."""

    says: str
    built_of: str
    shape: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    """What its config.json says besides, or instead."""
    rename: tuple[tuple[str, str], ...] = ()
    both_ways: bool = False
    mask: str = MASK


_LLADA = {
    "model_type": "llada",
    "d_model": 64,
    "n_layers": 2,
    "n_heads": 4,
    "n_kv_heads": 4,
    "mlp_hidden_size": 96,
    "max_sequence_length": 256,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-6,
    "embedding_size": VOCABULARY,
}
_LLADA_NAMES = (
    ("model.embed_tokens.", "model.transformer.wte."),
    ("model.norm.", "model.transformer.ln_f."),
    ("lm_head.", "model.transformer.ff_out."),
    ("model.layers.", "model.transformer.blocks."),
    (".self_attn.o_proj.", ".attn_out."),
    (".self_attn.", "."),
    (".input_layernorm.", ".attn_norm."),
    (".post_attention_layernorm.", ".ff_norm."),
    (".mlp.gate_proj.", ".ff_proj."),
    (".mlp.up_proj.", ".up_proj."),
    (".mlp.down_proj.", ".ff_out."),
)
_MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}

CASES = {
    "qwen3": Case("Qwen3ForCausalLM", "Qwen3ForCausalLM", {"head_dim": 16}),
    "qwen2": Case("Qwen2ForCausalLM", "Qwen2ForCausalLM"),
    "sdar": Case(
        "SDARForCausalLM",
        "Qwen3ForCausalLM",
        {"head_dim": 16},
        {"model_type": "sdar", "auto_map": {"AutoConfig": "x.Y"}, "block_size": 8},
        both_ways=True,
    ),
    "sdar-moe": Case(
        "SDARMoeForCausalLM",
        "Qwen3MoeForCausalLM",
        {"head_dim": 16, **_MOE, "norm_topk_prob": True},
        {"model_type": "sdar_moe"},
        both_ways=True,
    ),
    "fast-dllm-v2": Case(
        "Fast_dLLM_QwenForCausalLM",
        "Qwen2ForCausalLM",
        {},
        {"model_type": "Fast_dLLM_Qwen", "bd_size": 32},
        both_ways=True,
        mask="|<MASK>|",
    ),
    "dream": Case(
        "DreamModel",
        "Qwen2ForCausalLM",
        {},
        {"model_type": "Dream", "mask_token_id": VOCABULARY - 1},
        both_ways=True,
    ),
    "llada": Case(
        "LLaDAModelLM",
        "LlamaForCausalLM",
        {"num_key_value_heads": 4, "tie_word_embeddings": False},
        {**_LLADA, "mask_token_id": VOCABULARY - 1},
        _LLADA_NAMES,
        both_ways=True,
    ),
}


def make(case: Case, folder: Path) -> Any:
    """Write a checkpoint; the model that it is of."""
    import torch
    import transformers
    from safetensors.torch import save_file

    torch.manual_seed(0)
    built_of = getattr(transformers, case.built_of)
    config = built_of.config_class(**{**SHAPE, **case.shape})
    config._attn_implementation = "eager"
    model = built_of(config).float().eval()
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    if case.rename:
        tensors = {renamed(name, case): each for name, each in model.state_dict().items()}
        save_file(tensors, folder / "model.safetensors")
    told = json.loads((folder / "config.json").read_text())
    told |= {"architectures": [case.says], "dtype": "float32", **case.config}
    (folder / "config.json").write_text(json.dumps(told))
    tokeniser(case.mask).save_pretrained(folder)
    return model


def renamed(name: str, case: Case) -> str:
    for old, new in case.rename:
        name = name.replace(old, new)
    return name


def tokeniser(mask: str) -> Any:
    """A byte-level one of few pieces, that splits as Qwen2's does; the mask is its last token."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([Path(__file__).read_text("utf-8")] * 3, trainer)
    found = PreTrainedTokenizerFast(tokenizer_object=made)
    found.add_special_tokens({"eos_token": "<|endoftext|>"})
    filler = VOCABULARY - 1 - len(found)
    found.add_tokens([f"<|filler{number}|>" for number in range(filler)])
    found.add_special_tokens({"additional_special_tokens": [mask]})
    assert found.convert_tokens_to_ids(mask) == VOCABULARY - 1
    return found


def logits(model: Any, tokens: list[int], both_ways: bool) -> Any:
    """Rows (n, VOCABULARY) of the model itself."""
    import torch

    size = len(tokens)
    sees = torch.ones(size, size) if both_ways else torch.ones(size, size).tril()
    mask = torch.where(sees.bool(), 0.0, float("-inf"))[None, None]
    with torch.inference_mode():
        return model(torch.tensor([tokens]), attention_mask=mask).logits[0].numpy()
