r"""What signals do to the program: the one place where that is decided.

| signal          | while a model works                          | else         | exit code |
| --------------- | -------------------------------------------- | ------------ | --------- |
| INT (Ctrl-C)    | ends the run, and in a chat the answer alone | ends it all  | 130       |
| TERM            | ends the run                                 | ends it all  | 143       |
| HUP             | ends the run                                 | ends it all  | 129       |
| QUIT (Ctrl-\)   | the terminal is given back; then the process dies of it   | (131)     |
| TSTP (Ctrl-Z)   | the terminal is given back, and the process stops; CONT takes it again   |
| PIPE            | ignored: writing fails instead (streams.py)  |              | 141       |

A run that is ended stops in the middle of its forward pass (llama/interrupt.c), within half a
second, and ends as if it were over: what there is is printed, the terminal is left as it was. A
second Ctrl-C ends the program at once; TERM and HUP, which often come twice, do not. A signal that
is ignored when the program begins stays ignored (nohup, `&` in a script).

Handlers of Python run in the main thread, which may be in the library. So INT, TERM and HUP have
handlers that take a note, in front of which the library's own stops the work; QUIT and TSTP, which
are about the terminal alone, are waited for by a thread while something is drawn (`on_screen`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import FrameType, TracebackType
from typing import Any, Protocol, TypeVar

from .exits import Exit
from .streams import is_terminal

Event = TypeVar("Event")
SomeDisplay = TypeVar("SomeDisplay", bound="Shown")
Handler = Callable[[int, FrameType | None], Any]

CODES = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.HUNG_UP,
}
"""What ends the program, and the code that it then leaves with."""
OF_THE_TERMINAL = (signal.SIGQUIT, signal.SIGTSTP)
WAKE = signal.SIGUSR1
"""What one of our threads sends another."""
NAP = 0.05
"""Seconds between two looks at whether a wait is over."""

_leaving: list[int] = []
"""TERM or HUP, once one has come: the program ends as soon as what there is has been printed."""


def install() -> None:
    """For the whole program: what signals do while no model works."""
    _leaving.clear()
    _handle(_end)


def leaving() -> bool:
    """Whether TERM or HUP has come, after which nothing new is begun."""
    return bool(_leaving)


def exit_code(code: int) -> int:
    """What the program leaves with: TERM or HUP count for more than what became of the run."""
    return CODES[signal.Signals(_leaving[0])] if _leaving else code


def _handle(handler: Handler) -> dict[int, Any]:
    """Have `handler` called for what ends the program, unless it is ignored; those before."""
    return {
        number: signal.signal(number, handler)
        for number in CODES
        if signal.getsignal(number) is not signal.SIG_IGN
    }


def _end(number: int, frame: FrameType | None) -> None:
    """Unwind the program, and not twice."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    if not _leaving:
        _leaving.append(number)
        sys.exit(int(CODES[signal.Signals(number)]))


# ------------------------------------------------------------------------------- runs


