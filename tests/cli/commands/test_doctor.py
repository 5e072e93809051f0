"""`hoshikage doctor`, run for real."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def rows(run):
    """(name, what is told) of each line."""
    return [tuple(line.split("  ", 1)) for line in run.stdout.splitlines()]


def test_what_is_there_and_how_fast(hoshikage, tmp_path):
    run = hoshikage("doctor", "-n", "16", "--steps", "4")
    told = {name.strip(): value.strip() for name, value in rows(run)}
    assert run.returncode == 0
    assert told["llama.cpp"].endswith("with our patches")
    assert "CPU" in told["backends"]
    assert told["kernels"]
    assert told["config"] == f"{tmp_path}/config/hoshikage/config.toml (not there)"
    assert told["model"].startswith("hoshi-tiny: diffusion (llada), 4.66M parameters")
    assert "ms for" in told["a pass"]
    assert told["an answer"].startswith("about ")
    assert told["an answer"].endswith(": 16 tokens in 4 steps")
    assert told["amiss"] == "nothing"


def test_the_answer_is_reckoned_from_the_steps_that_were_timed(hoshikage):
    told = json.loads(hoshikage("doctor", "--json", "-n", "40", "--steps", "0").stdout)
    timed = told["timed"]
    assert (timed["steps"], timed["tokens"]) == (40, 40)
    assert timed["answer"] > 20 * timed["pass"] > 0
    assert told["machine"]["threads"] == 1
    assert told["library"]["devices"]["CPU"]


def test_an_answer_that_may_end_early_takes_so_long_at_most(hoshikage):
    for options in (("--fast",), ("-m", "hoshi-tiny-ar")):
        run = hoshikage("doctor", "-n", "8", *options)
        (answer,) = [value.strip() for name, value in rows(run) if name.strip() == "an answer"]
        assert answer.startswith("at most ")


def test_kernels_follow_the_variable(hoshikage):
    run = hoshikage("doctor", "--json", "-n", "2", HOSHIKAGE_STOCK_KERNELS="1")
    assert json.loads(run.stdout)["library"]["kernels"] == "ggml's own"


def test_what_is_amiss_is_told_with_what_to_do(hoshikage, config_file):
    config_file("stpes = 4")
    run = hoshikage("doctor", HOSHIKAGE_STPES="4")
    wrong = [value.strip() for name, value in rows(run) if name == "amiss"]
    assert run.returncode == 1
    assert wrong[0].endswith("did you mean HOSHIKAGE_STEPS?")
    assert wrong[1].endswith("did you mean steps?")
    assert len(wrong) == 2


def test_a_model_that_is_none(hoshikage, tmp_path):
    (tmp_path / "no.gguf").write_bytes(b"GGUF")
    run = hoshikage("doctor", "-m", tmp_path / "no.gguf", "--json")
    told = json.loads(run.stdout)
    assert run.returncode == 1
    assert told["model"] is told["timed"] is None
    assert str(tmp_path / "no.gguf") in told["amiss"][0]


def test_layers_for_a_gpu_that_is_not_there(hoshikage):
    hinted = json.loads(hoshikage("doctor", "--json", "-n", "2", "-ngl", "9").stdout)["hints"]
    assert any(line.startswith("--gpu-layers has nothing to keep layers on") for line in hinted)
    run = hoshikage("generate", "-q", "-n", "2", "--steps", "1", "-ngl", "9", "hi")
    assert "--gpu-layers has no effect" in run.stderr
    assert "GGML_CUDA" in run.stderr


def test_where_nothing_is_built(environment, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "_native.*.so", "_build_facts.py", "lib")
    shutil.copytree(ROOT / "src" / "hoshikage_cli", tmp_path / "hoshikage_cli", ignore=ignored)
    run = subprocess.run(
        [sys.executable, "-m", "hoshikage_cli", "doctor"],
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == ""
    assert ("amiss", "llama.cpp: not built (run make)") in [
        (name.strip(), value.strip()) for name, value in rows(run)
    ]
