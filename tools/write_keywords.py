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
WIDTH = 96
"""The longest line but for its indent."""
HEAD = '''"""The keywords of the Python API with their types. Made by tools/write_keywords.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

Function = Callable[..., object]


class Keywords(TypedDict, total=False):
    """Settings as `load` and a generator take them; temp is temperature."""

'''


def source() -> str:
    """The module, from the declarations."""
    known = [d for d in declarations().values() if d.group != "output"]
    lines = [line for d in known if d.name not in NOT_FOR_CALLS for line in _lines(d)]
    return HEAD + "".join(f"    {line}\n" for line in lines)


def _lines(known: Declaration) -> list[str]:
    names = [name for name in known.names if "-" not in name]
    return [_field(name, _type(known)) for name in names]


def _field(name: str, kind: str) -> str:
    """A line, or three as the formatter has them where one would be too long."""
    line = f"{name}: {kind}"
    return line if len(line) <= WIDTH else f"{name}: (\n        {kind}\n    )"


def _type(known: Declaration) -> str:
    optional = " | None" if known.default is None or known.option.unset is not None else ""
    function = " | Function" if known.option.takes else ""
    # What has a metavar has more choices than a line could hold.
    if known.option.choices and not known.option.metavar:
        numbers = range(len(known.option.choices)) if known.option.numbered else ()
        allowed = ", ".join([*map('"{}"'.format, known.option.choices), *map(str, numbers)])
        return f"Literal[{allowed}]{function}{optional}"
    if known.option.takes:
        return f"Function{optional}"
    return ("str | Sequence[str]" if known.repeated else known.type) + optional


def main() -> int:
    if "--check" in sys.argv:
        return int(FILE.read_text(encoding="utf-8") != source())
    FILE.write_text(source(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
