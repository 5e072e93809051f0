"""`hoshikage generate`: resolve, run, display."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ...display.display import Display
from ...display.figures import counted
from ...errors import UsageError
from ...generation.generator import seed_of
from ...generation.run import Result, Run
from ...llama.errors import DecodeAborted
from ...settings.declared import declarations
from ...settings.resolve import Resolved
from ..exits import Exit
from ..input import read_prompt
from ..interrupts import Interrupts
from ..output import Tracing, print_result
from ..setup import (
    Setup,
    answers_display,
    answers_stream,
    choose,
    display_for,
    load_chosen,
    tell_setup,
)
from ..streams import Answer, note, write


def run_generate(
    flags: dict[str, Any], argument: str | None, option: str | None, file: str | None
) -> int:
    setup = choose(flags)
    prompt = read_prompt(argument, option, file)
    if setup.output.verbose:
        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
    if not setup.output.quiet:
        tell_setup(setup)
    if setup.resolved.settings.sampling.samples > 1:
        return run_samples(setup, prompt)
    # Before the model is loaded, so that a path that cannot be written to costs no time.
    trace = Tracing(setup.output.trace)
    with display_for(setup) as display, load_chosen(setup, display) as generator:
        return drive(generator.start(prompt, setup.resolved), setup, display, trace)


def drive(run: Run, setup: Setup, display: Display, trace: Tracing) -> int:
    """Run to the end, or to the first Ctrl-C; what there is by then is printed either way."""
    answer = Answer()
    streaming = answers_stream(setup)
    delay = setup.delay(display)
    with Interrupts() as interrupts:
        trace.begin(run)
        try:
            for event in run:
                if streaming:
                    answer.add(event.new_text)
                display.event(event)
                trace.event(event)
                interrupts.pause(delay)
                if interrupts.seen:
                    break
        except DecodeAborted:
            pass
    result = run.result()
    trace.finish(result)
    print_result(result, answer, setup.output.json, streaming, display)
    if result.stop_reason != "interrupted":
        return Exit.FAILED if trace.failed else Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}: the text is unfinished")
    return Exit.INTERRUPTED


# --------------------------------------------------------------------------------- --samples


def run_samples(setup: Setup, prompt: str) -> int:
    """Several answers to one prompt: text blocks with a blank line between, or a JSON array."""
    if setup.output.visual:
        raise UsageError("--visual shows one answer: leave out --samples, or --visual")
    if setup.output.trace:
        raise UsageError("--trace writes one answer: leave out --samples, or --trace")
    seeded = with_seeds(setup.resolved)
    with answers_display(setup, len(seeded)) as display, load_chosen(setup, display) as generator:
        results = collect(generator.generate_many((prompt, one) for one in seeded), display)
        display.close()
    finished = [results[i] for i in sorted(results)]
    if setup.output.json:
        objects = [result.to_dict() for result in finished]
        write(json.dumps(objects, ensure_ascii=False) + "\n")
    else:
        write("\n".join(result.text.rstrip("\n") + "\n" for result in finished))
    if len(finished) == len(seeded):
        return Exit.OK
    note(f"interrupted: {len(finished)} of {len(seeded)} answers were finished")
    return Exit.INTERRUPTED


def with_seeds(resolved: Resolved) -> list[Resolved]:
    """The same settings under consecutive seeds; the first is the one given, or a fresh one."""
    first = seed_of(resolved.settings)
    count = resolved.settings.sampling.samples
    return [resolved.with_values(seed=(first + i) % 2**32) for i in range(count)]


def collect(answers: Iterator[tuple[int, Any]], display: Display) -> dict[int, Result]:
    """Results by index, as far as they got before a Ctrl-C. Raises the first error."""
    results: dict[int, Result] = {}
    with Interrupts() as interrupts, suppress(DecodeAborted):
        for i, result in answers:
            if isinstance(result, Exception):
                raise result
            results[i] = result
            display.answered(len(results))
            if interrupts.seen:
                break
    return results


# --------------------------------------------------------------------------- --show-settings


def show_settings_of(flags: dict[str, Any]) -> int:
    """One line a setting on stdout: name, value, source."""
    resolved = choose(flags).resolved
    if resolved.settings.output.json:
        write(json.dumps(_settings_object(resolved), ensure_ascii=False) + "\n")
        return Exit.OK
    rows = list(resolved.rows())
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        write(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}\n")
    return Exit.OK


def _settings_object(resolved: Resolved) -> dict[str, dict[str, Any]]:
    return {
        name: {"value": resolved.value(name), "source": resolved.sources[name]}
        for name in declarations()
    }
