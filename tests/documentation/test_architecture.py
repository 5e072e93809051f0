"""The map: every file is on it, in the order of the walls, and what it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from test_walls import ORDER

ROOT = Path(__file__).parents[2]
PACKAGE = "src/hoshikage_cli/"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREE = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]
MENTIONS = sorted(set(re.findall(r"([\w/.-]+\.(?:py|c|h)):(\w[\w.]*\w)", PAGE)))


def entries() -> dict[str, str]:
    """What each path of the tree is for."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in TREE.splitlines():
        indent, name, purpose = re.match(r"( *)(\S+) *(.*)", line).groups()
        above = [*above[: len(indent) // 2], name]
        found["".join(above)] = purpose
    return found


def sources() -> set[str]:
    """Every file of the package that is neither built nor the `__init__` of a folder on the map."""
    root = ROOT / PACKAGE
    paths = [p.relative_to(root) for p in root.rglob("*") if p.is_file()]
    return {PACKAGE + p.as_posix() for p in paths if not is_built(p) and not is_folder_itself(p)}


def is_built(path: Path) -> bool:
    if {"__pycache__", "lib"} & set(path.parts) or path.name == "_build_facts.py":
        return True
    return path.stem.startswith("_native") and path.suffix != ".pyi"


def is_folder_itself(path: Path) -> bool:
    return path.name == "__init__.py" and len(path.parts) > 1


@cache
def names_in(path: Path) -> set[str]:
    """Functions, classes and tables of a file, and `Class.member`; the words of a C file."""
    text = path.read_text(encoding="utf-8")
    return (
        set(names(ast.parse(text).body)) if path.suffix == ".py" else set(re.findall(r"\w+", text))
    )


def names(body: list[ast.stmt], owner: str = ""):
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield owner + node.name
            yield from names(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield owner + node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (owner + ast.unparse(target) for target in targets)


def found(path: str) -> Path:
    """A path of the page: from the package, or from the top."""
    inside = ROOT / PACKAGE / path
    return inside if inside.exists() else ROOT / path


def test_every_file_is_on_the_map():
    mapped = {path for path in entries() if path.startswith(PACKAGE) and not path.endswith("/")}
    assert mapped == sources()


def test_the_other_folders_are_on_the_map():
    assert {"vendor/", "tests/", "tools/", "benchmarks/", "docs/"} <= set(entries())


@pytest.mark.parametrize("path", entries())
def test_what_is_on_the_map_is_there_and_has_a_purpose(path):
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file()
    assert entries()[path] or path == PACKAGE


def test_each_package_stands_above_those_that_it_imports():
    direct = [path.removeprefix(PACKAGE) for path in entries() if path.startswith(PACKAGE)]
    rooms = [path.rstrip("/").removesuffix(".py") for path in direct if "/" not in path.rstrip("/")]
    assert [room for room in rooms if room in ORDER] == list(reversed(ORDER))
    assert set(rooms) - set(ORDER) == {"", "__init__", "py.typed"}


@pytest.mark.parametrize(("path", "name"), MENTIONS, ids=map(":".join, MENTIONS))
def test_what_the_page_names_is_there(path, name):
    assert name in names_in(found(path))


def test_paths_in_the_text_are_there():
    text = PAGE.replace(TREE, "")
    paths = re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?|CHANGELOG\.md|README\.md)`", text)
    assert [path for path in paths if not found(path).exists() and path != "llama/lib/"] == []
    assert len(MENTIONS) > 50
