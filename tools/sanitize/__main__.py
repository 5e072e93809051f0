"""Compile, and run the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from hoshikage_cli.llama.build import ffibuilder, paths

from . import BINDING, FOLDER

ROOT = Path(__file__).parents[2]
SANITIZERS = ("address", "undefined", "float-cast-overflow")
FLAGS = ("-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", f"-fsanitize={','.join(SANITIZERS)}",
         "-fno-sanitize-recover=all")  # fmt: skip
TESTS = (
    "tests/llama/test_hostile_rows.py",
    "tests/llama/test_rows.py",
    "tests/llama/test_score.py",
    "tests/llama/test_sampler.py",
    "tests/vendor/test_q8_0.py",
    "tests/vendor/test_prepared.py",
)
OPTIONS = {
    # Python itself leaves much behind when it ends.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # Each array is an allocation of its own, with guards around it.
    "PYTHONMALLOC": "malloc",
}


def main(arguments: list[str]) -> int:
    where = paths()
    # The folder is another one, the libraries are where they were.
    compiler = ffibuilder(replace(where, rpath=str(where.libraries)), FLAGS)
    compiler.compile(tmpdir=str(FOLDER), target=BINDING.name, verbose=False)
    environment = {
        **os.environ,
        **OPTIONS,
        "LD_PRELOAD": runtime("libasan.so"),
        "CXXFLAGS": " ".join(FLAGS),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", ROOT / "tools"))),
    }
    command = [sys.executable, "-m", "pytest", "-p", "sanitize.plugin", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *(arguments or TESTS)], cwd=ROOT, env=environment).returncode


def runtime(name: str) -> str:
    """The sanitizer's library, which must be loaded before everything else."""
    command = [os.environ.get("CC", "cc"), f"-print-file-name={name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
