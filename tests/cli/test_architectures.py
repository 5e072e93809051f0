"""`inspect` and `generate` on a model of each diffusion architecture, with random weights."""

from __future__ import annotations

import json

import pytest

from random_models import DIFFUSION, SHIFTED


@pytest.mark.parametrize("arch", DIFFUSION)
def test_inspect(hoshikage, model_file, arch):
    shown = json.loads(hoshikage("inspect", "--json", model_file(arch)).stdout)
    assert shown["architecture"] == arch
    assert shown["kind"] == "diffusion"
    assert shown["shift_logits"] is (arch in SHIFTED)


@pytest.mark.parametrize("options", [(), ("--fast",), ("--cfg-scale", "1", "--temp", "0.8")])
@pytest.mark.parametrize("arch", DIFFUSION)
def test_generate(hoshikage, model_file, arch, options):
    arguments = ("generate", "-m", model_file(arch), "-n", "16", "--steps", "6", "-s", "1")
    done = hoshikage(*arguments, "--json", *options, "some text")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["completion_tokens"] <= 16
    assert result["nfe"] >= 6 or result["stop_reason"] == "end" or "--fast" in options
