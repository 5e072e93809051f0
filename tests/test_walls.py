"""The walls between the packages, read off the imports of every source file.

A package imports only what stands before it in `ORDER`; nothing turns in a circle; `decoding` knows
nothing of ours, and the compiled library is behind `llama`. All imports count, those inside
functions and those for type checkers too: what a reader has to know of is what counts.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

NAME = "hoshikage_cli"
ROOT = Path(__file__).parents[1] / "src" / NAME
NATIVE = "llama._native"

# From the ground up. `__init__` is left out: it names the public API, and looks it up on first use.
ORDER = (
    "errors",
    "files",
    "decoding",
    "llama",
    "settings",
    "models",
    "convert",
    "hub",
    "chat",
    "engines",
    "generation",
    "trace",
    "batch",
    "bench",
    "display",
    "export",
    "cli",
    "evaluation",
    "__main__",
)

# Which packages alone may import what others have made.
KEPT_IN = {
    "cffi": ("llama",),
    "huggingface_hub": ("hub",),
    "click": ("cli",),
    "jinja2": ("chat", "export"),
    "lm_eval": ("evaluation",),
    "prompt_toolkit": ("cli",),
    "rich": ("display", "export"),
    "typer": ("cli",),
}

# Packages that serve without the compiled library: to read a file, to replay a run, to show help.
WITHOUT_LIBRARY = ("decoding", "settings", "models", "chat", "trace", "display", "export")


@dataclass(frozen=True)
class Import:
    """An import statement's one target."""

    by: str
    """The module that imports, without the package's name in front."""
    target: str
    """A module of ours in the same way, or the name of another package."""
    ours: bool
    """Whether the target is a module of ours."""
    at_start: bool
    """Whether it is imported as soon as the module is."""

    @property
    def edge(self) -> tuple[str, str]:
        return self.by, self.target


# -------------------------------------------------------------------------------- reading imports


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def imports() -> tuple[Import, ...]:
    """Of every module but the package's own `__init__`."""
    return tuple(
        found
        for module, path in modules().items()
        if module != "__init__"
        for found in imports_of(module, path.read_text("utf-8"), path.name == "__init__.py")
    )


def imports_of(module: str, source: str, is_package: bool = False) -> Iterator[Import]:
    folder = module.split(".") if is_package else module.split(".")[:-1]
    tree = ast.parse(source)
    at_start = set(statements_at_start(tree.body))
    for node in ast.walk(tree):
        for target, ours in targets(node, folder):
            yield Import(module, target, ours, node in at_start)


def statements_at_start(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when a module is imported: not what is inside a function or for type checkers."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements_at_start(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for part in ("body", "orelse", "finalbody"):
                yield from statements_at_start(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from statements_at_start(handler.body)


def targets(node: ast.AST, folder: list[str]) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        yield from (target(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = folder[: len(folder) - node.level + 1] if node.level else []
        whole = ".".join([*([NAME] if node.level else []), *above, *filter(None, [node.module])])
        yield from (target(f"{whole}.{alias.name}") for alias in node.names)


def target(dotted: str) -> tuple[str, bool]:
    """The module that an imported name is or lies in, and whether it is ours."""
    first, *rest = dotted.split(".")
    if first != NAME:
        return first, False
    while rest and ".".join(rest) not in {*modules(), NATIVE}:
        rest.pop()
    return ".".join(rest) or "__init__", True


def package_of(module: str) -> str:
    return module.split(".")[0]


# -------------------------------------------------------------------------------------- the rules


def upward(found: Import) -> bool:
    if not found.ours or found.target == "__init__":
        return False
    here, there = package_of(found.by), package_of(found.target)
    return ORDER.index(there) > ORDER.index(here)


def out_of_decoding(found: Import) -> bool:
    """Arrays in, arrays out: of ours nothing, of others numpy."""
    if package_of(found.by) != "decoding":
        return False
    if found.ours:
        return package_of(found.target) != "decoding"
    return found.target != "numpy" and found.target not in sys.stdlib_module_names


def past_the_door(found: Import) -> bool:
    return found.target == NATIVE and package_of(found.by) != "llama"


def misplaced(found: Import) -> bool:
    kept = KEPT_IN.get(found.target)
    return not found.ours and kept is not None and package_of(found.by) not in kept


RULES = (upward, out_of_decoding, past_the_door, misplaced)


def breaches(rule) -> set[tuple[str, str]]:
    return {found.edge for found in imports() if rule(found)}


def circle(edges: set[tuple[str, str]]) -> list[str] | None:
    """The modules of a circle, if there is one."""
    graph: dict[str, set[str]] = {}
    for by, imported in edges:
        graph.setdefault(by, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def edges() -> set[tuple[str, str]]:
    return {found.edge for found in imports() if found.ours}


# -------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_import_breaks_a_rule(rule):
    assert sorted(breaches(rule)) == []


def test_nothing_is_imported_in_a_circle():
    assert circle({found.edge for found in imports() if found.ours and found.at_start}) is None
    assert circle(edges()) is None


def test_every_package_has_its_place():
    assert {package_of(module) for module in modules()} - {"__init__"} <= set(ORDER)


@pytest.mark.parametrize("package", WITHOUT_LIBRARY)
def test_a_package_serves_without_the_compiled_library(package):
    wanted = [module for module in modules() if package_of(module) == package]
    assert NATIVE not in reached_from(wanted)


def reached_from(wanted: list[str]) -> set[str]:
    """Modules that are imported with these, packages above them among them."""
    reached: set[str] = set()
    while wanted:
        module = wanted.pop()
        if module not in reached:
            reached.add(module)
            wanted += [found.target for found in imports() if found.by == module and found.at_start]
            wanted += [module.rpartition(".")[0]] if "." in module else []
    return reached


def test_imports_are_read_wherever_they_stand():
    source = """
import rich.table
from .. import errors
from ..llama._native import ffi, lib
if TYPE_CHECKING:
    from ..settings import Settings
def late():
    from . import events
"""
    found = {(item.target, item.ours, item.at_start) for item in imports_of("decoding.x", source)}
    assert found >= {
        ("rich", False, True),
        ("errors", True, True),
        (NATIVE, True, True),
        ("settings", True, False),
    }
    assert circle({("a", "b"), ("b", "c"), ("c", "a")})
    assert circle({("a", "b"), ("a", "c"), ("b", "c")}) is None
