"""A sample of what `make fuzz` does: nothing ends in a signal, a hang, a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

import hoshikage_cli
import random_model
from fuzz.commands import KINDS
from fuzz.gguf_file import take_apart
from fuzz.mutate import CHANGES, mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
def test_mutants_come_to_no_bad_end(tmp_path, arch):
    shape = random_model.Shape(arch=arch, experts=4, layers=1)
    path = random_model.write_model(tmp_path / f"{arch}.gguf", shape)
    assert "12 mutants" in fuzzed(tmp_path, str(path), "--count", "12")


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_inputs_come_to_no_bad_end(tmp_path, kind):
    assert "6 mutants" in fuzzed(tmp_path, kind, "--count", "6")


def fuzzed(folder: Path, *arguments: str) -> str:
    """What is counted; in a process of its own, without threads, of which each is a fork."""
    sources = os.pathsep.join([str(ROOT / "tools"), str(Path(hoshikage_cli.__file__).parents[1])])
    command = [sys.executable, "-m", "fuzz", *arguments, "--keep", str(folder / "bad")]
    environment = {**os.environ, "PYTHONPATH": sources}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_an_input(tmp_path, kind):
    def made(folder: str, seed: int) -> dict[str, bytes]:
        path = tmp_path / folder
        path.mkdir()
        case = replace(KINDS[kind](Random(seed), path), folder=tmp_path)
        files = {file.name: file.read_bytes() for file in path.rglob("*") if file.is_file()}
        return {**files, "": repr(case).encode("utf-8", "backslashreplace")}

    assert made("a", 5) == made("b", 5) != made("c", 6)


def test_a_seed_is_a_mutant(tmp_path):
    good = take_apart(random_model.write_model(tmp_path / "m", random_model.Shape()).read_bytes())
    assert good.written() == (tmp_path / "m").read_bytes()
    assert mutant(good, 5) == mutant(good, 5) != mutant(good, 6)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_can_be_made(tmp_path, change):
    good = take_apart(random_model.write_model(tmp_path / "m", random_model.Shape()).read_bytes())
    for seed in range(30):
        file = good.copy()
        change(file, Random(seed))
        file.written()
