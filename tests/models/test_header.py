"""What is read of a GGUF without the library: of random models, and of files that are none."""

from __future__ import annotations

import struct

import pytest

import random_model
from hoshikage_cli.llama.families import FAMILIES, shift_of
from hoshikage_cli.models.catalogue import CATALOGUE, shipped_path
from hoshikage_cli.models.check import check_whole
from hoshikage_cli.models.header import NotAModel, read_header
from random_models import SHIFTED


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
def test_facts_of_an_architecture(model_file, arch):
    header = read_header(model_file(arch))
    assert header.architecture == arch
    assert header.family.architectures in ((arch,), ())
    assert header.recognised.by == "architecture"
    assert header.of_architecture("context_length") == 4096
    assert header.n_parameters == sum(header.weight_types().values()) > 262 * 64
    assert header.shift_logits is (arch in SHIFTED)
    check_whole(header)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_shipped_model_is_of_the_kind_that_it_is_listed_as(name):
    header = read_header(shipped_path(name))
    assert header.kind == CATALOGUE[name].kind
    check_whole(header)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("said", ["true", "false", True, False])
def test_what_the_file_says_of_the_shift_goes_before_its_family(family, said):
    assert shift_of({"diffusion.shift_logits": said}, family) is (said in ("true", True))


NO_HEADERS = {
    "it is empty": b"",
    "zip file": b"PK\3\4",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1",
    "older format": b"ggml....",
    "is not a GGUF file": b"Once upon a time",
    "version 1: too old": b"GGUF" + struct.pack("<I", 1),
    "its GGUF header is not whole": b"GGUF" + struct.pack("<IQ", 3, 5),
    "without an architecture": b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
}


@pytest.mark.parametrize("words", NO_HEADERS)
def test_what_is_no_header(tmp_path, words):
    path = tmp_path / "x.gguf"
    path.write_bytes(NO_HEADERS[words])
    with pytest.raises(NotAModel, match=words) as refusal:
        read_header(path)
    assert "\n" not in str(refusal.value)


def test_a_header_that_is_cut_anywhere_is_refused(model_file, tmp_path):
    whole = model_file("llada")
    data, end = whole.read_bytes(), read_header(whole).data_start
    path = tmp_path / "cut.gguf"
    for size in range(0, end - 64, 97):
        path.write_bytes(data[:size])
        with pytest.raises(NotAModel):
            read_header(path)


@pytest.mark.parametrize("missing", [1, 1000])
def test_weights_that_are_cut_off_are_counted(model_file, tmp_path, missing):
    path = tmp_path / "cut.gguf"
    path.write_bytes(model_file("llada").read_bytes()[:-missing])
    with pytest.raises(NotAModel, match=f"ends {missing:,} bytes? early: it is cut off"):
        check_whole(read_header(path))
