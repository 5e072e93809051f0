"""The program's entry: answers `--version` at once, leaves the rest to typer."""

from __future__ import annotations

import os
import sys

VERSION_FLAGS = ("--version", "-V")


def main() -> None:
    """Run the command line and leave with its exit code."""
    # OpenMP's threads spin while they wait. On a machine that is busy with other things they spin
    # in each other's way: a small model then takes 40 times as long. Never to spin costs a third on
    # a machine that is idle; a short while costs nothing. To be set before it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


def _run(arguments: list[str]) -> int:
    # typer alone takes longer to import than this answer may take.
    if len(arguments) == 1 and arguments[0] in VERSION_FLAGS:
        from .cli.version import print_version

        return print_version()
    from .cli.app import run

    return run(arguments)


if __name__ == "__main__":
    main()
