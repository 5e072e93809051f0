"""What `bench` measured, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from ..bench.accuracy import Score
    from ..bench.timing import Row, Timing

MEBI = 1 << 20
UNCUT = 10_000
"""Columns, more than any table has."""


def print_tables(tables: Iterable[Table], on_terminal: bool) -> None:
    """To stdout; a pipe has no width of its own, and nothing is cut off there."""
    console = Console(width=None if on_terminal else UNCUT)
    for table in tables:
        console.print(table)


def table_of(rows: list[Row]) -> Table:
    """Milliseconds a step; below each setting the peer's row, where there is one."""
    compared = rows[0].peer is not None
    columns = ["settings", "NFE", "positions", "ms/step", "decode", "reduce", "other", "tok/s"]
    columns += ["MiB", "speed"] if compared else ["MiB"]
    table = _table(columns)
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


def _table(columns: Iterable[str]) -> Table:
    """The first column has names, the others figures."""
    table = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    return table


# ------------------------------------------------------------------------------- on tasks


def tables_of_scores(scores: list[Score]) -> list[Table]:
    """All tasks together, against the first row; below it each task, where there are several."""
    table = _table(
        ["settings", "right", "accuracy", "points lost", "NFE/prompt", "tok/s", "s/prompt"]
    )
    for score in scores:
        table.add_row(escape(score.name), *cells_of_score(score, scores[0]))
    tasks = list(scores[0].tasks())
    return [table, _table_of_tasks(scores, tasks)] if len(tasks) > 1 else [table]


def cells_of_score(score: Score, reference: Score) -> list[str]:
    lost = score.points_lost(reference)
    return [
        str(score.tally),
        f"{score.tally.share:.1%}",
        "" if score is reference else f"{lost:+.1f}",
        f"{score.nfe:.1f}",
        f"{score.tokens_per_second:.1f}",
        f"{score.seconds_per_prompt:.3g}",
    ]


def _table_of_tasks(scores: list[Score], tasks: list[str]) -> Table:
    table = _table(["right of each task", *map(escape, tasks)])
    for score in scores:
        found = score.tasks()
        table.add_row(escape(score.name), *(str(found.get(task, "")) for task in tasks))
    return table
