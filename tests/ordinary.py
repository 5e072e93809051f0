"""The program as somebody without a superuser's rights runs it, in a folder that is given.

    python -m ordinary FOLDER ARGUMENTS…

A superuser may write everywhere, so who tests as one gives the rights away first. Where Python is
installed may be closed to everybody else: the same command is run once before, in a copy of the
folder, so that all modules have been imported by then.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from hoshikage_cli.cli.app import run

NOBODY = 65_534


def main(folder: Path, arguments: list[str]) -> int:
    if os.getuid() == 0:
        rehearse(folder, arguments)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    go_to(folder)
    return run(arguments)


def rehearse(folder: Path, arguments: list[str]) -> None:
    """Run the command where everything is allowed, and let nothing be seen of it."""
    kept = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    with tempfile.TemporaryDirectory() as elsewhere:
        copy = Path(shutil.copytree(folder, Path(elsewhere) / "copy", symlinks=True))
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)
        go_to(copy)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        try:
            run(arguments)
        finally:
            os.chdir("/")
            for stream, before in zip((1, 2), kept, strict=True):
                os.dup2(before, stream)


def go_to(folder: Path) -> None:
    """Everything of the user's is in this folder."""
    os.chdir(folder)
    os.environ["HOME"] = str(folder)
    for what in ("CONFIG", "CACHE", "STATE", "DATA"):
        os.environ[f"XDG_{what}_HOME"] = str(folder / what.lower())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
