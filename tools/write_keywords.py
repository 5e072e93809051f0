"""Write settings/keywords.py, by which type checkers know the keywords of the Python API.

With --check it is only compared with what the declarations say.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.option import Declaration

FILE = Path(__file__).parents[1] / "src" / "hoshikage_cli" / "settings" / "keywords.py"
NOT_FOR_CALLS = ("model", "samples")
"""What `load` takes by itself, and what only a program that prints has a use for."""
HEAD = '''"""The keywords of the Python API with their types. Made by tools/write_keywords.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class Keywords(TypedDict, total=False):
    """Settings as `load` and a generator take them; temp is temperature, as on the command line."""

'''


def source() -> str:
    """The module, from the declarations."""
    known = [d for d in declarations().values() if d.group != "output"]
    lines = [line for d in known if d.name not in NOT_FOR_CALLS for line in _lines(d)]
    return HEAD + "".join(f"    {line}\n" for line in lines)


def _lines(known: Declaration) -> list[str]:
    names = dict.fromkeys((known.name, known.keyword))
    return [f"{name}: {_type(known)}" for name in names]


def _type(known: Declaration) -> str:
    optional = " | None" if known.default is None or known.option.unset is not None else ""
    # What has a metavar has more choices than a line could hold.
    if known.option.choices and not known.option.metavar:
        numbers = range(len(known.option.choices)) if known.option.numbered else ()
        allowed = ", ".join([*map('"{}"'.format, known.option.choices), *map(str, numbers)])
        return f"Literal[{allowed}]{optional}"
    return ("str | Sequence[str]" if known.repeated else known.type) + optional


def main() -> int:
    if "--check" in sys.argv:
        return int(FILE.read_text(encoding="utf-8") != source())
    FILE.write_text(source(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
