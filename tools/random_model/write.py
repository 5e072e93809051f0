"""Writes a random model, one tensor in memory at a time."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from .shapes import EXPERT_GROUPS, EXPERT_SCALE, Shape, Tensor, tensors
from .vocabulary import Vocabulary, byte_vocabulary

QUANTISATIONS = {
    "F32": gguf.GGMLQuantizationType.F32,
    "F16": gguf.GGMLQuantizationType.F16,
    "Q8_0": gguf.GGMLQuantizationType.Q8_0,
    "Q4_0": gguf.GGMLQuantizationType.Q4_0,
}
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7}
ROWS_AT_ONCE = 4096
ALIGNMENT = gguf.GGUF_DEFAULT_ALIGNMENT


def write_model(path: str | Path, shape: Shape, vocabulary: Vocabulary | None = None) -> Path:
    """Write a model of `shape` to `path`; without a vocabulary it gets that of bytes."""
    writer, wanted = _begun(Path(path), shape, vocabulary or byte_vocabulary())
    for tensor in wanted:
        writer.write_tensor_data(_data(tensor, shape))
    writer.close()
    return Path(path)


def write_header(path: str | Path, shape: Shape) -> Path:
    """Write a file that has all but the weights of a model, in whose place is a hole: it takes no
    room on the disk, whatever its size."""
    writer, wanted = _begun(Path(path), shape, byte_vocabulary())
    writer.close()
    sizes = [_n_bytes(tensor, _quantisation(tensor, shape)) for tensor in wanted]
    aligned = [-(-size // ALIGNMENT) * ALIGNMENT for size in (Path(path).stat().st_size, *sizes)]
    os.truncate(path, sum(aligned))
    return Path(path)


def _begun(
    path: Path, shape: Shape, vocabulary: Vocabulary
) -> tuple[gguf.GGUFWriter, list[Tensor]]:
    """A file with everything in front of the weights, and which weights there are."""
    wanted = list(tensors(shape, len(vocabulary.tokens)))
    writer = gguf.GGUFWriter(None, shape.arch)
    _add_facts(writer, shape, len(vocabulary.tokens))
    _add_vocabulary(writer, vocabulary, shape.family.names_mask)
    for tensor in wanted:
        _announce(writer, tensor, _quantisation(tensor, shape))
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    return writer, wanted


def _add_facts(writer: gguf.GGUFWriter, shape: Shape, n_vocab: int) -> None:
    writer.add_name(f"random {shape.arch}")
    writer.add_file_type(FILE_TYPES[shape.quantisation])
    writer.add_vocab_size(n_vocab)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    if shape.family.rope_dimensions:
        writer.add_rope_dimension_count(shape.rotated)
    if shape.family.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_used)
        writer.add_expert_feed_forward_length(shape.feed_forward)
    if shape.family.grouped_experts:
        _add_groups(writer)
    if shape.family.diffusion:
        writer.add_causal_attention(False)
    if shape.family.shift_logits is not None:
        writer.add_diffusion_shift_logits(shape.family.shift_logits)


def _add_groups(writer: gguf.GGUFWriter) -> None:
    writer.add_leading_dense_block_count(1)
    writer.add_expert_shared_count(1)
    writer.add_expert_weights_scale(EXPERT_SCALE)
    writer.add_expert_weights_norm(True)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_expert_group_count(EXPERT_GROUPS)
    writer.add_expert_group_used_count(1)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary, masked: bool) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.bos)
    writer.add_eos_token_id(vocabulary.eos)
    writer.add_pad_token_id(vocabulary.pad)
    writer.add_add_bos_token(False)
    if masked:
        writer.add_mask_token_id(vocabulary.mask)


def _quantisation(tensor: Tensor, shape: Shape) -> gguf.GGMLQuantizationType:
    if tensor.kind != "matrix":
        return gguf.GGMLQuantizationType.F32
    wanted = QUANTISATIONS[shape.quantisation]
    block, _ = gguf.GGML_QUANT_SIZES[wanted]
    return wanted if tensor.shape[-1] % block == 0 else gguf.GGMLQuantizationType.F16


def _announce(writer: gguf.GGUFWriter, tensor: Tensor, kind: gguf.GGMLQuantizationType) -> None:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    n_bytes = _n_bytes(tensor, kind)
    stored = (*tensor.shape[:-1], tensor.shape[-1] // block * size)
    plain = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}
    if kind in plain:
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(plain[kind]), n_bytes)
    else:
        writer.add_tensor_info(tensor.name, stored, np.dtype(np.uint8), n_bytes, raw_dtype=kind)


def _n_bytes(tensor: Tensor, kind: gguf.GGMLQuantizationType) -> int:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    return int(np.prod(tensor.shape)) // block * size


def _data(tensor: Tensor, shape: Shape) -> NDArray:
    """The tensor as the file has it, made and quantised some rows at a time."""
    kind = _quantisation(tensor, shape)
    random = np.random.default_rng([shape.seed, zlib.crc32(tensor.name.encode())])
    rows = int(np.prod(tensor.shape[:-1]))
    parts = []
    for start in range(0, rows, ROWS_AT_ONCE):
        part = (min(ROWS_AT_ONCE, rows - start), tensor.shape[-1])
        values = _values(random, part, tensor.kind)
        if tensor.name == "output_norm.weight":
            values *= np.float32(shape.logit_scale)
        parts.append(gguf.quants.quantize(values, kind))
    return np.concatenate(parts).reshape(*tensor.shape[:-1], -1)


def _values(random: np.random.Generator, size: tuple[int, int], kind: str) -> NDArray[np.float32]:
    """Weights that keep the size of activations, whatever the width and depth."""
    noise = random.standard_normal(size, dtype=np.float32)
    if kind == "norm":
        return 1 + np.float32(0.1) * noise
    if kind == "bias":
        return np.float32(0.1) * noise
    return noise * np.float32(size[1] ** -0.5)
