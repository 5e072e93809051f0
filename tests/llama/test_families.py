"""A loaded model is of the family that its header tells, and what follows from it."""

from __future__ import annotations

import dataclasses

import gguf
import pytest

import random_model
from hoshikage_cli.errors import NoMaskToken, UsageError
from hoshikage_cli.llama.errors import ModelLoadError
from hoshikage_cli.llama.families import STATEFUL
from hoshikage_cli.llama.model import Model
from hoshikage_cli.models.header import read_header
from hoshikage_cli.models.label import write_labelled

MASKS = {151665: "|<MASK>|", 151669: "<|MASK|>"}
"""Of Fast-dLLM v2 and of SDAR."""


def padded(to, special):
    """The vocabulary of bytes with unused tokens behind it, but for these."""
    small = random_model.byte_vocabulary()
    more = [special.get(i, f"[PAD{i}]") for i in range(len(small.tokens), to)]
    types = (*small.types, *(3 for _ in more))
    return dataclasses.replace(small, tokens=(*small.tokens, *more), types=types)


@pytest.fixture(scope="module", params=["qwen2", "qwen3", "llama"])
def with_masks(request, model_file):
    """The file of an architecture whose vocabulary has both mask tokens; it names neither."""
    small = {"layers": 1, "width": 32, "heads": 2, "kv_heads": 1, "feed_forward": 32}
    vocabulary = padded(151936, MASKS)
    arch = request.param
    file = model_file(
        arch, name=f"{arch}-masks", vocabulary=vocabulary, quantisation="Q8_0", **small
    )
    return arch, file


def test_header_and_library_recognise_mask_tokens_alike(with_masks):
    arch, file = with_masks
    expected = {"qwen2": "fast-dllm-v2", "qwen3": "sdar", "llama": "autoregressive"}[arch]
    header = read_header(file)
    with Model(file, vocabulary_only=True) as model:
        assert model.family.name == expected
        assert model.recognised == header.recognised
    with Model(file, vocabulary_only=True, family="none") as model:
        assert model.recognised == header.as_family("none").recognised
        assert model.family.kind == "autoregressive"


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
def test_header_and_library_agree_on_every_architecture(model, model_file, arch):
    header = read_header(model_file(arch))
    assert model(arch).recognised == header.recognised
    assert model(arch).shift_logits == header.shift_logits


def test_header_and_library_read_the_same_label(model_file, tmp_path):
    file = tmp_path / "labelled.gguf"
    keys = {"hoshikage.family": "open-dcoder", "diffusion.block_length": 8}
    write_labelled(read_header(model_file("qwen2")), file, keys)
    with Model(file) as model:
        assert model.recognised == read_header(file).recognised
        assert (model.family.name, model.recognised.by) == ("open-dcoder", "file")
        assert model.shift_logits
        assert model.metadata["diffusion.block_length"] == "8"


def test_a_family_that_it_cannot_be_of(model_file):
    with Model(model_file("qwen3"), family="dream") as model, pytest.raises(UsageError):
        _ = model.family


def test_the_familys_own_mask_token_serves_where_the_file_names_none(with_masks):
    arch, file = with_masks
    if arch != "llama":
        pytest.skip("its file names a mask token")
    for family, token in (("sdar", 151669), ("fast-dllm-v2", 151665)):
        with Model(file, vocabulary_only=True, family=family) as model:
            assert model.mask_token == token
    with Model(file, vocabulary_only=True, family="bd3lm") as model, pytest.raises(NoMaskToken):
        _ = model.mask_token


def vocabulary_alone(path, architecture):
    """A file with nothing but an architecture and a small vocabulary."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "ab"])
    writer.add_token_merges(["a b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_what_cannot_be_wound_back_is_what_the_library_says(tmp_path):
    known = set()
    for name in sorted({*gguf.MODEL_ARCH_NAMES.values(), *STATEFUL}):
        try:
            with Model(vocabulary_alone(tmp_path / "x.gguf", name), vocabulary_only=True) as model:
                assert model.can_repeat == (name not in STATEFUL), name
                known.add(name)
        except ModelLoadError:
            continue
    assert set(STATEFUL) <= known
    assert len(known) > 100
