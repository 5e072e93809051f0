"""Functions of vendor/include, compiled for tests on the processor at hand."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
INCLUDE = HERE.parents[1] / "vendor" / "include"
OPTIONS = ("-std=c++17", "-O2", "-march=native", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")


def compiled(source: str, folder: Path) -> ctypes.CDLL:
    """The file `source` of this folder as a library."""
    library = folder / f"{source}.so"
    compiler = os.environ.get("CXX", "c++")
    options = [*OPTIONS, *os.environ.get("CXXFLAGS", "").split()]
    subprocess.run([compiler, *options, f"-I{INCLUDE}", HERE / source, "-o", library], check=True)
    return ctypes.CDLL(str(library))
