"""llama.cpp's own converter, run in a child: it is in `llama/lib/converter.zip`, where the build
puts it, and needs torch and transformers.

It is pinned with the library, so that what is put in its way here is known: the file's header, to
which keys are added; the names of tensors; and its guess at how a tokeniser splits texts.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import RunError
from .child import Tell

ARCHIVE = Path(__file__).parents[1] / "llama" / "lib" / "converter.zip"
NEEDED = ("torch", "transformers", "safetensors")
EXTRA = "pip install 'hoshikage-cli[convert]'"
TYPES = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q8_0": "q8_0"}
"""Its names of the types that it writes itself."""


def refuse_missing() -> None:
    """Raises RunError where the converter, or what it needs, is not installed."""
    if not ARCHIVE.exists():
        raise RunError("llama.cpp's converter is not in this installation: run make")
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise RunError(f"converting needs {' and '.join(missing)}: {EXTRA}")


def convert(
    folder: str,
    target: str,
    outtype: str,
    keys: Mapping[str, str | int],
    rename: Mapping[str, str],
    splitting: str | None,
    tell: Tell,
) -> None:
    """Write a checkpoint as a GGUF with these keys besides. splitting: how its tokeniser splits
    texts (tokenizer.ggml.pre), if not as the converter finds. Raises RunError."""
    sys.path[:0] = [f"{ARCHIVE}/gguf-py", str(ARCHIVE)]
    _silence()
    errors = _Errors()
    logging.basicConfig(level=logging.INFO, handlers=[errors])
    sys.argv = ["convert", folder, "--outfile", target, "--outtype", outtype]
    try:
        import convert_hf_to_gguf as program

        _add_keys(keys)
        _prepare(rename, splitting)
        tell("converting")
        program.main()
    except SystemExit as error:
        if error.code:
            raise RunError(f"cannot convert it: {errors.last or 'no reason is given'}") from None
    except NotImplementedError as error:
        raise RunError(f"cannot convert it: {_told(error, splitting)}") from None
    except Exception as error:
        raise RunError(f"cannot convert it: {_line(error)}") from None


def _told(error: Exception, splitting: str | None) -> str:
    if "BPE pre-tokenizer" in str(error) and splitting is None:
        return (
            "its tokeniser splits texts in a way that is not known: say which with --pre, "
            "as --pre qwen2 or --pre llama-bpe"
        )
    return _line(error)


def _line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    where = traceback.extract_tb(error.__traceback__)[-1].line
    return f"{type(error).__name__}: {lines[0] if lines else where}"


def _silence() -> None:
    """What it prints is for its own users."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)


class _Errors(logging.Handler):
    """The last error that was logged."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.last = record.getMessage().splitlines()[0]


def _add_keys(keys: Mapping[str, str | int]) -> None:
    import gguf

    begin = gguf.GGUFWriter.write_header_to_file

    def write(writer: Any, *given: Any, **named: Any) -> None:
        for key, value in keys.items():
            add = writer.add_string if isinstance(value, str) else writer.add_uint32
            add(key, value)
        begin(writer, *given, **named)

    vars(gguf)["GGUFWriter"].write_header_to_file = write


def _prepare(rename: Mapping[str, str], splitting: str | None) -> None:
    from conversion import base

    if splitting is not None:
        base.TextModel.get_vocab_base_pre = lambda *_: splitting
    if not rename:
        return
    parts = base.ModelBase.index_tensors

    def index(model: Any, *given: Any, **named: Any) -> dict[str, Any]:
        return {_renamed(n, rename): part for n, part in parts(model, *given, **named).items()}

    base.ModelBase.index_tensors = index


def _renamed(name: str, rename: Mapping[str, str]) -> str:
    found = (old for old in rename if name.startswith(old))
    old = next(found, "")
    return rename[old] + name.removeprefix(old) if old else name
