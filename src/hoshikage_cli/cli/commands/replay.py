"""`hoshikage replay`: a trace played in the terminal, without its model."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...decoding.step import Step
from ...display.display import Display
from ...display.figures import counted
from ...display.plain import PlainLines
from ...generation.run import Result
from ...settings.declared import OutputSettings
from ...settings.file import read_config
from ...settings.resolve import resolve
from ...trace import Recording, read_trace
from ..exits import Exit
from ..interrupts import Interrupts
from ..options import number_above_zero
from ..output import print_result
from ..streams import Answer, is_terminal, note


def run_replay(file: str, speed: str, flags: dict[str, Any]) -> int:
    pace = number_above_zero(speed, "--speed")
    output = resolve(flags, os.environ, read_config(os.environ), {}).settings.output
    recording = read_trace(file)
    if recording.flaw:
        made = counted(len(recording.steps), "step")
        note(f"{recording.flaw} after {made}: the text is unfinished")
    with view_for(output) as display, Interrupts(of_passes=False) as interrupts:
        result = play(recording, display, interrupts, pace, output.visual_delay / 1000)
        print_result(result, Answer(), as_json=False, streamed=False, display=display)
    if not interrupts.seen:
        return Exit.OK
    note(f"interrupted after {counted(result.steps, 'step')}")
    return Exit.INTERRUPTED


def view_for(output: OutputSettings) -> Display:
    """A replay is there to be watched: the view needs no --visual where there is a terminal."""
    if output.quiet and not output.visual:
        return Display()
    if not is_terminal(sys.stderr):
        return PlainLines() if output.visual else Display()
    from ...display.visual import LiveView

    return LiveView(output.visual)


def play(
    recording: Recording, display: Display, interrupts: Interrupts, pace: float, delay: float
) -> Result:
    """Show every step in its time, where somebody watches; none waits after a Ctrl-C."""
    run = recording.play(clock(interrupts, pace) if display.watched else None)
    for event in run:
        display.event(event)
        interrupts.pause(delay if display.watched else 0.0)
    ended = "interrupted" if interrupts.seen else recording.stop_reason
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
