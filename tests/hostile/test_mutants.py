"""A sample of what `make fuzz` does: no mutant of a model ends in a signal, a hang, a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

import hoshikage_cli
import random_model
from fuzz.gguf_file import take_apart
from fuzz.mutate import CHANGES, mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
def test_mutants_come_to_no_bad_end(tmp_path, arch):
    shape = random_model.Shape(arch=arch, experts=4, layers=1)
    path = random_model.write_model(tmp_path / f"{arch}.gguf", shape)
    # In a process of its own, without threads: each mutant is run in a fork of it.
    sources = os.pathsep.join([str(ROOT / "tools"), str(Path(hoshikage_cli.__file__).parents[1])])
    command = [sys.executable, "-m", "fuzz", str(path), "--count", "12"]
    found = subprocess.run(
        [*command, "--keep", str(tmp_path / "bad")],
        env={**os.environ, "PYTHONPATH": sources},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "12 mutants" in found.stdout


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
