"""Whether llama.cpp can take a model file, told from its header before the library sees it.

The library trusts a file: many a wrong value ends the process there, where nothing can be caught.
So each rule below is something that llama.cpp asserts on, crashes on or would take for ever over,
or that would have it answer nonsense; a problem is a line that names the key, its value and what to
do. What only the weights could tell is not looked at, and a file that is cut off while it is being
read (it is mapped into memory) still ends the process with SIGBUS: no check can rule that out.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

from ..settings.values import plain_number
from .header import (
    STRING,
    TOKENS,
    UINT16,
    UINT32,
    ArrayLength,
    Header,
    NotAModel,
    contents,
    read_part,
)

AGAIN = "the file is damaged: download it again"
WRONG = "the file is damaged or was converted wrongly: download or convert it again"

Problems = Iterator[str]


def check(header: Header) -> None:
    """Raises NotAModel, one line, for a file that llama.cpp could not take."""
    for rule in (*STRUCTURE, *CONTENT):
        _refuse(header, rule)


def check_whole(header: Header) -> None:
    """The same of its structure alone: that everything the header tells of is there."""
    for rule in STRUCTURE:
        _refuse(header, rule)


def _refuse(header: Header, rule: Callable[[Header], Problems]) -> None:
    for problem in islice(rule(header), 1):
        raise NotAModel(f"{header.path}: {problem}")


# ----------------------------------------------------------------------------------- structure

# Weights in a block and bytes of a block, by ggml's number of the type.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36),
    41: (128, 18), 42: (64, 18),
}  # fmt: skip
FLOAT32 = 0
NO_MATRIX = (9, 15, 24, 25, 26, 27, 28)
"""Types that ggml keeps for its own arithmetic: it multiplies by none of them."""
LEAST_ALIGNMENT = 32


def _alignment(header: Header) -> Problems:
    key = "general.alignment"
    if key not in header.metadata:
        return
    alignment = header.metadata[key]
    if header.types[key] != UINT32:
        yield f"{key} is no 32-bit number: {WRONG}"
    elif alignment < LEAST_ALIGNMENT or alignment & (alignment - 1):
        yield f"{key} is {alignment}: a power of two from 32 is needed, {WRONG}"


def _tensors(header: Header) -> Problems:
    """Each where the one before it ends, and the last within the file."""
    alignment = header.metadata.get("general.alignment", LEAST_ALIGNMENT)
    end, names = 0, set[str]()
    for tensor in header.tensors:
        if tensor.name in names:
            yield f"the tensor {tensor.name!r} is there twice: {AGAIN}"
        names.add(tensor.name)
        if tensor.type not in BLOCKS:
            yield (
                f"the tensor {tensor.name} has the weight type {tensor.type}, which this llama.cpp "
                "does not know: a newer Hoshikage may, or another quantisation of the model"
            )
            return
        block, size = BLOCKS[tensor.type]
        if 0 in tensor.shape or prod(tensor.shape) >= 1 << 48 or prod(tensor.shape[:1]) % block:
            yield f"the tensor {tensor.name} has the shape {_spelled(tensor.shape)}: {AGAIN}"
            return
        if tensor.offset != end:
            yield (
                f"the tensor {tensor.name} begins at byte {tensor.offset:,} of the weights, where "
                f"{end:,} is free: {AGAIN}"
            )
        end += prod(tensor.shape) // block * size
        last, end = end, -(-end // alignment) * alignment
    if header.tensors:
        yield from _length(header, last)


def _length(header: Header, needed: int) -> Problems:
    missing = header.data_start + needed - header.path.stat().st_size
    if missing > 0:
        yield f"the file ends {_bytes(missing)} early: it is cut off, download it again"


SPLIT_NAME = re.compile(r"(.*)-00001-of-([0-9]{5})\.gguf$")


def _parts(header: Header) -> Problems:
    """The other files of a model that is split, each as whole as the first."""
    count = header.metadata.get("split.count", 0)
    if not isinstance(count, int) or count < 2:
        return
    name = SPLIT_NAME.match(header.path.name)
    if header.metadata.get("split.no") != 0 or name is None or int(name[2]) != count:
        yield (
            f"it is one of {count} files of a model: give the first one, whose name ends in "
            f"-00001-of-{count:05}.gguf, and keep the others beside it"
        )
        return
    for number in range(1, count):
        path = header.path.with_name(f"{name[1]}-{number + 1:05}-of-{count:05}.gguf")
        yield from _part(path, number)


def _part(path: Path, number: int) -> Problems:
    if not path.exists():
        yield f"its part {path.name} is missing: put it beside the first one"
        return
    part = read_part(path)
    if part.types.get("split.no") != UINT16 or part.metadata["split.no"] != number:
        yield f"its part {path.name} is not part {number + 1}: download it again"
    for rule in (_alignment, _tensors):
        yield from (f"its part {path.name}: {problem}" for problem in rule(part))


def _spelled(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape) or "of no dimension"


def _bytes(count: int) -> str:
    for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:,} byte{'s' if count > 1 else ''}"


# ---------------------------------------------------------------------------- hyper-parameters

# Least and most of what stands under the architecture's name: far beyond what any model has, but
# not beyond what llama.cpp can count, multiply and allocate.
LIMITS: dict[str, tuple[float, float]] = {
    "context_length": (1, 1 << 27),
    "embedding_length": (1, 1 << 20),
    "embedding_length_out": (0, 1 << 20),
    "block_count": (1, 512),
    "feed_forward_length": (0, 1 << 24),
    "expert_feed_forward_length": (0, 1 << 24),
    "expert_count": (0, 1024),
    "expert_used_count": (0, 1024),
    "expert_gating_func": (0, 16),
    "attention.head_count": (0, 1 << 16),
    "attention.head_count_kv": (0, 1 << 16),
    "attention.key_length": (1, 1 << 16),
    "attention.value_length": (1, 1 << 16),
    "attention.layer_norm_epsilon": (0, 1),
    "attention.layer_norm_rms_epsilon": (0, 1),
    "attention.group_norm_epsilon": (0, 1),
    "attention.max_alibi_bias": (0, 1 << 16),
    "attention.scale": (0, 1 << 16),
    "rope.dimension_count": (0, 1 << 16),
    "rope.freq_base": (1e-6, 1e15),
    "rope.scaling.factor": (0, 1e9),
    "rope.scale_linear": (0, 1e9),
    "rope.scaling.original_context_length": (0, 1 << 31),
    "pooling_type": (0, 4),
}
ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")

WHOLE_HEADS = frozenset(
    "apertus arcee arctic baichuan chameleon codeshell cogvlm cohere2moe dbrx deci deepseek dots1 "
    "dream ernie4_5 ernie4_5-moe exaone exaone-moe exaone4 falcon granite granite_swa granitemoe "
    "graniteswitch grok grovemoe hunyuan-moe hunyuan_vl hy_v3 internlm2 jais2 llada llada-moe "
    "llama llama4 maincoder mellum minimax-01 minimax-m2 mistral3 nemotron olmo olmo2 olmoe orion "
    "paddleocr pangu-embedded plamo qwen2 qwen2moe qwen2vl qwen3 qwen3moe qwen3vl qwen3vlmoe rnd1 "
    "seed_oss smallthinker smollm3 starcoder2 talkie xverse".split()
)
"""Architectures whose graph asserts that keys and values are as wide as what is rotated."""


def _limits(header: Header) -> Problems:
    for name, (least, most) in LIMITS.items():
        for value in _values(header, name):
            if not _is_number(value):
                yield f"{_key(header, name)} is {value!r}, which is no number: {WRONG}"
            elif not least <= value <= most:
                wanted = f"from {least:g} to {plain_number(most)}"
                yield f"{_key(header, name)} is {value}: it must be {wanted}, {WRONG}"


def _numbers(header: Header) -> Problems:
    """What is no number is never meant, whatever the key."""
    for key, value in header.metadata.items():
        given = value.values if isinstance(value, ArrayLength) else (value,)
        if any(isinstance(number, float) and math.isnan(number) for number in given):
            yield f"{key} is not a number (nan): {WRONG}"


def _experts(header: Header) -> Problems:
    count = _number(header, "expert_count", 0)
    used = max(_values(header, "expert_used_count"), default=0)
    groups = _number(header, "expert_group_count", 0)
    used_groups = _number(header, "expert_group_used_count", 0)
    if used > count or (count > 0 and used == 0):
        yield f"it uses {used} experts of {count} (expert_used_count, expert_count): {WRONG}"
    if groups and groups >= count:
        yield f"{_key(header, 'expert_group_count')} is {groups}, of {count} experts: {WRONG}"
    elif groups > 1 and (count % groups or not 0 < used_groups < groups):
        yield f"it uses {used_groups} of {groups} groups of {count} experts: {WRONG}"


def _layers(header: Header) -> Problems:
    blocks, extra = _number(header, "block_count", 1), _number(header, "nextn_predict_layers", 0)
    if extra >= blocks:
        yield f"{_key(header, 'nextn_predict_layers')} is {extra}, of {blocks} layers: {WRONG}"


def _heads(header: Header) -> Problems:
    heads = _number(header, "attention.head_count", 0)
    width = _number(header, "embedding_length", 0)
    if not heads or not width:
        return
    shared = _number(header, "attention.head_count_kv", heads)
    if not shared or heads % shared:
        yield f"{heads} heads cannot share {shared} (attention.head_count_kv): {WRONG}"
    size = _number(header, "attention.key_length", width // heads)
    values = _number(header, "attention.value_length", width // heads)
    rotated = _number(header, "rope.dimension_count", size)
    if rotated > size or rotated % 2:
        yield f"{_key(header, 'rope.dimension_count')} is {rotated}, of heads of {size}: {WRONG}"
    if header.architecture in WHOLE_HEADS and not rotated == size == values:
        yield (
            f"its heads are {size} and {values} wide and {rotated} of that is rotated "
            f"(attention.key_length, .value_length, rope.dimension_count): {WRONG}"
        )


def _scaling(header: Header) -> Problems:
    scaling = header.of_architecture("rope.scaling.type")
    if scaling is not None and scaling not in ROPE_SCALINGS:
        known = ", ".join(ROPE_SCALINGS)
        yield f"{_key(header, 'rope.scaling.type')} is {scaling!r}, none of {known}: {WRONG}"


def _weight_types(header: Header) -> Problems:
    # Others may keep tables of whole numbers among their weights.
    plain = header.architecture in WHOLE_HEADS
    for tensor in header.tensors:
        vector = len(tensor.shape) < 2 or tensor.name.endswith("_norm.weight")
        if vector and tensor.type != FLOAT32:
            yield f"the tensor {tensor.name} must be in single precision (F32): {WRONG}"
        elif plain and not vector and tensor.type in NO_MATRIX:
            yield f"the tensor {tensor.name} has a type that is not for weights: {WRONG}"


def _key(header: Header, name: str) -> str:
    return f"{header.architecture}.{name}"


def _number(header: Header, name: str, otherwise: int) -> int:
    """A whole number under the architecture's name; of one for each layer `otherwise`, since those
    may differ in ways that only their architecture knows."""
    value = header.of_architecture(name)
    return value if isinstance(value, int) else otherwise


def _values(header: Header, name: str) -> tuple[Any, ...]:
    value = header.of_architecture(name)
    if isinstance(value, ArrayLength):
        return value.values
    return () if value is None else (value,)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# --------------------------------------------------------------------------------- vocabulary

MODEL = "tokenizer.ggml.model"
SCORES = "tokenizer.ggml.scores"
KINDS_OF_TOKENS = "tokenizer.ggml.token_type"
# By the tokenizer's name: the id that llama.cpp takes to begin a text where the file names none.
TOKENIZERS = {
    "llama": 1, "gpt2": 11, "plamo2": 1, "t5": None, "rwkv": None, "gemma4": None,
    "hybriddna": 11, "whitespace": 11,
}  # fmt: skip
NO_TEXT = {
    "none": "it has no vocabulary, so it cannot read or write text",
    "no_vocab": "it has no vocabulary, so it cannot read or write text",
    "bert": "such vocabularies are of models for embeddings, which write no text",
}
SPECIAL = ("bos", "eos", "eot", "mask")
"""Tokens that an answer depends on; of the others llama.cpp passes a wrong id over."""
BYTES_SPELLED = ("llama", "plamo2")
"""Tokenizers that break off where a byte of the text has no token of its own."""


def _vocabulary(header: Header) -> Problems:
    name, tokens = header.metadata.get(MODEL), header.metadata.get(TOKENS)
    if name in NO_TEXT:
        yield f"{MODEL} is {name!r}: {NO_TEXT[str(name)]}"
    elif name not in TOKENIZERS:
        yield f"{MODEL} is {name!r}, which this llama.cpp does not know: {WRONG}"
    elif not isinstance(tokens, ArrayLength) or tokens.type != STRING or not tokens.length:
        yield f"{TOKENS} holds no vocabulary: {WRONG}"
    else:
        yield from _sizes(header, tokens.length)
        yield from _special(header, tokens.length)
        yield from _beginning(header, str(name), tokens.length)
        yield from _spellings(header, str(name), tokens)


def _sizes(header: Header, count: int) -> Problems:
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight" and tensor.shape[1:2] != (count,):
            yield (
                f"it has {count:,} tokens ({TOKENS}) and a token_embd.weight of "
                f"{_spelled(tensor.shape)}: {WRONG}"
            )
    for key in (SCORES, KINDS_OF_TOKENS):
        given = header.metadata.get(key)
        if isinstance(given, ArrayLength) and given.length < count:
            yield f"{key} has {given.length:,} elements for {count:,} tokens: {WRONG}"
    if header.metadata.get(MODEL) == "llama" and SCORES not in header.metadata:
        yield f"{SCORES} is missing, without which a llama vocabulary cannot be used: {WRONG}"


def _special(header: Header, count: int) -> Problems:
    for name in SPECIAL:
        key = f"tokenizer.ggml.{name}_token_id"
        token = header.metadata.get(key, 0)
        if not isinstance(token, int) or not 0 <= token < count:
            yield f"{key} is {token!r}, of {count:,} tokens: {WRONG}"


def _beginning(header: Header, name: str, count: int) -> Problems:
    """A token that is to be put in front or behind must be known."""
    metadata = header.metadata
    usual = TOKENIZERS[name]
    for word in ("bos", "eos"):
        named = f"tokenizer.ggml.{word}_token_id" in metadata
        known = named or (usual is not None and usual + 1 < count)
        if metadata.get(f"tokenizer.ggml.add_{word}_token") and not known:
            yield f"tokenizer.ggml.add_{word}_token is set, but no {word}_token_id: {WRONG}"


def _spellings(header: Header, name: str, tokens: ArrayLength) -> Problems:
    """No token twice, and of each byte one where the tokenizer needs it."""
    with contents(header.path) as data:
        if _may_be_double(data, tokens):
            yield from _double(_spelled_tokens(data, header, tokens))
        if name in BYTES_SPELLED:
            known = set(_spelled_tokens(data, header, tokens))
            for byte in range(256):
                spelled = f"<0x{byte:02X}>".encode()
                if spelled not in known and (name != "llama" or bytes([byte]) not in known):
                    yield f"{TOKENS} lacks {spelled.decode()}, the byte's token: {WRONG}"


def _spelled_tokens(data: Any, header: Header, tokens: ArrayLength) -> list[bytes]:
    """As the library reads them: up to a zero, and with a name of its own for an empty one."""
    found = []
    for i, start in enumerate(tokens.starts):
        (length,) = struct.unpack_from(header.order + "Q", data, start)
        word = data[start + 8 : start + 8 + length].partition(b"\0")[0]
        found.append(word or b"[EMPTY_%d]" % i)
    return found


def _double(spelled: list[bytes]) -> Problems:
    seen: dict[bytes, int] = {}
    for i, word in enumerate(spelled):
        if word in seen:
            text = word.decode("utf-8", "replace")
            yield f"{TOKENS}: {seen[word]} and {i} are both {text!r}: {WRONG}"
        seen[word] = i


def _may_be_double(data: Any, tokens: ArrayLength) -> bool:
    """Whether two strings may be equal, or one is empty or holds a zero.

    A set of 150,000 strings takes Python a tenth of a second, so that strings are compared by a
    hash of eight bytes at a time, all strings at once.
    """
    import numpy as np

    first = tokens.starts[0]
    # With room behind the last string: eight bytes are read wherever one begins.
    copied = np.frombuffer(data[first : tokens.end] + bytes(8), np.uint8)
    words = np.ndarray(len(copied) - 7, "<u8", copied, strides=(1,))
    number, ones = np.uint64, np.uint64(0x0101010101010101)
    kept = np.array([256**n - 1 for n in range(9)], number)
    # What lies behind a string's end is read as ones, since a zero is looked for.
    filled = ones & ~kept
    begin = np.array(tokens.starts, np.int64) - first
    left = words[begin].astype(np.int64)
    if not left.all():
        return True
    hashed, done = left.astype(number), []
    while left.size:
        begin += 8
        size = np.minimum(left, 8)
        word = words[begin] & kept[size] | filled[size]
        if ((word - ones) & ~word & (ones << number(7))).any():
            return True
        hashed = (hashed ^ word) * number(0x9E3779B97F4A7C15)
        hashed ^= hashed >> number(29)
        longer = np.flatnonzero(left > 8)
        done.append(hashed[left <= 8])
        begin, left, hashed = begin[longer], left[longer] - 8, hashed[longer]
    hashes = np.concatenate(done)
    # Most are told apart by their first bits, so that few are left to be sorted.
    share = (hashes >> number(44)).astype(np.int64)
    hashes = np.sort(hashes[np.bincount(share)[share] > 1])
    return bool((hashes[1:] == hashes[:-1]).any())


STRUCTURE = (_alignment, _tensors, _parts)
CONTENT = (
    _numbers,
    _limits,
    _layers,
    _experts,
    _heads,
    _scaling,
    _weight_types,
    _vocabulary,
)
