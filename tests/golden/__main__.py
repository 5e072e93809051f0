"""`make golden`: write the traces anew."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from .recording import write_all

with TemporaryDirectory() as folder:
    write_all(Path(folder))
