"""`inspect` and `generate` on a model of each diffusion architecture, with random weights."""

from __future__ import annotations

import json

import pytest

import random_model

ARCHITECTURES = ("dream", "llada", "llada-moe", "rnd1")
SHIFTED = ("dream", "rnd1")


@pytest.fixture(scope="module")
def model_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    return {
        arch: random_model.write_model(
            folder / f"{arch}.gguf", random_model.Shape(arch=arch, experts=4)
        )
        for arch in ARCHITECTURES
    }


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_inspect(hoshikage, model_files, arch):
    shown = json.loads(hoshikage("inspect", "--json", model_files[arch]).stdout)
    assert shown["architecture"] == arch
    assert shown["kind"] == "diffusion"
    assert shown["shift_logits"] is (arch in SHIFTED)


@pytest.mark.parametrize("options", [(), ("--fast",), ("--cfg-scale", "1", "--temp", "0.8")])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_generate(hoshikage, model_files, arch, options):
    arguments = ("generate", "-m", model_files[arch], "-n", "16", "--steps", "6", "-s", "1")
    done = hoshikage(*arguments, "--json", *options, "some text")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["completion_tokens"] <= 16
    assert result["nfe"] >= 6 or result["stop_reason"] == "end" or "--fast" in options
