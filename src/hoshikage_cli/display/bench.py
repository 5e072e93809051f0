"""What `bench` measured, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ..bench import Row, Timing

MEBI = 1 << 20


def print_table(rows: list[Row], width: int | None = None) -> None:
    """To stdout; width: without it that of the terminal."""
    Console(width=width).print(table_of(rows))


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
