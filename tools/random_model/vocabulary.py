"""Vocabularies for random models: a small one of bytes, or a copy of a real one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf

NORMAL = int(gguf.TokenType.NORMAL)
CONTROL = int(gguf.TokenType.CONTROL)
UNUSED = int(gguf.TokenType.UNUSED)
MASK = "<|mask|>"


@dataclass(frozen=True)
class Vocabulary:
    """A byte-level BPE vocabulary; `pre` names how libllama splits text before the merges."""

    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    bos: int
    eos: int
    pad: int
    mask: int


def byte_vocabulary() -> Vocabulary:
    """The 256 bytes, two merges, end of text, two roles and the mask: 262 tokens."""
    spelled = _spelled_bytes()
    words = ["Ġt", "he"]
    special = ["<|endoftext|>", "<|user|>", "<|assistant|>", MASK]
    tokens = (*spelled, *words, *special)
    types = (NORMAL,) * (256 + len(words)) + (CONTROL,) * len(special)
    end = tokens.index("<|endoftext|>")
    return Vocabulary("gpt-2", tokens, types, ("Ġ t", "h e"), end, end, end, tokens.index(MASK))


def _spelled_bytes() -> list[str]:
    """GPT-2's spelling: a printable character for every byte, itself where it is printable."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    spelling = {byte: chr(byte) for byte in printable}
    spelling.update({byte: chr(0x100 + i) for i, byte in enumerate(others)})
    return [spelling[byte] for byte in range(256)]


def copied_vocabulary(path: str | Path) -> Vocabulary:
    """The byte-level BPE vocabulary of a GGUF. The mask takes the first unused id, if there is
    one, so that the size stays; else it is added behind. Raises ValueError for another kind."""
    found = gguf.GGUFReader(path).fields
    model = found["tokenizer.ggml.model"].contents()
    if model != "gpt2":
        raise ValueError(f"{path} has a vocabulary of kind {model}: a byte-level one is needed")
    tokens = list(found["tokenizer.ggml.tokens"].contents())
    types = list(found["tokenizer.ggml.token_type"].contents())
    mask = _give_mask(tokens, types)
    end = found["tokenizer.ggml.eos_token_id"].contents()
    bos = found["tokenizer.ggml.bos_token_id"].contents()
    merges = tuple(found["tokenizer.ggml.merges"].contents())
    pre = found["tokenizer.ggml.pre"].contents()
    return Vocabulary(pre, tuple(tokens), tuple(types), merges, bos, end, end, mask)


def _give_mask(tokens: list[str], types: list[int]) -> int:
    if MASK in tokens:
        return tokens.index(MASK)
    unused = [i for i, kind in enumerate(types) if kind == UNUSED]
    padding = [i for i, token in enumerate(tokens) if token.startswith("[PAD")]
    free = unused or padding
    if not free:
        tokens.append(MASK)
        types.append(CONTROL)
        return len(tokens) - 1
    tokens[free[0]], types[free[0]] = MASK, CONTROL
    return free[0]
