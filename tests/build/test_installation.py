"""What the build leaves: an extension that works wherever it is moved, and a make that is quick."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
