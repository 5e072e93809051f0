"""Items of an iterable as they come, without waiting while there is other work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item")
Given = TypeVar("Given", covariant=True)

AHEAD = 64
"""Items looked at together where they are at hand, so that those alike can be put side by side."""

NAP = 0.2
"""Seconds after which whoever waits looks whether a signal has come."""

GRACE = 0.005
"""Seconds given to an iterable that computes its items, before it counts as one that waits."""


@runtime_checkable
class Arrivals(Protocol[Given]):
    """Where items are taken from, one by one."""

    ahead: int
    """How many may be taken before there is work for them."""

    @property
    def over(self) -> bool:
        """Whether it is known that no more will come."""
        ...

    def take(self, wait: bool) -> Given | None:
        """The next item. Without `wait`, None says that there is none now; with it, that there
        will be no more. Raises what the iterable raises."""
        ...

    def close(self) -> None:
        """No more will be taken."""
        ...


class AtHand(Generic[Item]):
    """Items that are all there already: taking one never waits."""

    ahead = AHEAD

    def __init__(self, items: Iterable[Item]) -> None:
        self.over = False
        self._items = iter(items)

    def take(self, wait: bool) -> Item | None:
        item = None if self.over else next(self._items, None)
        self.over = item is None
        return item

    def stop(self) -> None:
        """Let no more come."""
        self.over = True

    def close(self) -> None:
        self.stop()


class Live(Generic[Item]):
    """Items that somebody may still be making.

    A thread of its own advances the iterable, once for each item that is asked for and never
    further, so that nobody has to wait for the next while another is being worked on.
    """

    ahead = 0

    def __init__(self, items: Iterable[Item]) -> None:
        self.over = False
        self._items = iter(items)
        self._asked = threading.Semaphore(0)
        self._found: queue.SimpleQueue[Item | BaseException | None] = queue.SimpleQueue()
        self._waits = self._closed = False
        self._thread: threading.Thread | None = None

    def take(self, wait: bool) -> Item | None:
        if self.over:
            return None
        grace = 0.0 if self._waits else GRACE
        if not self._waits:
            self._ask()
        try:
            found = self._next() if wait else self._found.get(timeout=grace)
        except queue.Empty:
            return None
        self._waits = False
        self.over = found is None or isinstance(found, BaseException)
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self) -> None:
        """Let no more come, and who waits for the next go on. A signal handler may call it."""
        self.over = True
        self._found.put(None)

    def close(self) -> None:
        # The thread may be waiting to be asked, or for an item that nobody wants any more.
        self.over = self._closed = True
        self._asked.release()

    def _next(self) -> Item | BaseException | None:
        """Waits in naps: a signal that comes just before a wait begins would not end it."""
        while True:
            with suppress(queue.Empty):
                return self._found.get(timeout=NAP)

    def _ask(self) -> None:
        self._waits = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._advance, daemon=True)
            self._thread.start()
        self._asked.release()

    def _advance(self) -> None:
        try:
            while True:
                self._asked.acquire()
                if self._closed:
                    return
                item = next(self._items, None)
                self._found.put(item)
                if item is None:
                    return
        except BaseException as error:
            self._found.put(error)


def arrivals(items: Iterable[Item] | Arrivals[Item]) -> Arrivals[Item]:
    """The items as they come: those of a list or tuple are at hand, others may have to be made."""
    if isinstance(items, Arrivals):
        return items
    return AtHand(items) if isinstance(items, Sequence) else Live(items)
