"""`hoshikage generate`: answer a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...display.display import Display
from ...display.figures import counted
from ...errors import HoshikageError, UsageError
from ...settings.declared import declarations
from ...settings.resolve import Resolved
from ..exits import Exit
from ..input import read_prompt
from ..last_words import owing
from ..options import HIDDEN, RUN, Typed, argument, flag, with_options, with_settings
from ..output import Traces, Tracing, print_result, write_json
from ..setup import (
    Setup,
    answers_stream,
    choose,
    delay_of,
    display_for,
    load_model,
    refuse_trace,
    refuse_untold,
    tell_setup,
)
from ..signals import on_screen, run_through
from ..streams import Answer, is_terminal, note, write

if TYPE_CHECKING:
    from ...generation.run import Result, Run, TextEvent

EXAMPLES = """\b
Examples:
  hoshikage generate "What is the capital of Japan?"
  hoshikage generate -m llada.gguf --block-length 32 --visual "Tell a story."
  hoshikage generate --trace - "A story." | hoshikage export - -o run.html
  cat notes.txt | hoshikage generate -m dream.gguf "Summarise this." > out.txt
  hoshikage generate -m dream.gguf --json -f prompt.txt | jq .timings

llama.cpp's spellings are understood as well (--diffusion-steps 128, -ub 512), and each option can
be set in the config file under its long name.
"""


@dataclass(frozen=True)
class GenerateFlags:
    prompt: str | None = argument(
        None, help='What the model is to answer; "-" reads it from stdin.', panel="Prompt"
    )
    prompt_option: str | None = flag(None, "-p", "--prompt", help="The same.", panel="Prompt")
    file: str | None = flag(
        None,
        "-f",
        "--file",
        metavar="FILE",
        help="Read the prompt, or the material that the prompt is about, from a file.",
        panel="Prompt",
    )
    show_settings: bool = flag(
        False,
        "--show-settings",
        help="Show every setting and where it comes from, and leave.",
        panel="Output",
    )
    batch_size: str | None = flag(
        None,
        "-b",
        "--batch-size",
        help="llama.cpp's; a canvas is always one batch here, so there is nothing to set.",
        panel=HIDDEN,
    )


@with_options(GenerateFlags)
@with_settings(*RUN, "canvas", "samples", "view", "trace", "json", "logprobs")
def generate(asked: GenerateFlags, **flags: Typed) -> int:
    """Answer a prompt: text on stdout, everything else on stderr.

    The prompt is the argument, a file, or what is piped in. Material that is piped in stands before
    the argument, with a blank line between.
    """
    setup = choose(flags)
    if asked.show_settings:
        return show_settings(setup.resolved)
    refuse_untold(setup)
    refuse_trace(setup, asked.file)
    prompt = read_prompt(asked.prompt, asked.prompt_option, asked.file)
    tell_setup(setup)
    return (
        one_answer(setup, prompt)
        if setup.settings.sampling.samples == 1
        else answers(setup, prompt)
    )


def one_answer(setup: Setup, prompt: str) -> int:
    # Before the model is loaded, so that a path that cannot be written to costs no time.
    trace = Tracing(setup.output.trace)
    with on_screen(display_for(setup)) as display, load_model(setup, display) as generator:
        return drive(generator.start(prompt, setup.watched), setup, display, trace)


def drive(run: Run, setup: Setup, display: Display, trace: Tracing) -> int:
    """Run to the end, or to the first Ctrl-C; what there is by then is printed either way."""
    answer, streaming = Answer(), answers_stream(setup) and not trace.takes_stdout

    def each(event: TextEvent) -> None:
        if streaming:
            answer.add(event.new_text)
        display.event(event)
        trace.event(event)

    def told(display: Display) -> Result:
        result = run.result()
        trace.finish(result)
        if trace.takes_stdout:
            display.finish(result)
        else:
            print_result(result, answer, setup.output.json, streaming, display)
        return result

    trace.begin(run)
    with owing(lambda: told(Display())):
        run_through(run, each, delay_of(setup.output, display))
    result = told(display)
    if result.stop_reason != "interrupted":
        return Exit.FAILED if trace.failed else Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}: the text is unfinished")
    return Exit.INTERRUPTED


# --------------------------------------------------------------------------------- --samples


def answers(setup: Setup, prompt: str) -> int:
    """Several answers to one prompt: text blocks with a blank line between, or a JSON array."""
    if setup.output.visual:
        raise UsageError("--visual shows one answer: leave out --samples, or --visual")
    seeded, traces = with_seeds(setup.resolved), Traces(setup.output.trace)
    with (
        on_screen(answers_display(setup, len(seeded))) as display,
        load_model(setup, display) as generator,
    ):

        def on_step(index: int, event: TextEvent) -> None:
            traces.event(index + 1, event)

        asked = ((prompt, one) for one in seeded)
        outcomes = generator.generate_many(asked, on_step=on_step)
        results: dict[int, Result] = {}
        with owing(lambda: print_answers(results, setup.output.json)):
            collect(outcomes, results, display, traces)
        display.close()
    print_answers(results, setup.output.json)
    if len(results) == len(seeded):
        return Exit.FAILED if traces.failed else Exit.OK
    note(f"interrupted: {len(results)} of {len(seeded)} answers were finished")
    return Exit.INTERRUPTED


def with_seeds(resolved: Resolved) -> list[Resolved]:
    """The same settings under consecutive seeds; the first is the one given, or a fresh one."""
    from ...generation.generator import seed_of

    first = seed_of(resolved.settings)
    count = resolved.settings.sampling.samples
    return [resolved.with_values(seed=(first + i) % 2**32) for i in range(count)]


def print_answers(results: Mapping[int, Result], as_json: bool) -> None:
    """In the order of their seeds."""
    finished = [results[number] for number in sorted(results)]
    if as_json:
        write_json([result.to_dict() for result in finished])
    else:
        write("\n".join(result.text.rstrip("\n") + "\n" for result in finished))


def collect(
    outcomes: Iterable[tuple[int, Result | HoshikageError]],
    results: dict[int, Result],
    display: Display,
    traces: Traces,
) -> None:
    """Fill in the results, as far as they get before a Ctrl-C. Raises the first error."""

    def each(numbered: tuple[int, Result | HoshikageError]) -> None:
        number, outcome = numbered
        if isinstance(outcome, Exception):
            raise outcome
        results[number] = outcome
        traces.finish(number + 1, outcome)
        display.answered(len(results))

    run_through(outcomes, each)


def answers_display(setup: Setup, total: int) -> Display:
    if setup.output.quiet or setup.output.logged or not is_terminal(sys.stderr):
        return Display()
    from ...display.progress import AnswerBar

    return AnswerBar(total)


# --------------------------------------------------------------------------- --show-settings


def show_settings(resolved: Resolved) -> int:
    """One line a setting on stdout: name, value, source."""
    if resolved.settings.output.json:
        write_json(_settings_object(resolved))
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
