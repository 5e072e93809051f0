"""A wrong declaration shows at first use only: use every one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hoshikage_cli.llama import build
from hoshikage_cli.llama._native import ffi, lib

FOLDER = Path(build.__file__).parent / "declarations"
SOURCES = sorted(FOLDER.parent.glob("*.py"))
TEXT = "\n".join((FOLDER / f"{name}.h").read_text() for name in build.DECLARATIONS)


def declared_functions() -> list[str]:
    plain = re.sub(r"^typedef [^;{]*;", "", TEXT, flags=re.MULTILINE)
    return re.findall(r"^[\w \"*]*?\b(\w+)\([^;{]*\);", plain, re.MULTILINE)


def declared_constants() -> list[str]:
    listed = [
        name for body in re.findall(r"enum[\w ]*\{([^}]*)\}", TEXT) for name in body.split(",")
    ]
    names = [name.split("=")[0].strip() for name in listed]
    return [n for n in names if n.isidentifier()] + re.findall(r"^#define (\w+) \.\.\.", TEXT, re.M)


def test_every_file_is_read():
    assert {path.stem for path in FOLDER.glob("*.h")} == set(build.DECLARATIONS)


@pytest.mark.parametrize("name", declared_functions())
def test_function(name):
    assert ffi.typeof(getattr(lib, name)).kind == "function"


# What nobody uses and is declared all the same: the first of an enum whose others are used, by name
# or (models/quantisations.py) by number.
UNUSED = {"GGML_LOG_LEVEL_NONE", "LLAMA_FTYPE_ALL_F32"}


def names_used() -> set[str]:
    """What the package takes from the library, as an attribute of `lib` or by its name."""
    nodes = [node for path in SOURCES for node in ast.walk(ast.parse(path.read_text()))]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and of_lib(node)}
    return attributes | {node.value for node in nodes if isinstance(node, ast.Constant)}


def of_lib(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "lib"


def test_nothing_is_declared_that_nobody_uses():
    """Each declaration is one more that a new llama.cpp may change."""
    declared = {*declared_functions(), *declared_constants()}
    assert declared - names_used() == UNUSED


STUB = ast.parse((FOLDER.parent / "_native.pyi").read_text())
STUBBED = {node.name: node for node in ast.walk(STUB) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", declared_functions())
def test_stub_takes_what_the_function_takes(name):
    if name in STUBBED:
        assert len(STUBBED[name].args.args) - 1 == len(ffi.typeof(getattr(lib, name)).args)
    else:
        assert f"    {name}: CData" in (FOLDER.parent / "_native.pyi").read_text()


@pytest.mark.parametrize("name", declared_constants())
def test_constant(name):
    assert isinstance(getattr(lib, name), int)


COMPLETE = re.findall(r"\b(struct \w+) \{", TEXT) + re.findall(r"^\} (\w+);", TEXT, re.M)


@pytest.mark.parametrize("name", COMPLETE)
def test_struct(name):
    instance = ffi.new(f"{name} *")
    for field, _ in ffi.typeof(name).fields:
        getattr(instance, field)


def test_structs_are_found():
    assert {"struct llama_batch", "struct llama_context_params", "hoshi_rule"} <= set(COMPLETE)
