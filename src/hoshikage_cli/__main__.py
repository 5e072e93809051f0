"""The program's entry: answers `--version` at once, leaves the rest to typer."""

from __future__ import annotations

import sys

from .cli.streams import flush, secure
from .errors import HoshikageError
from .llama.openmp import prefer_short_waits

VERSION_FLAGS = ("--version", "-V")


def main() -> None:
    """Run the command line and leave with its exit code."""
    prefer_short_waits()
    secure()
    try:
        code = _run(sys.argv[1:])
        flush()
    except KeyboardInterrupt:
        code = 130
    except HoshikageError as error:
        from .cli.errors import report

        code = report(error, sys.argv[1:])
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    # typer alone takes longer to import than this answer may take.
    if len(arguments) == 1 and arguments[0] in VERSION_FLAGS:
        from .cli.commands.version import print_version

        return print_version()
    from .cli.app import run

    return run(arguments)


if __name__ == "__main__":
    main()
