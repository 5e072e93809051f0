"""The program's entry: answers `--version` at once, leaves the rest to typer.

What is imported before `main` has begun takes no time: a Ctrl-C meanwhile would be a traceback.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of
import sys

VERSION_FLAGS = ("--version", "-V")


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Until commands are there, and once they are through, nothing is lost by dying of Ctrl-C, and
    # Python would show a traceback of whatever it was importing.
    _die_of_interrupt()
    from .cli.streams import secure
    from .llama.openmp import prefer_short_waits

    prefer_short_waits()
    secure()
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    _die_of_interrupt()
    sys.exit(code)


def _die_of_interrupt() -> None:
    if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def _run(arguments: list[str]) -> int:
    from .cli.streams import flush
    from .errors import HoshikageError

    try:
        code = _answer(arguments)
        flush()
    except HoshikageError as error:
        from .cli.errors import report

        return report(error, arguments)
    return code


def _answer(arguments: list[str]) -> int:
    # typer alone takes longer to import than this answer may take.
    if len(arguments) == 1 and arguments[0] in VERSION_FLAGS:
        from .cli.commands.version import print_version

        return print_version()
    from .cli.app import run

    return run(arguments)


if __name__ == "__main__":
    main()
