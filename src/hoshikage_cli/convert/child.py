"""Work in a process of its own, which can be ended at any moment: for libraries that neither stop
nor leave anything but a whole file behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import HoshikageError, RunError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Tell = Callable[[str], None]
"""What a child says of how far it is."""
Work = Callable[..., None]
"""What it does: called with its arguments and, as the last one, a `Tell`."""
TICK = 0.25
"""Seconds between two looks at what it has done."""


def run(work: Work, arguments: tuple[Any, ...], hear: Tell, tick: Callable[[], object]) -> None:
    """Do the work in a child; whatever ends us ends it. hear: told all that it tells. tick: called
    every now and then meanwhile. Raises RunError, with the line of what it failed of."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(theirs, work, arguments), daemon=True)
    with _undisturbed():
        child.start()
    theirs.close()
    try:
        _listen(ours, hear, tick)
        child.join()
    finally:
        child.kill()
        child.join()
        ours.close()


def _listen(connection: Connection, hear: Tell, tick: Callable[[], object]) -> None:
    while True:
        if not connection.poll(TICK):
            tick()
            continue
        try:
            what, text = connection.recv()
        except EOFError:
            raise RunError("the work ended in the middle: is memory short?") from None
        if what == "done":
            return
        if what == "failed":
            raise RunError(text)
        hear(text)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What is begun inside never sees a Ctrl-C: it is ours to end it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(connection: Connection, work: Work, arguments: tuple[Any, ...]) -> None:
    def tell(what: str, text: str = "") -> None:
        try:
            connection.send((what, text))
        except OSError:
            os._exit(1)  # nobody waits any more

    try:
        work(*arguments, lambda text: tell("told", text))
    except HoshikageError as error:
        tell("failed", str(error))
    else:
        tell("done")
