"""The keywords of the Python API: as options are called, and known to type checkers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hoshikage_cli as hk
from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.resolve import by_field_name

ROOT = Path(__file__).parents[2]


def test_the_file_is_as_the_declarations_are():
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    tool = [sys.executable, str(ROOT / "tools" / "write_keywords.py"), "--check"]
    assert subprocess.run(tool, env=environment, check=False).returncode == 0


def test_a_keyword_may_have_the_name_of_its_option():
    assert by_field_name({"temp": 0.5, "steps": 3}) == {"temperature": 0.5, "steps": 3}
    assert by_field_name({"temperature": 0.5, "stpes": 3}) == {"temperature": 0.5, "stpes": 3}
    with pytest.raises(SettingsError, match="give one of them"):
        by_field_name({"temp": 0.5, "temperature": 0.5})


def test_the_package_shows_what_it_has():
    assert dir(hk) == sorted(hk.__all__)
    assert "load" in dir(hk)


RIGHT = """
import hoshikage_cli as hk

with hk.load("hoshi-tiny", threads=1, temp=0.5) as generator:
    generator.generate("hi", steps=3, cache="dual", schedule=1, temperature=0.2, stop="x")
    generator.stream("hi", stop=["a", "b"], seed=None)
    generator.infill("a [MASK]", algorithm="entropy")
"""
WRONG = ("stpes=3", 'cache="dula"', 'steps="many"', "schedule=7", "stop=3")


@pytest.mark.slow
def test_a_type_checker_knows_them(tmp_path):
    pytest.importorskip("mypy")
    calls = "".join(f'generator.generate("hi", {wrong})\n' for wrong in WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(
        f"import hoshikage_cli as hk\ngenerator = hk.load()\n{calls}"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--follow-imports=silent",
            "--config-file=",
            f"--cache-dir={tmp_path}/cache",
            "right.py",
            "wrong.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[:2] for line in told] == [
        ["wrong.py", str(3 + i)] for i in range(len(WRONG))
    ]
