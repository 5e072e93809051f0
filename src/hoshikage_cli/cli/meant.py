"""Which command a command line means: its name may stand behind flags, and a prompt needs none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module

from ..settings.declared import declarations
from ..settings.option import Declaration
from .options import declared_for, refuse_word_behind

FALLBACK = "generate"
"""What is meant where flags and a prompt stand alone, as llama-diffusion-cli is called."""
LIKE_A_NAME = re.compile(r"[a-z][a-z-]*")
HELP = ("--help", "-h")


def in_front(arguments: list[str], commands: Sequence[str], of_program: Sequence[str]) -> list[str]:
    """The same command line with its command in front: the first word, if it has a command's name,
    wherever flags put it; `generate` where there is a prompt, or flags alone.

    A word in small letters that could have been meant as a command is left to the parser, which
    refuses it: who types `hoshikage serve` wants no answer to the word. of_program: flags that need
    no command.
    """
    if not arguments or arguments[0] in commands or arguments[0].split("=")[0] in of_program:
        return arguments
    before, words = _divided(arguments, commands)
    if words and LIKE_A_NAME.fullmatch(words[0]) and before[-1:] != ["--"]:
        return [words[0], *before, *words[1:]]
    if arguments[0] in HELP and not words:
        return arguments
    return [FALLBACK, *arguments]


def _divided(arguments: list[str], commands: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags in front, with their values, and all from the first other word on."""
    taken = False
    for place, argument in enumerate(arguments):
        if taken:
            taken = False
        elif argument == "--":
            return arguments[: place + 1], arguments[place + 1 :]
        elif argument == "-" or not argument.startswith("-"):
            return arguments[:place], arguments[place:]
        else:
            known = _declared(argument, commands)
            taken = known is not None and known.type != "bool" and not known.option.bare
            refuse_word_behind(argument, known, arguments[place + 1 : place + 2])
    return arguments, []


def _declared(flag: str, commands: Sequence[str]) -> Declaration | None:
    known = (each for each in declarations().values() if flag in each.option.flags)
    return next(known, None) or next(_of_commands(flag, commands), None)


def _of_commands(flag: str, commands: Sequence[str]) -> Iterator[Declaration]:
    for name in commands:
        command = getattr(import_module(f".commands.{name}", __package__), name)
        yield from (each for each in declared_for(command) if flag in each.option.flags)
