"""Builds the extension module `_native`: cffi in API mode, so that the C compiler checks every
declaration against the headers of the library that it is linked with.

    python src/hoshikage_cli/llama/build.py

needs cffi and setuptools, and nothing of this package. HOSHIKAGE_LLAMA_DIR names the prefix of an
installed libllama to bind instead of the vendored one. HOSHIKAGE_PORTABLE=1 leaves out
-march=native.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cffi import FFI

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
DECLARATIONS = tuple("library model vocabulary context sampler native score quantize".split())
SOURCES = ("rows.c", "sample.c", "interrupt.c", "score.c", "patched.c", "abort.cpp")
MODULE = "hoshikage_cli.llama._native"


@dataclass(frozen=True)
class Paths:
    """Where the headers and libraries are, and where the extension looks for them when it runs."""

    include: tuple[Path, ...]
    libraries: Path
    rpath: str
    vendored: bool


def paths() -> Paths:
    """The vendored library, or the one that HOSHIKAGE_LLAMA_DIR names."""
    prefix = os.environ.get("HOSHIKAGE_LLAMA_DIR")
    if prefix:
        root = Path(prefix).resolve()
        return Paths((root / "include",), root / "lib", str(root / "lib"), False)
    tree = ROOT / "vendor" / "llama.cpp"
    include = (tree / "include", tree / "ggml" / "include")
    origin = "@loader_path/lib" if sys.platform == "darwin" else "$ORIGIN/lib"
    return Paths(include, HERE / "lib", origin, True)


def declarations() -> str:
    return "\n".join((HERE / "declarations" / f"{name}.h").read_text() for name in DECLARATIONS)


def ffibuilder(where: Paths, checks: Sequence[str] = ()) -> FFI:
    """A cffi FFI that knows the declarations and how to compile them; checks: more arguments of the
    compiler and the linker."""
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source(
        MODULE,
        '#include "llama.h"\n#include "ggml-backend.h"\n#include "native.h"\n#include "score.h"\n',
        sources=[str(HERE / name) for name in SOURCES],
        include_dirs=[str(HERE), *map(str, where.include)],
        library_dirs=[str(where.libraries)],
        libraries=["llama", "ggml", "ggml-base"],
        extra_compile_args=[*compile_arguments(), *checks],
        extra_link_args=[*checks, f"-Wl,-rpath,{where.rpath}", "-lm", "-lpthread"],
        py_limited_api=False,
    )
    return ffi


def compile_arguments() -> list[str]:
    """For C and C++ alike. Warnings are errors; cffi's own wrapper casts too freely for -Wextra."""
    speed = ["-O3", "-funroll-loops", "-fopenmp-simd", "-ffp-contract=fast"]
    speed += ["-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"]
    if os.environ.get("HOSHIKAGE_PORTABLE") != "1":
        speed.append("-march=native")
    checks = ["-Wall", "-Werror", "-Wno-unused-function", "-Wno-missing-field-initializers"]
    return [*speed, *checks]


def write_build_facts(where: Paths) -> None:
    """What `--version` says without asking the library."""
    commit = "unknown"
    if where.vendored:
        lock = (ROOT / "vendor" / "llama.cpp.lock").read_text()
        found = re.search(r"^commit\s*=\s*\"?([0-9a-f]{40})", lock, re.MULTILINE)
        commit = found[1] if found else commit
    facts = {"LLAMA_COMMIT": commit, "VENDORED": where.vendored, "LIBRARIES": digest_of(where)}
    lines = [f"{name} = {value!r}" for name, value in facts.items()]
    (HERE / "_build_facts.py").write_text("\n".join(['"""Written by build.py."""', "", *lines, ""]))


def digest_of(where: Paths) -> str:
    """Tells one build of libllama and its parts from another."""
    digest = hashlib.sha256()
    for path in sorted(where.libraries.glob("lib*")):
        if path.name.startswith(("libllama", "libggml")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> None:
    where = paths()
    with tempfile.TemporaryDirectory() as folder:
        built = Path(ffibuilder(where).compile(tmpdir=folder, verbose=False))
        target = HERE / built.name
        # A running program may have the old file mapped: replace it, do not write into it.
        fresh = target.with_suffix(".new")
        fresh.write_bytes(built.read_bytes())
        fresh.chmod(0o755)
        fresh.replace(target)
    write_build_facts(where)
    print(f"built {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
