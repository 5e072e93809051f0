"""Small files of a user's that must not be left half written."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from .errors import RunError


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once, or make it and the folders above; links and mode are kept.

    Raises RunError, with the old file as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        _replace(target, text, mode)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None


def _replace(target: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, target)
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise
