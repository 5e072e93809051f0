"""The real program, run as a user runs it, away from this machine's own settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "hoshikage_cli"]
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def environment(tmp_path):
    """An environment without settings, and with a config folder that is empty."""
    ours = ("HOSHIKAGE_", "DIFFUSION_", "_HOSHIKAGE", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept.pop("NO_COLOR", None)
    return {
        **kept,
        "PYTHONPATH": str(SOURCE),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HOSHIKAGE_THREADS": "1",
        "TERM": "xterm-256color",
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def hoshikage(environment):
    """hoshikage("generate", "x", stdin="…", STEPS="…") runs it; keywords are variables."""

    def run(*arguments, stdin="", text=True, **variables):
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            input=stdin if text else stdin.encode(),
            capture_output=True,
            text=text,
            encoding="utf-8" if text else None,
            env={**environment, **variables},
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def config_file(tmp_path):
    """config_file("steps = 4") writes the config file of this test."""

    def write(text):
        folder = tmp_path / "config" / "hoshikage"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(text, encoding="utf-8")

    return write
