"""`hoshikage bench`: what a run costs, setting by setting, and what it gets right."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import SettingsError, UsageError, did_you_mean, quoted
from ...files import expanded, write_whole
from ...settings.declared import declarations, declared_in
from ...settings.effect import without_effect
from ...settings.option import Declaration
from ...settings.resolve import Resolved
from ...settings.values import parse
from ..exits import Exit
from ..functions import with_function
from ..last_words import owing
from ..options import RUN, Typed, argument, flag, with_options, with_settings
from ..output import write_json
from ..setup import Setup, choose, display_of_many, facts_of, load_model, tell_setup
from ..signals import on_screen, run_through
from ..streams import is_terminal, note

if TYPE_CHECKING:
    from ...bench.accuracy import Score, Settle, Trial
    from ...bench.tasks import Item
    from ...bench.timing import Peer, Row

EXAMPLES = """\b
Examples:
  hoshikage bench -m dream.gguf -n 128 --steps 64
  hoshikage bench -m dream.gguf --block-length 32 --vary cache=none,prefix,dual
  hoshikage bench -m dream.gguf --compare ~/llama.cpp/build/bin/llama-diffusion-cli
  hoshikage bench -m dream.gguf --tasks sums.jsonl --vary threshold=0.7,0.9 --plot sums.svg
"""

DEFAULT_PROMPT = "Tell a story about Mia and a kite."
REPETITIONS = 3
FIXED = ("model", "gpu_layers", "repack", "samples")
"""What cannot be varied: the model is loaded once, and each prompt answered once."""
Grid = Mapping[str, Mapping[str, str]]
"""By name: the settings that are varied, and their values."""


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
    repetitions: int | None = flag(
        None,
        "-r",
        "--repetitions",
        minimum=1,
        help=f"Runs of each; the median counts. Without it {REPETITIONS}.",
        panel="Measuring",
    )
    compare: str | None = flag(
        None,
        "--compare",
        metavar="FILE",
        help="A llama-diffusion-cli to run in turn on the same model, canvas and steps.",
        panel="Measuring",
    )
    tasks: str | None = flag(
        None,
        "--tasks",
        metavar="FILE",
        help="Prompts with expected answers, as JSON lines: what each setting gets right.",
        panel="Tasks",
    )
    at_once: int | None = flag(
        None,
        "--at-once",
        minimum=1,
        help="Answers decoded side by side (not of autoregressive models).",
        panel="Tasks",
    )
    plot: str | None = flag(
        None,
        "--plot",
        metavar="FILE",
        help="Draw accuracy against speed, as .svg or .png.",
        panel="Tasks",
    )
    details: bool = flag(False, "--details", help="Every answer, in --json.", panel="Tasks")


ONLY_WITH_TASKS = ("at_once", "plot", "details")
NOT_WITH_TASKS = ("prompt", "repetitions", "compare")


@with_options(BenchFlags)
@with_settings(*RUN, "canvas", "json")
def bench(asked: BenchFlags, **flags: Typed) -> int:
    """Measure what runs cost, setting by setting: time a step, evaluations, memory.

    With --tasks, what they get right as well: a line of its file has a "prompt" and an "answer" (or
    a list of answers, any of which is right), "contains" (a text, or a list that must all occur) or
    "regex"; if wanted, a "task" to be counted under, an "id", and "settings" of its own. The
    settings take turns, a few prompts each; white space around an answer does not count.
    """
    from ...bench.timing import variants

    refuse_misplaced(asked)
    grid = {name_of(each): each for each in variants(dict(map(parse_variation, asked.vary)))}
    return on_tasks(asked, grid, flags) if asked.tasks else on_time(asked, grid, flags)


def refuse_misplaced(asked: BenchFlags) -> None:
    """What has no meaning with --tasks, or none without it."""
    known = declared_in(BenchFlags)
    for name in NOT_WITH_TASKS if asked.tasks else ONLY_WITH_TASKS:
        if getattr(asked, name):
            where = "cannot be given with" if asked.tasks else "belongs to"
            raise UsageError(f"{_spelled(known[name])} {where} --tasks: leave it out")


def _spelled(known: Declaration) -> str:
    return known.flag if known.option.flags else f"a {known.name}"


# ------------------------------------------------------------------------------- variations


def parse_variation(text: str) -> tuple[str, list[str]]:
    """`cache=none,dual` as a setting's name and its values. Raises UsageError."""
    name, found, values = text.partition("=")
    free = [d for d in declarations().values() if d.group != "output" and d.name not in FIXED]
    known = {name: d.name for d in free for name in d.names}
    if not found or not values:
        raise UsageError(f"--vary: {quoted(text)} is not NAME=VALUE,VALUE")
    if name not in known:
        raise SettingsError(f"--vary: no setting {quoted(name)} to vary{did_you_mean(name, known)}")
    return known[name], [with_function(known[name], value) for value in values.split(",")]


