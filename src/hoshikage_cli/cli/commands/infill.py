"""`hoshikage infill`: fill the holes of a text and leave the rest of it as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...display.figures import counted
from ...errors import UsageError
from ..exits import Exit
from ..input import STDIN, read_text
from ..last_words import owing
from ..options import RUN, Typed, argument, flag, with_options, with_settings
from ..output import Tracing, write_json
from ..setup import (
    Setup,
    choose,
    delay_of,
    display_for,
    load_model,
    refuse_trace,
    refuse_untold,
    tell_setup,
)
from ..signals import on_screen, run_through
from ..streams import note, write, write_exactly

if TYPE_CHECKING:
    from ...generation.filled import InfillResult
    from ...generation.run import TextEvent

EXAMPLES = """\b
Examples:
  hoshikage infill "Mia found a [MASK:2]. Ben loved the red kite too."
  hoshikage infill -f draft.txt --visual > whole.txt
  hoshikage infill --show holes --json -f form.py | jq '.[].text'
  hoshikage infill --marker _ -p "Solve this." "1_34"
"""


@dataclass(frozen=True)
class InfillFlags:
    text: str | None = argument(
        None, help='The text with its holes; "-" reads it from stdin.', panel="Text"
    )
    file: str | None = flag(
        None, "-f", "--file", metavar="FILE", help="Read the text from a file.", panel="Text"
    )
    marker: str | None = flag(
        None,
        "--marker",
        "--mask-marker",
        help="What stands for a hole, instead of [MASK].",
        panel="Text",
    )
    prompt: str | None = flag(
        None, "-p", "--prompt", help="What the text is the answer to.", panel="Prompt"
    )
    show: str = flag(
        "text",
        "--show",
        choices=("text", "holes"),
        help="Print the whole text, or only what was filled in, a line each.",
        panel="Output",
    )

    @property
    def was_typed(self) -> bool:
        """Whether the text stood on the command line."""
        return self.text not in (None, STDIN)


@with_options(InfillFlags)
@with_settings(*RUN, "view", "trace", "json", "logprobs")
def infill(asked: InfillFlags, **flags: Typed) -> int:
    """Fill the holes of a text with a diffusion model, and keep the rest byte for byte.

    [MASK] is a hole of one token, [MASK:12] one of up to twelve. The text is the argument, a file,
    or what is piped in.
    """
    from ...generation.holes import MARKER, parse
    from ...generation.infill import refuse_causal

    setup = choose(flags)
    refuse_untold(setup)
    refuse_trace(setup, asked.file)
    if setup.resolved.typed("logprobs") and asked.show == "holes":
        raise UsageError("--logprobs is told with the whole text: leave out --show holes")
    refuse_causal(setup.header.family, setup.title)
    text = read_text(asked.text, asked.file)
    marker = MARKER if asked.marker is None else asked.marker
    parse(text, marker)
    tell_setup(setup)
    trace = Tracing(setup.output.trace)

    def told(result: InfillResult) -> None:
        if not trace.takes_stdout:
            print_filled(result, asked, setup.output.json)

    result = fill(setup, text, marker, asked.prompt, trace, told)
    told(result)
    if result.stop_reason != "interrupted":
        return Exit.FAILED if trace.failed else Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}: some holes are not filled")
    return Exit.INTERRUPTED


def fill(
    setup: Setup,
    text: str,
    marker: str,
    prompt: str | None,
    trace: Tracing,
    told: Callable[[InfillResult], None],
) -> InfillResult:
    """Run to the end, or to the first Ctrl-C; told: what prints what there is, which is called here
    where llama.cpp gives up."""

    def each(event: TextEvent) -> None:
        display.event(event)
        trace.event(event)

    with on_screen(display_for(setup)) as display, load_model(setup, display) as generator:
        run = generator.start_infill(text, setup.watched, marker=marker, prompt=prompt)

        def finished() -> InfillResult:
            result = run.result()
            trace.finish(result)
            return result

        trace.begin(run)
        with owing(lambda: told(finished())):
            run_through(run, each, delay_of(setup.output, display))
        result = finished()
        display.finish(result)
    return result


def print_filled(result: InfillResult, asked: InfillFlags, as_json: bool) -> None:
    holes = asked.show == "holes"
    if as_json:
        told = result.to_dict()
        write_json(told["holes"] if holes else told)
    elif holes:
        write("".join(f"{one_line(hole.text)}\n" for hole in result.holes))
    else:
        # A file goes out with the ending that it has; what was typed as an argument has none.
        ending = "\n" if asked.was_typed and not result.text.endswith("\n") else ""
        write_exactly(result.text + ending)


def one_line(fill: str) -> str:
    """A fill on one line: its line breaks as \\n and \\r."""
    return fill.replace("\n", "\\n").replace("\r", "\\r")
