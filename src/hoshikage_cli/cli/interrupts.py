"""Ctrl-C during a run: the forward pass under way stops, and the run ends as if it were over."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import TypeVar

Event = TypeVar("Event")

NAP = 0.05


class Interrupts:
    """While entered, the first Ctrl-C is noted (`seen`) and stops the forward pass under way, which
    ends the block; a second one raises KeyboardInterrupt as usual."""

    def __init__(self, of_passes: bool = True, then: Callable[[], None] | None = None) -> None:
        self.seen = False
        self._then = then
        """What ends a wait that no forward pass is the cause of."""
        self._of_passes = of_passes
        """Whether there are forward passes, and so the library that makes them."""

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGINT, self._note)
        if self._of_passes:
            from ..llama.library import abort_on_interrupt

            # Put in front of the handler above, hence after it.
            abort_on_interrupt()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> bool:
        signal.signal(signal.SIGINT, self._before)
        aborted = self._of_passes and kind is not None and _is_abort(kind)
        self.seen = self.seen or aborted
        return aborted

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the next Ctrl-C."""
        end = time.monotonic() + seconds
        while not self.seen and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, NAP))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        if self._then is not None:
            self._then()


def _is_abort(kind: type[BaseException]) -> bool:
    from ..llama.errors import DecodeAborted

    return issubclass(kind, DecodeAborted)


def run_through(
    run: Iterable[Event],
    each: Callable[[Event], None],
    delay: float = 0.0,
    interrupts: Interrupts | None = None,
) -> bool:
    """Hand every event of `run` to `each`, to the end or to the first Ctrl-C; whether it came.

    delay: seconds to wait after each event. interrupts: where the run itself looks at them.
    """
    with interrupts or Interrupts() as watch:
        for event in run:
            each(event)
            watch.pause(delay)
            if watch.seen:
                break
    return watch.seen
