"""`hoshikage bench`: what a run costs, setting by setting."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...display.display import Display
from ...errors import SettingsError, UsageError, did_you_mean, quoted
from ...settings.declared import declarations
from ...settings.resolve import Resolved
from ..exits import Exit
from ..options import RUN, Typed, argument, flag, with_options, with_settings
from ..output import write_json
from ..setup import Setup, choose, load_model, tell_setup
from ..streams import is_terminal, note

if TYPE_CHECKING:
    from ...bench import Peer, Row

EXAMPLES = """\b
Examples:
  hoshikage bench -m dream.gguf -n 128 --steps 64
  hoshikage bench -m dream.gguf --block-length 32 --vary cache=none,prefix,dual
  hoshikage bench -m dream.gguf --compare ~/llama.cpp/build/bin/llama-diffusion-cli
"""

DEFAULT_PROMPT = "Tell a story about Mia and a kite."


@dataclass(frozen=True)
class BenchFlags:
    prompt: str | None = argument(None, help="The prompt to measure with.", panel="Prompt")
    vary: tuple[str, ...] = flag(
        (),
        "--vary",
        metavar="NAME=V,V",
        help="A setting and the values to try; given again, every combination.",
        panel="Measuring",
    )
    repetitions: int = flag(
        3,
        "-r",
        "--repetitions",
        minimum=1,
        help="Runs of each; the median counts.",
        panel="Measuring",
    )
    compare: str | None = flag(
        None,
        "--compare",
        metavar="FILE",
        help="A llama-diffusion-cli to run in turn on the same model, canvas and steps.",
        panel="Measuring",
    )


@with_options(BenchFlags)
@with_settings(*RUN, "canvas", "json")
def bench(asked: BenchFlags, **flags: Typed) -> int:
    """Measure what runs cost, setting by setting: time a step, evaluations, memory."""
    from ...bench import variants

    grid = dict(parse_variation(text) for text in asked.vary)
    setup = choose(flags)
    peer = peer_for(setup, asked.compare) if asked.compare else None
    if setup.kind != "diffusion":
        raise UsageError(
            f"{setup.header.path.name} is autoregressive: bench measures diffusion; "
            "llama.cpp's llama-bench measures the other kind"
        )
    tell_setup(setup)
    settings = {name_of(each): variant(setup, {**flags, **each}) for each in variants(grid)}
    rows = measured(setup, settings, asked, peer)
    if setup.output.json:
        write_json([row.to_dict() for row in rows])
    else:
        print_rows(rows)
    return Exit.OK


def measured(
    setup: Setup, settings: Mapping[str, Resolved], asked: BenchFlags, peer: Peer | None
) -> list[Row]:
    from ...bench import measure

    with load_model(setup, Display()) as generator:
        prompt = asked.prompt or DEFAULT_PROMPT
        return measure(generator, prompt, settings, asked.repetitions, peer, teller(setup))


def print_rows(rows: list[Row]) -> None:
    from ...display.bench import print_table

    # A pipe has no width of its own: nothing is to be cut off there.
    print_table(rows, None if is_terminal(sys.stdout) else 200)


def parse_variation(text: str) -> tuple[str, list[str]]:
    """`cache=none,dual` as a setting's name and its values. Raises UsageError."""
    name, found, values = text.partition("=")
    known = {d.long_name: d.name for d in declarations().values()}
    known |= {d.name: d.name for d in declarations().values()}
    if not found or not values:
        raise UsageError(f"--vary: {quoted(text)} is not NAME=VALUE,VALUE")
    if name not in known:
        raise SettingsError(f"--vary: no setting {quoted(name)}{did_you_mean(name, known)}")
    return known[name], values.split(",")


def peer_for(setup: Setup, path: str) -> Peer:
    """The program to compare with, on the same model. Raises UsageError for what is no program."""
    from ...bench import Peer

    program = Path(path).expanduser()
    if not program.is_file() or not os.access(program, os.X_OK):
        raise UsageError(f"--compare: {path} is no program: give the path of llama-diffusion-cli")
    return Peer(program, setup.header.path)


def variant(setup: Setup, flags: Mapping[str, Typed]) -> Resolved:
    """End tokens are kept out, unless something else is asked for: every canvas is then filled."""
    resolved = setup.resolve(flags)
    if resolved.sources["eos_policy"] == "default":
        resolved = resolved.with_values(eos_policy="suppress")
    return resolved if resolved.value("seed") is not None else resolved.with_values(seed=1)


def name_of(variant: Mapping[str, str]) -> str:
    named = (f"{declarations()[name].long_name}={value}" for name, value in variant.items())
    return " ".join(named) or "as given"


def teller(setup: Setup) -> Callable[[str], None]:
    """Names each run as it begins, where somebody watches."""
    if setup.output.quiet or not is_terminal(sys.stderr):
        return lambda name: None
    return lambda name: note(f"measuring {name}")