def name_of(variant: Mapping[str, str]) -> str:
    named = (f"{declarations()[name].long_name}={value}" for name, value in variant.items())
    return " ".join(named) or "as given"


def seeded(resolved: Resolved) -> Resolved:
    """The same seed each time, unless another is asked for."""
    return resolved if resolved.value("seed") is not None else resolved.with_values(seed=1)


# ------------------------------------------------------------------------------------- time


def on_time(asked: BenchFlags, grid: Grid, flags: Mapping[str, Typed]) -> int:
    """Runs of one prompt, timed."""
    setup = choose(flags)
    peer = peer_for(setup, asked.compare) if asked.compare else None
    if setup.header.family.in_order:
        raise UsageError(
            f"{setup.header.path.name} is autoregressive: bench times diffusion; give --tasks for "
            "speed and accuracy, or measure with llama.cpp's llama-bench"
        )
    tell_setup(setup)
    tell_idle(setup, grid)
    settings = {name: variant(setup, {**flags, **each}) for name, each in grid.items()}
    rows = measured(setup, settings, asked, peer)
    if setup.output.json:
        write_json([row.to_dict() for row in rows])
    else:
        print_rows(rows)
    return Exit.OK


def measured(
    setup: Setup, settings: Mapping[str, Resolved], asked: BenchFlags, peer: Peer | None
) -> list[Row]:
    from ...bench.timing import measure

    repetitions = asked.repetitions or REPETITIONS
    with load_model(setup) as generator:
        prompt = asked.prompt or DEFAULT_PROMPT
        return measure(generator, prompt, settings, repetitions, peer, teller(setup))


def print_rows(rows: list[Row]) -> None:
    from ...display.bench import print_tables, table_of

    print_tables([table_of(rows)], is_terminal(sys.stdout))


def peer_for(setup: Setup, path: str) -> Peer:
    """The program to compare with, on the same model. Raises UsageError for what is no program."""
    from ...bench.timing import Peer

    program = expanded(path)
    if not program.is_file() or not os.access(program, os.X_OK):
        raise UsageError(f"--compare: {path} is no program: give the path of llama-diffusion-cli")
    return Peer(program, setup.header.path)


def variant(setup: Setup, flags: Mapping[str, Typed]) -> Resolved:
    """End tokens are kept out, unless something else is asked for: every canvas is then filled."""
    resolved = setup.resolve(flags)
    if resolved.sources["eos_policy"] == "default":
        resolved = resolved.with_values(eos_policy="suppress")
    return seeded(resolved)


def teller(setup: Setup) -> Callable[[str], None]:
    """Names each run as it begins, where somebody watches."""
    if setup.output.quiet or not is_terminal(sys.stderr):
        return lambda name: None
    return lambda name: note(f"measuring {name}")


# ------------------------------------------------------------------------------------ tasks


def on_tasks(asked: BenchFlags, grid: Grid, flags: Mapping[str, Typed]) -> int:
    """Answers to many prompts, judged."""
    from ...bench.accuracy import Trial
    from ...bench.tasks import read_items
    from ...generation.generator import AT_ONCE

    setup = choose(flags)
    drawn = plot_file(asked.plot) if asked.plot else None
    if asked.details and not setup.output.json:
        raise UsageError("--details belongs to --json: give both")
    path = expanded(str(asked.tasks))
    items, unchecked = read_items(path)
    settings = {name: settle(setup, flags, each) for name, each in grid.items()}
    refuse_unsettled(path, items, grid, settings)
    tell_setup(setup)
    tell_tasks(setup, grid, path, unchecked)
    with load_model(setup) as generator, on_screen(display_of_many(setup)) as display:
        trial = Trial(generator, items, settings, asked.at_once or AT_ONCE)
        with owing(lambda: report(trial, setup, asked, grid, drawn)):
            interrupted = run_through(trial, display.update)
    if not trial.over:
        finished = "what is finished is shown" if trial.scores else "nothing is finished"
        note(f"interrupted: {finished}")
    report(trial, setup, asked, grid, drawn)
    return Exit.INTERRUPTED if interrupted else Exit.OK


