"""`hoshikage bench`: what a run costs, setting by setting."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ...bench import Peer, Row, Timing, measure, variants
from ...errors import SettingsError, UsageError, did_you_mean
from ...generation.generator import Generator, load
from ...models.find import advice
from ...settings.declared import declarations
from ...settings.file import read_config
from ...settings.resolve import Resolved, resolve
from ..setup import Setup, choose, tell_setup
from ..streams import is_terminal, note, write

DEFAULT_PROMPT = "Tell a story about Mia and a kite."
MEBI = 1 << 20


def run_bench(
    flags: dict[str, Any],
    prompt: str | None,
    vary: list[str],
    repetitions: int,
    compare: str | None,
) -> int:
    if repetitions < 1:
        raise UsageError(f"--repetitions: {repetitions} is out of range: give at least 1")
    grid = dict(parse_variation(text) for text in vary)
    setup = choose(flags)
    peer = Peer(peer_program(compare), setup.header.path) if compare else None
    if setup.kind != "diffusion":
        raise UsageError(
            f"{setup.header.path.name} is autoregressive: bench measures diffusion; "
            "llama.cpp's llama-bench measures the other kind"
        )
    if not setup.output.quiet:
        tell_setup(setup)
    with load(setup.name, gpu_layers=setup.resolved.settings.model.gpu_layers) as generator:
        settings = {
            name_of(variant): resolve_variant({**flags, **variant}, generator)
            for variant in variants(grid)
        }
        rows = measure(
            generator, prompt or DEFAULT_PROMPT, settings, repetitions, peer, teller(setup)
        )
    if setup.output.json:
        write(json.dumps([row.to_dict() for row in rows], ensure_ascii=False) + "\n")
    else:
        # A pipe has no width of its own: nothing is to be cut off there.
        width = None if is_terminal(sys.stdout) else 200
        Console(width=width).print(table_of(rows))
    return 0


def parse_variation(text: str) -> tuple[str, list[str]]:
    """`cache=none,dual` as a setting's name and its values. Raises UsageError."""
    name, found, values = text.partition("=")
    known = {d.long_name: d.name for d in declarations().values()}
    known |= {d.name: d.name for d in declarations().values()}
    if not found or not values:
        raise UsageError(f"--vary: {text!r} is not NAME=VALUE,VALUE")
    if name not in known:
        raise SettingsError(f"--vary: no setting {name!r}{did_you_mean(name, known)}")
    return known[name], values.split(",")


def peer_program(path: str) -> Path:
    program = Path(path).expanduser()
    if not program.is_file() or not os.access(program, os.X_OK):
        raise UsageError(f"--compare: {path} is no program: give the path of llama-diffusion-cli")
    return program


def resolve_variant(flags: dict[str, Any], generator: Generator) -> Resolved:
    """End tokens are kept out, unless something else is asked for: every canvas is then filled."""
    config, told = read_config(os.environ), advice(generator.model.metadata)
    resolved = resolve(flags, os.environ, config, told, generator.kind)
    if resolved.sources["eos_policy"] == "default":
        resolved = resolved.with_values(eos_policy="suppress")
    return resolved if resolved.value("seed") is not None else resolved.with_values(seed=1)


def name_of(variant: dict[str, str]) -> str:
    named = (f"{declarations()[name].long_name}={value}" for name, value in variant.items())
    return " ".join(named) or "as given"


def teller(setup: Setup):
    """Names each run as it begins, where somebody watches."""
    if setup.output.quiet or not is_terminal(sys.stderr):
        return lambda name: None
    return lambda name: note(f"measuring {name}")


def table_of(rows: list[Row]) -> Table:
    """Milliseconds a step; below each setting the peer's row, where there is one."""
    compared = rows[0].peer is not None
    columns = ["settings", "NFE", "positions", "ms/step", "decode", "reduce", "other", "tok/s"]
    columns += ["MiB", "speed"] if compared else ["MiB"]
    table = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    for row in rows:
        table.add_row(row.name, *cells_of(row.timing), *([f"{row.ratio:.2f}×"] if compared else []))
        if row.peer:
            table.add_row("  llama-diffusion-cli", *cells_of(row.peer), "1×", style="dim")
    return table


def cells_of(timing: Timing) -> list[str]:
    parts = (timing.total, timing.decode, timing.reduce, timing.overhead)
    each = [f"{1000 * part / max(1, timing.steps):.2f}" for part in parts]
    speed = f"{timing.tokens / timing.total:.1f}"
    return [
        str(timing.nfe),
        str(timing.positions),
        *each,
        speed,
        f"{timing.peak_bytes / MEBI:.0f}",
    ]
