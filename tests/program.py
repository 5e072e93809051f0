"""The program as a user runs it: its command line, and an environment without settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROGRAM = [sys.executable, "-m", "hoshikage_cli"]
SOURCE = Path(__file__).parents[1] / "src"
OURS = ("HOSHIKAGE_", "DIFFUSION_", "_HOSHIKAGE", "XDG_")


def clean_environment(home: Path) -> dict[str, str]:
    """This process's variables without ours, with a home and a config folder that are empty."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    kept.pop("NO_COLOR", None)
    return {
        **kept,
        "PYTHONPATH": str(SOURCE),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "HOSHIKAGE_THREADS": "1",
        "TERM": "xterm-256color",
        "PYTHONUTF8": "1",
    }