def settle(setup: Setup, flags: Mapping[str, Typed], variant: Mapping[str, str]) -> Settle:
    """The settings of an item, from its own, the varied ones and all the layers below."""
    typed = {**flags, **variant}
    resolved = seeded(setup.resolve(typed))

    def settled(own: Mapping[str, Any]) -> Resolved:
        return seeded(setup.resolve(typed, own)) if own else resolved

    return settled


def refuse_unsettled(
    path: Path, items: list[Item], grid: Grid, settings: Mapping[str, Settle]
) -> None:
    """Settings of an item that cannot be, or that stand against what is varied."""
    for record in (item.record for item in items if item.record.settings):
        try:
            for name, each in settings.items():
                refuse_contradiction(each(record.settings), each({}), grid[name])
        except UsageError as error:
            raise UsageError(f"{path}, line {record.line}: {error}") from None


def refuse_contradiction(own: Resolved, others: Resolved, variant: Mapping[str, str]) -> None:
    """An item that is not asked with what is varied, as the others are."""
    for name in variant:
        if own.value(name) != others.value(name):
            varied = declarations()[name].long_name
            raise UsageError(f"its settings go against --vary {varied}: leave them out")


def tell_tasks(setup: Setup, grid: Grid, path: Path, unchecked: int) -> None:
    """What of the file and of the variations counts for nothing."""
    if unchecked:
        records = "1 record says" if unchecked == 1 else f"{unchecked} records say"
        note(f"{path}: {records} nothing to check against and counts for nothing")
    tell_idle(setup, grid)


def tell_idle(setup: Setup, grid: Grid) -> None:
    """What is varied to no effect."""
    runs = ((each, setup.resolve(each)) for each in grid.values())
    found = (without_effect(each, run, *facts_of(setup.header, run)) for each, run in runs)
    for line in dict.fromkeys(line for lines in found for line in lines):
        note(line)


def report(trial: Trial, setup: Setup, asked: BenchFlags, grid: Grid, drawn: Path | None) -> None:
    """Whatever is finished: rows, and the plot of them."""
    scores = trial.scores
    if setup.output.json:
        write_json([row_of(score, scores[0], grid, asked.details) for score in scores])
    elif scores:
        print_scores(scores)
    tell_errors(scores, setup)
    if drawn is not None and scores:
        draw(scores, drawn)


def row_of(score: Score, reference: Score, grid: Grid, details: bool) -> dict[str, Any]:
    answers = {"answers": score.details()} if details else {}
    varied = values_of(grid[score.name])
    return {"settings": score.name, "varied": varied, **score.to_dict(reference), **answers}


def values_of(variant: Mapping[str, str]) -> dict[str, Any]:
    known = ((declarations()[name], text) for name, text in variant.items())
    return {each.long_name: parse(each, text, each.flag) for each, text in known}


def print_scores(scores: list[Score]) -> None:
    from ...display.bench import print_tables, tables_of_scores

    print_tables(tables_of_scores(scores), is_terminal(sys.stdout))


def tell_errors(scores: list[Score], setup: Setup) -> None:
    """Prompts without an answer, which count as wrong: one reason of each setting."""
    for score in scores if not setup.output.quiet else ():
        if errors := score.errors:
            first = errors[0]
            note(
                f"{score.name}: {len(errors)} of {score.tally.count} could not be answered "
                f"(line {first.item.record.line}: {first.error})"
            )


# ------------------------------------------------------------------------------------- plot


def plot_file(name: str) -> Path:
    """Where the plot goes. Raises UsageError or RunError now for what would be found out later."""
    from ...export.plot import KINDS, require_matplotlib

    path = expanded(name)
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"--plot {name}: the name must end in {' or '.join(KINDS)}")
    if not path.parent.is_dir():
        raise UsageError(f"--plot {name}: there is no folder {path.parent}")
    require_matplotlib()
    return path


def draw(scores: list[Score], path: Path) -> None:
    from ...export.plot import Point, plot

    points = [Point(s.name, s.tokens_per_second, 100 * s.tally.share) for s in scores]
    picture = plot(points, "tokens of answers a second", "right answers (%)", path.suffix.lower())
    write_whole(path, picture)