class Interrupts:
    """While entered, the first signal of `CODES` is noted (`seen`) and stops the forward pass under
    way, which ends the block; a second Ctrl-C raises KeyboardInterrupt as usual."""

    def __init__(self, of_passes: bool = True, then: Callable[[], None] | None = None) -> None:
        self.seen = False
        self._then = then
        """What ends a wait that no forward pass is the cause of."""
        self._of_passes = of_passes
        """Whether there are forward passes, and so the library that makes them."""

    def __enter__(self) -> Interrupts:
        if self._of_passes:
            from ..llama import library

            library.clear_interrupt()
        self._before = _handle(self._note)
        if self._of_passes:
            # Put in front of the handlers above, hence after them.
            library.abort_on_interrupt()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        aborted = False
        if self._of_passes:
            from ..llama.errors import DecodeAborted
            from ..llama.library import clear_interrupt

            clear_interrupt()
            aborted = kind is not None and issubclass(kind, DecodeAborted)
        self.seen = self.seen or aborted
        return aborted

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the next signal."""
        end = time.monotonic() + seconds
        while not self.seen and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, NAP))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.seen:
            raise KeyboardInterrupt
        self.seen = True
        if number != signal.SIGINT and not _leaving:
            _leaving.append(number)
        if self._then is not None:
            self._then()


def run_through(
    run: Iterable[Event],
    each: Callable[[Event], None],
    delay: float = 0.0,
    interrupts: Interrupts | None = None,
) -> bool:
    """Hand every event of `run` to `each`, to the end or to the first signal; whether it came.

    delay: seconds to wait after each event. interrupts: where the run itself looks at them.
    """
    with interrupts or Interrupts() as watch:
        for event in run:
            each(event)
            watch.pause(delay)
            if watch.seen:
                break
    return watch.seen


# ------------------------------------------------------------------------ the terminal


class Shown(Protocol):
    """A display, as far as it matters here."""

    def __enter__(self) -> object: ...

    def __exit__(self, *_: object) -> None: ...

    def pause(self) -> None: ...

    def redraw(self) -> None: ...


@contextmanager
def on_screen(display: SomeDisplay, listening: bool = False) -> Iterator[SomeDisplay]:
    """A display, entered, which gives the terminal back while the process is stopped, and before
    it dies of Ctrl-\\. What is typed meanwhile tears nothing: the shell finds it afterwards.

    listening: whether it is for us, and is to be seen.
    """
    # A pager at the end of a pipe has modes of its own.
    ours = is_terminal(sys.stderr) and is_terminal(sys.stdout) and not listening
    with _holding(display), typing_unseen() if ours else nullcontext(), display:
        yield display


@contextmanager
def terminal_kept() -> Iterator[None]:
    """For the whole program, before it begins any thread: displays come and go in it."""
    with _holding(None):
        yield


def give_terminal_back() -> None:
    """As it was before the program, for good: where the process is about to end."""
    if _Watch.now is not None:
        _Watch.now.give_back()


@contextmanager
def terminal_lent() -> Iterator[None]:
    """While another program has it, which is to see signals as ever."""
    if not _can_watch():
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _holding(holder: Shown | None) -> Iterator[None]:
    if not _can_watch():
        yield
        return
    watch = _Watch.begun()
    if holder is not None:
        watch.holders.append(holder)
    try:
        yield
    finally:
        if holder is not None:
            watch.holders.remove(holder)
        watch.end()


def _can_watch() -> bool:
    of_main = threading.current_thread() is threading.main_thread()
    return of_main and is_terminal(sys.stderr) and hasattr(signal, "pthread_sigmask")


class _Watch:
    """A thread that waits for QUIT and TSTP, which are blocked in all that begin after it."""

    now: _Watch | None = None

    @classmethod
    def begun(cls) -> _Watch:
        """The one that there is, or a new one; `end` it as often."""
        watch = cls.now or cls()
        cls.now = watch
        watch._users += 1
        return watch

    def __init__(self) -> None:
        self.holders: list[Shown] = []
        self._users = 0
        self._over = False
        self._before = self._ours = terminal_modes()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*OF_THE_TERMINAL, WAKE})
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {WAKE})

    def end(self) -> None:
        self._users -= 1
        if self._users:
            return
        _Watch.now, self._over = None, True
        assert self._thread.ident is not None
        signal.pthread_kill(self._thread.ident, WAKE)
        self._thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _wait(self) -> None:
        while not self._over:
            number = signal.sigwait({*OF_THE_TERMINAL, WAKE})
            if number != WAKE:
                self.give_back()
                _let_happen(number)
                self._take_again()

    def give_back(self) -> None:
        """Take away what is drawn, and undo what was done to the terminal."""
        if _in_foreground():
            self._ours = terminal_modes()
        for holder in reversed(self.holders):
            holder.pause()
        set_terminal_modes(self._before)

    def _take_again(self) -> None:
        """In the foreground: a run that goes on in the background draws nothing."""
        while not _in_foreground() and not signal.sigpending() & {*OF_THE_TERMINAL, WAKE}:
            time.sleep(NAP)
        if self._over or not _in_foreground():
            return
        set_terminal_modes(self._ours)
        for holder in self.holders:
            holder.redraw()


def _let_happen(number: int) -> None:
    """What the signal does by itself: the process dies or stops here."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True


def terminal_modes() -> list[Any] | None:
    """How the terminal treats what is typed; None where stdin is none."""
    try:
        import termios

        return termios.tcgetattr(sys.stdin)
    except (ImportError, OSError, ValueError, TypeError, termios.error):
        return None


@contextmanager
def typing_unseen(*, by_key: bool = False) -> Iterator[None]:
    """While entered, what is typed when nobody reads is not echoed, which would tear what is drawn:
    the next who reads finds it. by_key: key by key, not taken apart into lines."""
    before = terminal_modes()
    if before is None:
        yield
        return
    import termios

    quiet = list(before)
    quiet[3] &= ~termios.ECHO
    if by_key:
        quiet[0] &= ~termios.ICRNL  # Enter and Ctrl-J stay two keys
        quiet[3] &= ~termios.ICANON
    set_terminal_modes(quiet)
    try:
        yield
    finally:
        set_terminal_modes(before)


def set_terminal_modes(modes: list[Any] | None) -> None:
    """Nothing is done from the background, where the terminal is somebody else's."""
    if modes is None or not _in_foreground():
        return
    import termios

    with suppress(OSError, ValueError, termios.error):
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)
