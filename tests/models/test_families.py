"""Which family a file is of, and by what, as its header tells."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from hoshikage_cli.errors import UsageError
from hoshikage_cli.llama.families import BORROWED, FAMILIES, NAMED, recognise
from hoshikage_cli.models.header import read_header

SDAR, FAST_DLLM = (151669, "<|MASK|>"), (151665, "|<MASK>|")


def recognised(architecture, name=None, tokens=(), **keys):
    """(family, by) of metadata with these keys, and a vocabulary with these tokens (id, text)."""
    metadata = {"general.architecture": architecture}
    metadata |= {key.replace("__", "."): value for key, value in keys.items()}
    found = recognise(metadata, dict(tokens).get, name)
    return found.family.name, found.by


@pytest.mark.parametrize(
    ("architecture", "tokens", "family", "by"),
    [
        ("llada", (), "llada", "architecture"),
        ("llada2", (), "llada2.0", "architecture"),
        ("llada2", (SDAR,), "llada2.0", "architecture"),
        ("qwen3", (SDAR,), "sdar", "mask token"),
        ("qwen3moe", (SDAR,), "sdar", "mask token"),
        ("qwen2", (FAST_DLLM,), "fast-dllm-v2", "mask token"),
        ("qwen2", (SDAR,), "autoregressive", "architecture"),
        ("llama", (SDAR, FAST_DLLM), "autoregressive", "architecture"),
        ("qwen3", (FAST_DLLM,), "autoregressive", "architecture"),
        ("qwen3", ((151669, "<|mask|>"),), "autoregressive", "architecture"),
        ("qwen3", ((151665, "<|MASK|>"),), "autoregressive", "architecture"),
        ("qwen3", (), "autoregressive", "architecture"),
        ("gpt9", (SDAR,), "autoregressive", "architecture"),
    ],
)
def test_what_nobody_names(architecture, tokens, family, by):
    assert recognised(architecture, tokens=tokens) == (family, by)


def test_a_name_goes_before_the_file_and_the_file_before_what_it_looks_like():
    keys = {"hoshikage__family": "trado"}
    assert recognised("qwen3", tokens=[SDAR]) == ("sdar", "mask token")
    assert recognised("qwen3", tokens=[SDAR], **keys) == ("trado", "file")
    assert recognised("qwen3", "llada2.1", [SDAR], **keys) == ("llada2.1", "name")
    assert recognised("llada2", hoshikage__family="llada2.1") == ("llada2.1", "file")


@pytest.mark.parametrize("architecture", ["qwen3", "llada2", "llama", "gpt9"])
def test_none_is_autoregressive(architecture):
    assert recognised(architecture, "none", [SDAR]) == ("autoregressive", "name")
    keys = {"hoshikage__family": "none"}
    assert recognised(architecture, tokens=[SDAR], **keys) == ("autoregressive", "file")


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.others], ids=lambda f: f.name)
@pytest.mark.parametrize("architecture", BORROWED)
def test_a_family_on_borrowed_weights_may_have_any_of_these(family, architecture):
    assert recognised(architecture, family.name) == (family.name, "name")


@pytest.mark.parametrize(
    ("architecture", "name", "words"),
    [
        ("llada", "sdar", "a model of the architecture llada cannot be of the family sdar: it can"),
        ("llada", "none", "it can be llada$"),
        ("qwen3", "dream", "cannot be of the family dream: it can be sdar, "),
        (
            "mamba",
            "sdar",
            "cannot be wound back to repeat a block; it can be none",
        ),
        ("gemma3", "sdar", "of the family sdar: it can be none"),
        ("qwen3", "sadr", "no family 'sadr'; did you mean sdar?"),
        ("qwen3", "xyz", "no family 'xyz': there are llada, "),
    ],
)
def test_what_it_cannot_be_is_refused_whoever_says_so(architecture, name, words):
    for said in ({"name": name}, {"hoshikage__family": name}):
        with pytest.raises(UsageError, match=words) as refusal:
            recognised(architecture, **said)
        assert "\n" not in str(refusal.value)
        assert ("the file's hoshikage.family: " in str(refusal.value)) == ("name" not in said)


def test_names_and_mask_tokens_tell_families_apart():
    assert len(NAMED) == len(FAMILIES) + 1
    masks = [(family.mask.id, arch) for family in FAMILIES if family.mask for arch in BORROWED
             if arch in family.mask.architectures]  # fmt: skip
    assert len(masks) == len(set(masks)) == 3


# ------------------------------------------------------------------------------------ headers


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def header(tmp_path, architecture, tokens):
    """The header of a file with nothing but an architecture and a vocabulary."""
    path = tmp_path / "x.gguf"
    path.write_bytes(
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, 3)
        + text("tokenizer.ggml.tokens")
        + struct.pack("<IIQ", 9, 8, len(tokens))
        + b"".join(map(text, tokens))
        + text("general.architecture")
        + struct.pack("<I", 8)
        + text(architecture)
        + text("last")
        + struct.pack("<II", 4, 7)
    )
    return read_header(path)


def test_a_header_is_recognised_by_the_text_of_its_mask_token(tmp_path):
    tokens = [""] * 151936
    tokens[151669] = "<|MASK|>"
    found = header(tmp_path, "qwen3", tokens)
    assert found.metadata["last"] == 7
    assert (found.family.name, found.kind, found.recognised.by) == ("sdar", "block", "mask token")
    assert header(tmp_path, "qwen2", tokens).kind == "autoregressive"
    assert header(tmp_path, "qwen3", tokens[:151669]).kind == "autoregressive"
    found = header(tmp_path, "qwen3", tokens)
    assert found.as_family("none").kind == "autoregressive"
    with pytest.raises(UsageError):
        found.as_family("dream")


def test_every_family_is_on_the_page_about_them():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert all(any(f"`{family.name}`" in row for row in rows) for family in FAMILIES)
    for family in FAMILIES:
        if family.mask:
            assert any(f"`{family.name}`" in row and str(family.mask.id) in row for row in rows)
