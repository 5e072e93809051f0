"""`hoshikage generate`: resolve, run, display."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..display.figures import counted
from ..display.plain import PlainLines, Silent
from ..errors import UsageError
from ..generation.generator import Generator, load, seed_of
from ..generation.run import Result, Run
from ..llama.errors import DecodeAborted, ModelLoadError
from ..models.catalogue import CATALOGUE, DEFAULT_MODEL
from ..models.find import advice, find_model
from ..models.header import Header, check_whole, read_header
from ..settings.declared import OutputSettings, declarations
from ..settings.effect import without_effect
from ..settings.layers import Layers
from ..settings.resolve import Resolved
from ..settings.variables import unknown_variables
from .exits import Exit
from .interrupts import Interrupts
from .prompt import read_prompt
from .results import print_result
from .streams import Answer, is_terminal, note, write
from .tracing import Tracing


@dataclass(frozen=True)
class Choice:
    """The model file and the settings of a run."""

    header: Header
    resolved: Resolved
    layers: Layers
    idle: tuple[str, ...] = ()
    """A line for whatever was typed and has no effect."""

    @property
    def kind(self) -> str:
        return self.header.kind

    @property
    def output(self) -> OutputSettings:
        return self.resolved.settings.output

    def delay(self, display: Silent) -> float:
        """Seconds to wait after a step that somebody watches."""
        return self.output.visual_delay / 1000 if display.watched else 0.0

    @property
    def name(self) -> str | None:
        """What was asked for; None for the default model."""
        return self.resolved.settings.model.model


def run_generate(
    flags: dict[str, Any], argument: str | None, option: str | None, file: str | None
) -> int:
    choice = choose(flags)
    prompt = read_prompt(argument, option, file)
    if choice.output.verbose:
        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")
    if not choice.output.quiet:
        tell_choice(choice)
    if choice.resolved.settings.sampling.samples > 1:
        return run_samples(choice, prompt)
    # Before the model is loaded, so that a path that cannot be written to costs no time.
    trace = Tracing(choice.output.trace)
    with display_for(choice) as display, load_chosen(choice, display) as generator:
        return drive(generator.start(prompt, choice.resolved), choice, display, trace)


def choose(flags: dict[str, Any]) -> Choice:
    """Settle every setting; the model's own advice needs its header and nothing more."""
    layers = Layers.read(os.environ)
    header = read_header(_find(layers.resolve(flags)))
    layers = layers.of_model(advice(header.metadata), header.kind)
    resolved = layers.resolve(flags)
    return Choice(header, resolved, layers, tuple(without_effect(flags, resolved, header.kind)))


def _find(resolved: Resolved) -> Path:
    try:
        return find_model(resolved.settings.model.model)
    except UsageError as error:
        source = resolved.sources["model"]
        where = {"environment": "HOSHIKAGE_MODEL: ", "config": "config file: "}.get(source, "")
        raise UsageError(f"{where}{error}") from None


def tell_choice(choice: Choice) -> None:
    """What a user should know before the run: nothing, mostly."""
    for line in (*unknown_variables(os.environ), *choice.idle):
        note(line)
    if choice.name is None:
        note(f"no --model given: using the shipped demo model {DEFAULT_MODEL}")


def display_for(choice: Choice) -> Silent:
    """The display that suits the settings and where stderr and stdout go."""
    output = choice.output
    if output.quiet and not output.visual:
        return Silent()
    if output.verbose or not is_terminal(sys.stderr):
        return PlainLines() if output.visual else Silent()
    if output.visual:
        from ..display.visual import LiveView

        return LiveView(output.visual)
    from ..display.progress import Bar, Summary

    return Summary() if streams(choice) and is_terminal(sys.stdout) else Bar()


def streams(choice: Choice) -> bool:
    """Whether text goes to stdout as it comes."""
    live = choice.output.visual and is_terminal(sys.stdout) and is_terminal(sys.stderr)
    return choice.kind == "autoregressive" and not choice.output.json and not live


def load_chosen(choice: Choice, display: Silent) -> Generator:
    """The chosen model; the display shows how far it is."""
    known = choice.resolved.settings.model
    path = choice.name if choice.name in CATALOGUE else choice.header.path
    try:
        return load(
            path if choice.name else None, gpu_layers=known.gpu_layers, on_progress=display.loading
        )
    except ModelLoadError:
        check_whole(choice.header)
        raise


def drive(run: Run, choice: Choice, display: Silent, trace: Tracing) -> int:
    """Run to the end, or to the first Ctrl-C; what there is by then is printed either way."""
    answer = Answer()
    streaming = streams(choice)
    delay = choice.delay(display)
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
    print_result(result, answer, choice.output.json, streaming, display)
    if result.stop_reason != "interrupted":
        return Exit.FAILED if trace.failed else Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}: the text is unfinished")
    return Exit.INTERRUPTED


# --------------------------------------------------------------------------------- --samples


def run_samples(choice: Choice, prompt: str) -> int:
    """Several answers to one prompt: text blocks with a blank line between, or a JSON array."""
    if choice.output.visual:
        raise UsageError("--visual shows one answer: leave out --samples, or --visual")
    if choice.output.trace:
        raise UsageError("--trace writes one answer: leave out --samples, or --trace")
    seeded = with_seeds(choice.resolved)
    with answers_display(choice, len(seeded)) as display, load_chosen(choice, display) as generator:
        results = collect(generator.generate_many((prompt, one) for one in seeded), display)
        display.close()
    finished = [results[i] for i in sorted(results)]
    if choice.output.json:
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


def collect(answers: Iterator[tuple[int, Any]], display: Silent) -> dict[int, Result]:
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


def answers_display(choice: Choice, total: int) -> Silent:
    if choice.output.quiet or choice.output.verbose or not is_terminal(sys.stderr):
        return Silent()
    from ..display.progress import AnswerBar

    return AnswerBar(total)


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
