"""Every promise of SECURITY.md names tests, and they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
HELD = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ROWS = re.findall(r"^\|[^|]*\| [A-Z].*\|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("path", "name"), HELD, ids=map("::".join, HELD))
def test_a_test_that_is_named_is_there(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_is_held_by_one():
    promises = [row for row in ROWS if not row.startswith("| Of |")]
    assert len(promises) > 15
    assert [row for row in promises if "::test_" not in row] == []


def test_other_names_of_files_are_right():
    named = re.findall(r"`((?:tests|tools)/[\w/]+\.py)`", PAGE)
    assert [path for path in named if not (ROOT / path).exists()] == []
