"""Draws a picture in place, anew whenever there is news of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console

from .layout import Line
from .palette import palette
from .region import Region

FRAMES_PER_SECOND = 30
LOOK_FOR_RESIZE = 0.2
# What drawing may take of a run's time: a picture that takes longer is drawn less often.
SHARE_OF_TIME = 0.02


class Painter:
    """A thread that draws, so that a run never waits for the terminal, steps that come faster than
    frames are passed over, and a resize is answered in the middle of a long step.

    The terminal may be given away (`pause`) and taken back (`redraw`) at any moment and any number
    of times, before and after the painter is at work as well.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.region = Region(console, palette(console))
        self._picture: Callable[[], list[Line]] | None = None
        self._news = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        # One that a signal handler may take in the middle of what it interrupts.
        self._terminal = threading.RLock()
        self._paused = False

    def start(self) -> None:
        """Begin, if it has not begun."""
        with self._terminal:
            if self._thread is not None:
                return
            self._over.clear()
            self._thread = threading.Thread(target=self._paint, daemon=True)
            if not self._paused:
                self.region.open()
        self._thread.start()

    def show(self, picture: Callable[[], list[Line]]) -> None:
        """What is drawn from now on; called when it is drawn."""
        self._picture = picture
        self._news.set()

    def say(self, write: Callable[[], None]) -> None:
        """Something that is written once and stays, above what is drawn."""
        with self._terminal:
            drawing = self._thread is not None and not self._paused
            if drawing:
                self.region.close()
            write()
            if drawing:
                self.region.open()
                self._news.set()

    def stop(self) -> None:
        """Clear away what is drawn, if anything is."""
        if self._thread is None:
            return
        self._over.set()
        self._news.set()
        self._thread.join()
        with self._terminal:
            self._thread = None
            if not self._paused:
                # However short a run was, its last step was shown.
                self._draw()
                self.region.close()

    def pause(self) -> None:
        """Give the terminal away."""
        with self._terminal:
            if self._thread is not None and not self._paused:
                self.region.close()
            self._paused = True

    def redraw(self) -> None:
        """Take it back, wherever its cursor is by now."""
        with self._terminal:
            if self._thread is not None and self._paused:
                self.region.open()
                self._news.set()
            self._paused = False

    def _paint(self) -> None:
        while not self._over.is_set():
            self._news.wait(LOOK_FOR_RESIZE)
            began = time.thread_time()
            with self._terminal:
                self._draw()
            cost = time.thread_time() - began
            self._over.wait(max(1 / FRAMES_PER_SECOND, cost / SHARE_OF_TIME))

    def _draw(self) -> None:
        if self._picture and not self._paused and (self._news.is_set() or self.region.resized):
            self._news.clear()
            self.region.draw(self._picture())
