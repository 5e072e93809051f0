"""Ctrl-C during a run: the forward pass under way stops, and the run ends as if it were over."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TypeVar

Event = TypeVar("Event")

NAP = 0.05


class Interrupts:
    """While entered, the first Ctrl-C is noted (`seen`) and stops the forward pass under way; a
    second one raises KeyboardInterrupt as usual.

    of_passes: whether there are forward passes, and so the library that makes them.
    """

    def __init__(self, of_passes: bool = True) -> None:
        self.seen = False
        self._of_passes = of_passes

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGINT, self._note)
        if self._of_passes:
            from ..llama.library import abort_on_interrupt

            # Put in front of the handler above, hence after it.
            abort_on_interrupt()
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the next Ctrl-C."""
        end = time.monotonic() + seconds
        while not self.seen and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, NAP))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True


def run_through(run: Iterable[Event], each: Callable[[Event], None], delay: float = 0.0) -> bool:
    """Hand every event of `run` to `each`, to the end or to the first Ctrl-C; whether it came.

    delay: seconds to wait after each event.
    """
    from ..llama.errors import DecodeAborted

    with Interrupts() as interrupts:
        try:
            for event in run:
                each(event)
                interrupts.pause(delay)
                if interrupts.seen:
                    break
        except DecodeAborted:
            return True
    return interrupts.seen
