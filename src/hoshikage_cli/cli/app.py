"""The program: its commands, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from . import last_words, signals
from .exits import Exit
from .help import TopicsCommand
from .meant import in_front

COMMANDS = (
    "generate",
    "replay",
    "export",
    "infill",
    "score",
    "chat",
    "batch",
    "bench",
    "inspect",
    "models",
    "pull",
    "convert",
    "quantize",
    "config",
    "doctor",
)
"""In the order of help; each is a module of `commands` of its own."""

GLOBAL_FLAGS = ("--version", "-V", "--install-completion", "--show-completion")
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
CONTEXT = {"help_option_names": ["-h", "--help"]}

# \b keeps the lines as they are.
ROOT_EXAMPLES = """\b
Examples:
  hoshikage generate "What is the capital of Japan?"
  hoshikage generate -m dream.gguf --visual "Write a haiku about the sea."
  hoshikage infill "Mia found a [MASK:2]. Ben loved the red kite too."
  hoshikage score -p "What is 2 + 3?" --choices "It is 5." --choices "It is 6."
  hoshikage batch prompts.jsonl -o answers.jsonl
  hoshikage chat -m dream.gguf
  hoshikage inspect dream.gguf
  hoshikage pull llada:8b
  hoshikage quantize dream-bf16.gguf dream.gguf Q4_K_M
  hoshikage bench -m dream.gguf --block-length 32 --vary cache=none,dual
  hoshikage doctor -m dream.gguf
"""


def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show versions and leave.", is_eager=True)
    ] = False,
) -> None:
    """Text from diffusion language models, and autoregressive ones, on llama.cpp."""
    if version:
        from .commands.version import print_version

        raise typer.Exit(print_version())


def program(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The program with these of its commands: who runs one need not load the others."""
    app = typer.Typer(
        name="hoshikage",
        no_args_is_help=True,
        context_settings=CONTEXT,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(epilog=ROOT_EXAMPLES)(root)
    for name in commands:
        _add(app, name)
    return app


def _add(app: typer.Typer, name: str) -> None:
    module = import_module(f".commands.{name}", __package__)
    if hasattr(module, "app"):
        app.add_typer(module.app)
    elif hasattr(module, "EXAMPLES"):
        app.command(cls=TopicsCommand, epilog=module.EXAMPLES)(getattr(module, name))
    else:
        app.command()(getattr(module, name))


def show_completion(shell: str) -> int:
    """The script for a shell that was named; typer's own option asks for none, and finds out which
    one is running."""
    from typer._completion_shared import get_completion_script

    from ..errors import UsageError
    from .streams import write

    if shell not in SHELLS:
        raise UsageError(f"--show-completion: no shell {shell!r}; known are {', '.join(SHELLS)}")
    variable = "_HOSHIKAGE_COMPLETE"
    write(get_completion_script(prog_name="hoshikage", complete_var=variable, shell=shell) + "\n")
    return Exit.OK


def run(arguments: list[str]) -> int:
    """The whole program but for its exit: errors become a line and a code here."""
    from .errors import report
    from .streams import forgive_encoding

    forgive_encoding()
    try:
        arguments = in_front(arguments, COMMANDS, GLOBAL_FLAGS)
        if arguments[:1] == ["--show-completion"] and len(arguments) == 2:
            return show_completion(arguments[1])
        named = [name for name in COMMANDS if name in arguments[:1]]
        asked = program(named or COMMANDS)
        signals.install()
        last_words.install()
        with signals.terminal_kept():
            result = asked(arguments, prog_name="hoshikage", standalone_mode=False)
        code = result if isinstance(result, int) else Exit.OK
    except Exception as error:
        code = report(error, arguments)
    except KeyboardInterrupt as error:
        code = report(error, arguments)
    return signals.exit_code(code)
