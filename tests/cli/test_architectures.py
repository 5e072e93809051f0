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


# Without end tokens every run takes all of its steps and fills the whole canvas.
WHOLE = ("-n", "16", "--steps", "6", "--seed", "1", "--eos-policy", "suppress")


@pytest.mark.parametrize(
    ("options", "nfe"),
    [((), 6), (("--cache", "dual", "--cache-window", "8"), 6), (("--cfg-scale", "1"), 12)],
)
@pytest.mark.parametrize("arch", DIFFUSION)
def test_generate(hoshikage, model_file, arch, options, nfe):
    arguments = ("generate", "-m", model_file(arch), *WHOLE, "--temp", "0.8")
    done = hoshikage(*arguments, "--json", *options, "some text")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["steps"], result["nfe"]) == (6, nfe)
    assert (result["completion_tokens"], result["stop_reason"]) == (16, "length")
