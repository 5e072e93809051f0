"""The canvas while it is being unmasked, live on a terminal's stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console

from ..generation.run import Result, TextEvent
from .console import on_stderr
from .display import Display
from .figures import summary
from .frame import Memory, answer_lines, frame
from .layout import Line, pack
from .palette import palette
from .progress import say
from .region import Region
from .shades import OF_MASKS, legend, view_of

FRAMES_PER_SECOND = 30
LOOK_FOR_RESIZE = 0.2
# What drawing may take of a run's time: a picture that takes longer is drawn less often.
SHARE_OF_TIME = 0.02


class LiveView(Display):
    """Header, canvas, progress and legend, redrawn in place; gone when the run is over, but for an
    answer that is kept in its colours.

    A thread draws, so that a run never waits for the terminal, steps that come faster than frames
    are passed over, and a resize is answered in the middle of a long step.
    """

    watched = True

    def __init__(
        self, view: str | None = None, console: Console | None = None, *, alone: bool = True
    ) -> None:
        """alone: whether it has the screen to itself, and shows what the answer follows; else it
        stands below a conversation."""
        self.view = view
        self.alone = alone
        self.console = console or on_stderr()
        self._region = Region(self.console, palette(self.console))
        self._memory = Memory()
        self._picture: Callable[[], list[Line]] | None = None
        self._event: TextEvent | None = None
        self._news = threading.Event()
        self._over = threading.Event()
        self._painter = threading.Thread(target=self._paint, daemon=True)
        # One that a signal handler may take in the middle of what it interrupts.
        self._terminal = threading.RLock()
        self._paused = False

    def __enter__(self) -> LiveView:
        self._region.open()
        self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def loading(self, share: float) -> None:
        self._show(lambda: [Line([(f"loading the model: {share:.0%}", "dim")])])

    def event(self, event: TextEvent) -> None:
        self._event = event
        self._region.alone = self.alone
        view = self._view_of(event)
        self._show(lambda: frame(event, view, *self.console.size, self._memory, self.alone))

    def kept(self, result: Result) -> str | None:
        event = self._event
        if event is None or self._view_of(event) in OF_MASKS:
            return None
        lines = answer_lines(event, self._view_of(event), self.console.width, len(result.text))
        return "\n".join(self._region.rendered(line) for line in lines)

    def explain(self) -> None:
        if self._event is not None:
            view, room = self._view_of(self._event), max(self.console.width - 1, 2)
            self._region.below(pack(legend(view, self._event)[-2:], room, "  ", "dim"))

    def _view_of(self, event: TextEvent) -> str:
        return view_of(self.view, event.run.has_masks)

    def pause(self) -> None:
        with self._terminal:
            if self._painter.is_alive() and not self._paused:
                self._paused = True
                self._region.close()

    def redraw(self) -> None:
        with self._terminal:
            if self._paused:
                self._paused = False
                self._region.open()
                self._news.set()

    def finish(self, result: Result) -> None:
        self._close()
        say(self.console, summary(result))

    def _show(self, picture: Callable[[], list[Line]]) -> None:
        self._picture = picture
        self._news.set()

    def _paint(self) -> None:
        while not self._over.is_set():
            self._news.wait(LOOK_FOR_RESIZE)
            began = time.thread_time()
            self._draw()
            cost = time.thread_time() - began
            self._over.wait(max(1 / FRAMES_PER_SECOND, cost / SHARE_OF_TIME))

    def _draw(self) -> None:
        with self._terminal:
            if self._picture and not self._paused and (self._news.is_set() or self._region.resized):
                self._news.clear()
                self._region.draw(self._picture())

    def _close(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self._news.set()
        self._painter.join()
        self.redraw()
        # However short a run was, its last step was shown.
        self._draw()
        self._region.close()
