"""Mutants of a GGUF: one to three changes each, drawn by a seed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from .gguf_file import ARRAY, SCALARS, STRING, Entry, GgufFile, string

EXTREMES = {
    "f": (0.0, -0.0, -1.0, 1.0, 1e-45, 3e38, float("nan"), float("inf"), float("-inf"), 1e9),
    "?": (0, 1, 2, 255),
    "u": (0, 1, 2, 3, 5, 7, 13, 31, 33, 64, 127, 129, 255, 1000, 4096, 65_535, 10**6),
}
WORDS = (
    b"", b"llama", b"gpt2", b"bert", b"t5", b"rwkv", b"none", b"no_vocab", b"test", b"plamo2",
    b"gemma4", b"hybriddna", b"default", b"llama-bpe", b"qwen2", b"chatglm-bpe", b"kimi-k2",
    b"linear", b"yarn", b"longrope", b"sideways", b"dream", b"llada", b"llada-moe", b"rnd1",
    b"qwen3", b"qwen2", b"gemma3", b"mamba", b"bert", b"t5", b"clip", b"\xff\xfe", b"a\0b",
    b"\x1b[31mred\x1b]0;title\x07", b"{% for x in range(10**9) %}{% endfor %}", b"{{", b"{{ 1/0 }}",
    b"x" * 70_000,
)  # fmt: skip
# What the loader reads of these architectures beside what the shipped files have.
MORE_KEYS = (
    ("attention.key_length", 4), ("attention.value_length", 4), ("attention.layer_norm_epsilon", 6),
    ("attention.sliding_window", 4), ("attention.sliding_window_pattern", 4),
    ("attention.max_alibi_bias", 6), ("attention.clamp_kqv", 6), ("attention.scale", 6),
    ("attention.key_length_swa", 4), ("attention.value_length_swa", 4), ("expert_count", 4),
    ("expert_used_count", 4), ("expert_group_count", 4), ("expert_group_used_count", 4),
    ("expert_feed_forward_length", 4), ("expert_weights_scale", 6), ("expert_gating_func", 4),
    ("embedding_length_out", 4), ("pooling_type", 4), ("nextn_predict_layers", 4),
    ("leading_dense_block_count", 4), ("rope.scaling.type", 8), ("rope.scaling.factor", 6),
    ("rope.scaling.alpha", 6), ("rope.scaling.attn_factor", 6), ("rope.scale_linear", 6),
    ("rope.scaling.original_context_length", 4), ("rope.scaling.yarn_ext_factor", 6),
    ("rope.scaling.yarn_beta_fast", 6), ("rope.scaling.yarn_log_multiplier", 6),
    ("rope.dimension_count_swa", 4), ("rope.dimension_sections", 9), ("logit_scale", 6),
    ("final_logit_softcapping", 6), ("residual_scale", 6), ("embedding_scale", 6),
    ("decoder_block_count", 4), ("classifier.output_labels", 9), ("expert_latent_length", 4),
)  # fmt: skip
MORE_GENERAL = (
    ("general.alignment", 4), ("general.quantization_version", 4), ("split.count", 2),
    ("split.no", 2), ("split.tensors.count", 5), ("general.tensor_extra.name", 9),
    ("general.sampling.temp", 6), ("general.sampling.top_k", 5), ("general.sampling.top_p", 6),
    ("general.sampling.min_p", 6), ("hoshikage.max_tokens", 4), ("diffusion.shift_logits", 7),
    ("tokenizer.ggml.scores", 9), ("tokenizer.ggml.suppress_tokens", 9),
    ("tokenizer.ggml.precompiled_charsmap", 9), ("tokenizer.ggml.eot_token_id", 4),
    ("tokenizer.ggml.eom_token_id", 4), ("tokenizer.ggml.unknown_token_id", 4),
    ("tokenizer.ggml.seperator_token_id", 4), ("tokenizer.ggml.fim_pad_token_id", 4),
    ("tokenizer.ggml.add_sep_token", 7), ("tokenizer.ggml.add_space_prefix", 7),
    ("tokenizer.ggml.token_type_count", 4), ("tokenizer.ggml.remove_extra_whitespaces", 7),
    ("tokenizer.ggml.normalizer.lowercase", 7),
)  # fmt: skip

Change = Callable[[GgufFile, Random], None]


def mutant(good: GgufFile, seed: int | str) -> bytes:
    """The mutant of a seed."""
    random = Random(seed)
    file = good.copy()
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        changes, weights = zip(*CHANGES.items(), strict=True)
        random.choices(changes, weights)[0](file, random)
    return file.written()


# ------------------------------------------------------------------------------- the metadata


def change_value(file: GgufFile, random: Random) -> None:
    entry = random.choice([e for e in file.entries if e.kind in (*SCALARS, STRING)])
    entry.payload = _value(entry.kind, random, entry.payload)


def change_array(file: GgufFile, random: Random) -> None:
    """Another length, another type, or some other elements."""
    arrays = [entry for entry in file.entries if entry.kind == ARRAY]
    if not arrays:
        return
    entry = random.choice(arrays)
    how = random.choice(("claim", "type", "elements", "elements", "shorter", "nested"))
    if how == "claim":
        near = (max(0, entry.count - 1), entry.count + 1)
        entry.count = random.choice((0, 1, *near, 2**31, 2**62, 2**64 - 1))
    elif how == "type":
        entry.item = random.choice((*SCALARS, STRING, ARRAY, 99))
    elif how == "nested":
        entry.item, entry.count = ARRAY, 1
        entry.payload = struct.pack("<IQ", ARRAY, 1) * random.choice((1, 50, 5000))
    elif entry.item == STRING:
        _change_strings(entry, random, how)
    elif entry.item in SCALARS:
        _change_numbers(entry, random, how)


def _change_strings(entry: Entry, random: Random, how: str) -> None:
    words = _strings(entry.payload)
    if how == "shorter":
        del words[random.randrange(len(words) + 1) :]
    for _ in range(random.choice((1, 1, 2, 5)) if words and how == "elements" else 0):
        place = random.randrange(len(words))
        words[place] = random.choice((*WORDS[:8], random.choice(words), b"\0", b"a b"))
    entry.payload, entry.count = b"".join(map(string, words)), len(words)


def _change_numbers(entry: Entry, random: Random, how: str) -> None:
    form = "<" + SCALARS[entry.item]
    size = struct.calcsize(form)
    if how == "shorter":
        entry.count = random.randrange(len(entry.payload) // size + 1)
        entry.payload = entry.payload[: entry.count * size]
    values = bytearray(entry.payload)
    for _ in range(random.choice((1, 10)) if len(values) >= size and how == "elements" else 0):
        place = random.randrange(len(values) // size) * size
        values[place : place + size] = _value(entry.item, random, b"")
    entry.payload = bytes(values)


def change_type(file: GgufFile, random: Random) -> None:
    entry = random.choice(file.entries)
    entry.kind = random.choice((*SCALARS, STRING, 99))
    entry.payload = _value(entry.kind, random, b"") if entry.kind in (*SCALARS, STRING) else b""


def drop_key(file: GgufFile, random: Random) -> None:
    file.entries.remove(random.choice(file.entries))


def double_key(file: GgufFile, random: Random) -> None:
    file.entries.insert(random.randrange(len(file.entries)), random.choice(file.entries))


def rename_key(file: GgufFile, random: Random) -> None:
    entry = random.choice(file.entries)
    entry.key = random.choice((b"", b"x", entry.key + b"\0", entry.key.upper(), b"\xff" * 9))


def add_key(file: GgufFile, random: Random) -> None:
    name, kind = random.choice((*MORE_KEYS, *MORE_KEYS, *MORE_GENERAL))
    architecture = next((e for e in file.entries if e.key == b"general.architecture"), None)
    prefix = architecture.payload[8:] + b"." if architecture and (name, kind) in MORE_KEYS else b""
    key = prefix + name.encode()
    file.entries = [entry for entry in file.entries if entry.key != key]
    if kind == ARRAY:
        count = random.choice((0, 1, 4, 6, 64))
        item = random.choice((4, 5, 6))
        payload = b"".join(_value(item, random, b"") for _ in range(count))
        file.entries.append(Entry(key, kind, payload, item, count))
    else:
        file.entries.append(Entry(key, kind, _value(kind, random, b"")))


def many_keys(file: GgufFile, random: Random) -> None:
    count = random.choice((300, 5000, 200_000))
    file.entries += [Entry(b"x.%d" % i, 7, b"\1") for i in range(count)]


def _value(kind: int, random: Random, before: bytes) -> bytes:
    if kind == STRING:
        return string(random.choice(WORDS))
    if kind not in SCALARS:
        return b""
    form = SCALARS[kind]
    if form in "fd":
        return struct.pack("<" + form, random.choice(EXTREMES["f"]))
    if form == "?":
        return bytes([random.choice(EXTREMES["?"])])
    size = struct.calcsize(form)
    old = int.from_bytes(before[:size], "little")
    near = (old + 1, old - 1, old * 2, old // 2) if before else ()
    past, half = 2 ** (8 * size), 2 ** (8 * size - 1)
    value = random.choice((*EXTREMES["u"], *near, past - 1, half, half - 1))
    return (value % past).to_bytes(size, "little")


def _strings(payload: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(payload):
        (length,) = struct.unpack_from("<Q", payload, at)
        found.append(payload[at + 8 : at + 8 + length])
        at += 8 + length
    return found


# -------------------------------------------------------------------------------- the tensors


def change_shape(file: GgufFile, random: Random) -> None:
    tensor = random.choice(file.tensors)
    how = random.choice(("swap", "size", "size", "more", "fewer"))
    if how == "swap":
        tensor.shape.reverse()
    elif how == "more":
        tensor.shape += [random.choice((0, 1, 2, 2**32))] * random.choice((1, 2, 3, 9))
    elif how == "fewer":
        tensor.shape = tensor.shape[: random.randrange(len(tensor.shape) + 1)]
    elif tensor.shape:
        place = random.randrange(len(tensor.shape))
        old = tensor.shape[place]
        sizes = (0, 1, old - 1, old + 1, old * 2, old // 2, 31, 2**31, 2**40, 2**63, 2**64 - 1)
        tensor.shape[place] = random.choice(sizes) % 2**64


def change_tensor_type(file: GgufFile, random: Random) -> None:
    tensors = file.tensors if random.random() < 0.7 else file.tensors[-1:]
    random.choice(tensors).kind = random.choice((*range(42), 255, 2**31, 2**32 - 1))


def change_offset(file: GgufFile, random: Random) -> None:
    tensor = random.choice(file.tensors)
    old = tensor.offset
    offsets = (0, old + 1, old + 32, old - 32, len(file.weights), 2**40, 2**63, 2**64 - 32)
    tensor.offset = random.choice(offsets) % 2**64


def rename_tensor(file: GgufFile, random: Random) -> None:
    tensor, other = random.choice(file.tensors), random.choice(file.tensors)
    names = (b"", other.name, b"n" * 63, b"n" * 64, b"blk.999.attn_q.weight", tensor.name + b"\0x")
    tensor.name = random.choice(names)


def drop_tensor(file: GgufFile, random: Random) -> None:
    file.tensors.remove(random.choice(file.tensors))


def change_weights(file: GgufFile, random: Random) -> None:
    """Weights that are no numbers, or too many or too few of them."""
    how = random.choice(("noise", "ones", "cut", "more"))
    length = len(file.weights)
    if how == "cut":
        file.weights = file.weights[: random.randrange(max(1, length))]
    elif how == "more":
        file.tail = random.randbytes(random.choice((1, 31, 4096)))
    else:
        start = random.randrange(max(1, length))
        size = min(length - start, random.choice((4, 1000, 200_000)))
        bad = random.randbytes(size) if how == "noise" else b"\xff" * size
        file.weights = file.weights[:start] + bad + file.weights[start + size :]


# ------------------------------------------------------------------------------------ the file


def change_counts(file: GgufFile, random: Random) -> None:
    wrong = random.choice((0, 1, 2, 2**31, 2**32, 2**62, 2**63, 2**64 - 1))
    if random.random() < 0.5:
        file.n_entries = random.choice((wrong, len(file.entries) - 1, len(file.entries) + 1))
    else:
        file.n_tensors = random.choice((wrong, len(file.tensors) - 1, len(file.tensors) + 1))


def change_version(file: GgufFile, random: Random) -> None:
    file.version = random.choice((0, 1, 2, 4, 255, 0x03000000, 2**32 - 1))


def change_padding(file: GgufFile, random: Random) -> None:
    """Another alignment, kept to by the padding of the first tensor at least."""
    wanted = random.choice((0, 1, 2, 3, 8, 16, 24, 64, 4096, 2**31))
    file.entries.append(Entry(b"general.alignment", 4, struct.pack("<I", wanted)))
    file.alignment = wanted if 0 < wanted <= 4096 else 32


def flip_bytes(file: GgufFile, random: Random) -> None:
    """Anything in the header, as a bad disk would have it."""
    size = len(file.written()) - len(file.weights)
    for _ in range(random.choice((1, 2, 8))):
        file.flips[random.randrange(max(1, size))] = random.randrange(256)


def cut_off(file: GgufFile, random: Random) -> None:
    size = len(file.written())
    file.cut = random.choice((0, 3, 8, 24, random.randrange(max(1, size)), size - 1, size - 33))


CHANGES: dict[Change, int] = {
    change_value: 24, change_array: 12, change_type: 6, drop_key: 5, double_key: 2, rename_key: 2,
    add_key: 20, many_keys: 1, change_shape: 8, change_tensor_type: 6, change_offset: 4,
    rename_tensor: 4, drop_tensor: 3, change_weights: 4, change_counts: 3, change_version: 1,
    change_padding: 3, flip_bytes: 6, cut_off: 3,
}  # fmt: skip
"""Every change, and how often it is drawn."""
