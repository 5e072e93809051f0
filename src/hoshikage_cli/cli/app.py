"""The program: its commands, and what becomes of errors."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from .commands import batch, bench, chat, export, generate, infill, replay, score
from .commands.config import config_app
from .commands.inspect import inspect
from .commands.models import models_app
from .exits import Exit
from .help import TopicsCommand
from .options import Command

GLOBAL_FLAGS = ("--help", "-h", "--version", "-V", "--install-completion", "--show-completion")
CONTEXT = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="hoshikage",
    no_args_is_help=True,
    context_settings=CONTEXT,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# \b keeps the lines as they are.
ROOT_EXAMPLES = """\b
Examples:
  hoshikage generate "What is the capital of Japan?"
  hoshikage generate -m dream.gguf --visual "Write a haiku about the sea."
  hoshikage infill "Mia found a [MASK:2]. Ben loved the red kite too."
  hoshikage score -p "What is 2 + 3?" --choices "2 + 3 = 5." --choices "2 + 3 = 6."
  hoshikage batch prompts.jsonl -o answers.jsonl
  hoshikage chat -m dream.gguf
  hoshikage inspect dream.gguf
  hoshikage bench -m dream.gguf --vary cache=none,dual
"""


@app.callback(epilog=ROOT_EXAMPLES)
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show versions and leave.", is_eager=True)
    ] = False,
) -> None:
    """Text from diffusion language models, and autoregressive ones, on llama.cpp."""
    if version:
        from .commands.version import print_version

        raise typer.Exit(print_version())


def _add(command: Command, examples: str) -> None:
    app.command(cls=TopicsCommand, epilog=examples)(command)


_add(generate.generate, generate.EXAMPLES)
_add(replay.replay, replay.EXAMPLES)
_add(export.export, export.EXAMPLES)
_add(infill.infill, infill.EXAMPLES)
_add(score.score, score.EXAMPLES)
_add(chat.chat, chat.EXAMPLES)
_add(batch.batch, batch.EXAMPLES)
_add(bench.bench, bench.EXAMPLES)
app.command()(inspect)
app.add_typer(models_app)
app.add_typer(config_app)


def run(arguments: list[str]) -> int:
    """The whole program but for its exit: errors become a line and a code here."""
    from .errors import report
    from .streams import forgive_encoding

    forgive_encoding()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(Exit.TERMINATED)))
    try:
        result = app(_with_command(arguments), prog_name="hoshikage", standalone_mode=False)
        return result if isinstance(result, int) else Exit.OK
    except Exception as error:
        return report(error, arguments)
    except KeyboardInterrupt as error:
        return report(error, arguments)


def _with_command(arguments: list[str]) -> list[str]:
    """llama-diffusion-cli has no commands: flags alone mean `generate`."""
    first = arguments[0] if arguments else ""
    if first.startswith("-") and first.split("=")[0] not in GLOBAL_FLAGS:
        return ["generate", *arguments]
    return arguments
