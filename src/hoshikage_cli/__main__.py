"""The program's entry: answers `--version` at once, leaves the rest to typer."""

from __future__ import annotations

import sys

from .llama.openmp import prefer_short_waits

VERSION_FLAGS = ("--version", "-V")


def main() -> None:
    """Run the command line and leave with its exit code."""
    prefer_short_waits()
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


def _run(arguments: list[str]) -> int:
    # typer alone takes longer to import than this answer may take.
    if len(arguments) == 1 and arguments[0] in VERSION_FLAGS:
        from .cli.commands.version import print_version

        return print_version()
    from .cli.app import run

    return run(arguments)


if __name__ == "__main__":
    main()
