"""What the build leaves: an extension that works wherever it is moved, and a make that is quick."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit

from program import PROGRAM

ROOT = Path(__file__).parents[2]


def test_the_package_works_where_it_is_moved_to(tmp_path):
    # Other tests may be compiling modules at this moment: their caches come and go.
    shutil.copytree(
        ROOT / "src" / "hoshikage_cli",
        tmp_path / "elsewhere" / "hoshikage_cli",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    environment["PYTHONPATH"] = str(tmp_path / "elsewhere")
    code = (
        "import hoshikage_cli as hk; from hoshikage_cli.llama import library; "
        "print(hk.__file__); print(library.build_info())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "CPU" in done.stdout


@pytest.fixture
def package(tmp_path):
    """A copy of the package, whose built parts may go."""
    ignored = shutil.ignore_patterns("__pycache__")
    copy = tmp_path / "copy" / "hoshikage_cli"
    shutil.copytree(ROOT / "src" / "hoshikage_cli", copy, ignore=ignored)
    return copy


@pytest.mark.parametrize("command", [["generate", "hi"], ["bench"], ["chat"], ["infill", "a[MASK]"]])
@pytest.mark.parametrize("gone", ["_build_facts.py", "_native.*.so", "lib"])
def test_what_is_not_built_is_said_in_one_line(package, environment, gone, command):
    for path in (package / "llama").glob(gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    environment = {**environment, "PYTHONPATH": str(package.parent)}
    run = subprocess.run(
        [*PROGRAM, "-q", *command],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("hoshikage: llama.cpp: not built (run make)")
    assert run.stderr.count("\n") == 1
    assert ("cannot open" in run.stderr) == (gone == "lib")


@pytest.mark.parametrize("gone", ["_build_facts.py", "_native.*.so", "lib"])
def test_what_is_not_built_is_said_to_python_too(package, environment, gone):
    for path in (package / "llama").glob(gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = subprocess.run(
        [sys.executable, "-c", "import hoshikage_cli as hk; print(dir(hk)); hk.load()"],
        env={**environment, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "'load'" in run.stdout
    assert run.stderr.splitlines()[-1].startswith("ImportError: llama.cpp: not built (run make)")
    assert ("cannot open" in run.stderr) == (gone == "lib")


def test_the_man_page_is_installed_where_man_looks():
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    files = project["tool"]["setuptools"]["data-files"]["share/man/man1"]
    assert [(ROOT / name).name for name in files if (ROOT / name).exists()] == ["hoshikage.1"]
    dry = subprocess.run(["make", "-nB", "build"], cwd=ROOT, capture_output=True, text=True)
    assert ".venv/share/man/man1/hoshikage.1" in dry.stdout


def test_help_names_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("build", "vendor", "demo", "test", "lint", "clean", "bench", "peer"):
        assert f"\n{target} " in f"\n{done.stdout}"


def test_the_source_of_llama_cpp_and_what_is_built_are_not_kept():
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:  # a source archive without its history
        return
    kept = done.stdout.splitlines()
    assert not [p for p in kept if p.startswith("vendor/llama.cpp/") or p.endswith((".so", ".o"))]
