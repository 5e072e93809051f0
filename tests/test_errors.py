"""The tree of exceptions that `errors.py` draws is the one in the sources."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import hoshikage_cli.errors as errors

ROOT = Path(errors.__file__).parent
ENTRY = re.compile(r"^ {4}([│├└─ ]*)(\w+)(?: +(.*))?$")
DEPTH = 4
"""Characters of the drawing to a level."""


def drawn() -> dict[str, tuple[str, str, set[str]]]:
    """Parent, file and other bases of each exception of the drawing."""
    found: dict[str, tuple[str, str, set[str]]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if entry := ENTRY.match(line):
            branch, name, note = entry[1], entry[2], entry[3] or ""
            above = [*above[: len(branch) // DEPTH], name]
            file = re.match(r"[\w/]+\.py", note)
            builtin = set(re.findall(r"an? (\w+Error)$", note))
            parent = above[-2] if above[:-1] else "Exception"
            found[name] = parent, file[0] if file else "errors.py", builtin
    return found


def declared() -> dict[str, tuple[str, str, set[str]]]:
    """The same of every exception in the sources that derives from HoshikageError."""
    classes = {
        node.name: (str(path.relative_to(ROOT)), [ast.unparse(base) for base in node.bases])
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.bases
    }
    found = {"HoshikageError": ("Exception", "errors.py", set())}
    waiting = ["HoshikageError"]
    while waiting:
        parent = waiting.pop()
        for name, (file, bases) in classes.items():
            if parent in bases:
                found[name] = parent, file, set(bases) - {parent}
                waiting.append(name)
    return found


def test_the_drawing_is_complete():
    assert drawn() == declared()
