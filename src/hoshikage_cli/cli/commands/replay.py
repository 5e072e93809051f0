"""`hoshikage replay`: a trace played in the terminal, without its model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...display.display import Display
from ...display.figures import counted
from ...settings.declared import OutputSettings
from ..exits import Exit
from ..input import read_recording
from ..options import REQUIRED, Typed, argument, flag, with_options, with_settings
from ..output import print_result, tell_flaw, tell_unseen
from ..setup import choose_output, delay_of, view
from ..signals import Interrupts, on_screen, run_through
from ..streams import Answer, is_terminal, note

if TYPE_CHECKING:
    from ...decoding.step import Step
    from ...generation.run import Result
    from ...trace import Recording

EXAMPLES = """\b
Examples:
  hoshikage generate --trace run.jsonl "Tell a story."
  hoshikage replay run.jsonl --visual=confidence --speed 0.5
  hoshikage generate --trace - "Tell a story." | tee run.jsonl | hoshikage replay -
"""


@dataclass(frozen=True)
class ReplayFlags:
    file: str = argument(
        REQUIRED,
        metavar="FILE",
        help='What generate --trace wrote; "-" reads it from stdin.',
        panel="Run",
    )
    speed: float = flag(
        1.0, "--speed", above=0, maximum=1_000_000, help="2: twice as fast.", panel="Run"
    )


@with_options(ReplayFlags)
@with_settings("view", "output")
def replay(asked: ReplayFlags, **flags: Typed) -> int:
    """Play a trace in the terminal, in the time it took, and print its text. No model is needed."""
    output = choose_output(flags)
    recording = read_recording(asked.file)
    tell_flaw(recording)
    tell_unseen(recording, output.visual)
    interrupts = Interrupts(of_passes=False)
    with on_screen(view_for(output)) as display:
        delay = delay_of(output, display)
        result = play(recording, display, interrupts, asked.speed, delay)
        print_result(result, Answer(), as_json=False, streamed=False, display=display)
    if not interrupts.seen:
        return Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}")
    return Exit.INTERRUPTED


def view_for(output: OutputSettings) -> Display:
    """A replay is there to be watched: the view needs no --visual where there is a terminal."""
    plain = not is_terminal(sys.stderr)
    watched = output.visual or not (output.quiet or plain)
    return view(output.visual, plain) if watched else Display()


def play(
    recording: Recording, display: Display, interrupts: Interrupts, pace: float, delay: float
) -> Result:
    """Show every step in its time, where somebody watches; none waits after a Ctrl-C."""
    run = recording.play(clock(interrupts, pace) if display.watched else None)
    interrupted = run_through(run, display.event, delay, interrupts)
    ended = "interrupted" if interrupted else recording.stop_reason
    return replace(run.result(), stop_reason=ended)


def clock(interrupts: Interrupts, pace: float) -> Callable[[Step], bool]:
    """Waits for each step as long as it took; False once there was a Ctrl-C."""
    last = 0.0

    def wait(step: Step) -> bool:
        nonlocal last
        interrupts.pause((step.elapsed - last) / pace)
        last = step.elapsed
        return not interrupts.seen

    return wait
