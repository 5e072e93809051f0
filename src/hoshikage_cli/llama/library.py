"""The library as a whole: start-up, its log, what it was built from."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import aborts
from ._build_facts import LIBRARIES, LLAMA_COMMIT, VENDORED
from ._native import ffi, lib

if TYPE_CHECKING:
    from ._native import CData, Text


logger = logging.getLogger("hoshikage.llama")

_LEVELS = {
    lib.GGML_LOG_LEVEL_DEBUG: logging.DEBUG,
    lib.GGML_LOG_LEVEL_INFO: logging.INFO,
    lib.GGML_LOG_LEVEL_WARN: logging.WARNING,
    lib.GGML_LOG_LEVEL_ERROR: logging.ERROR,
}


class _Log:
    """What the library has said: the line that is being written, and the last errors."""

    def __init__(self) -> None:
        self.line = ""
        self.level = logging.INFO
        self.errors: deque[str] = deque(maxlen=40)
        self.listener: Callable[[str], None] | None = None

    def hear(self, level: int | None, text: str) -> None:
        """Take in a piece of a line; a level of None goes on with the line before."""
        if level is not None:
            self.line, self.level = "", level
        self.line += text
        if self.listener is not None:
            self.listener(text)
        if self.line.endswith("\n"):
            self._end(self.line.strip())
            self.line = ""

    def _end(self, line: str) -> None:
        if not line:
            return
        if self.level >= logging.ERROR:
            self.errors.append(line)
        # What it calls an error reaches users as an exception, and its news are of no interest but
        # to whoever debugs.
        told = logging.INFO if self.level >= logging.WARNING else logging.DEBUG
        logger.log(told, "%s", line)


_log = _Log()
_lock = threading.RLock()
_started = False
_raised: BaseException | None = None


@dataclass(frozen=True)
class BuildInfo:
    """What this installation was built from."""

    llama_commit: str
    llama_version: str
    backends: tuple[str, ...]
    vendored: bool
    libraries: str
    """A digest of libllama and its parts as they were built."""
    stock_kernels: bool
    """Whether HOSHIKAGE_STOCK_KERNELS leaves every matrix product to ggml."""


# How callbacks and exceptions get through C. The library calls back while it works: to log, to
# tell how far a load is, to ask whether a pass should stop.
#
# 1. What may call back runs inside `calling()`, one thread at a time: the log and the exception
#    that waits are the process's own, and so is the flag of a Ctrl-C.
# 2. An exception cannot pass through C. A callback that raises, or during which a Ctrl-C arrives,
#    leaves it with `keep_exception`, and answers what ends the work soonest.
# 3. `calling()` raises what waits as soon as the library has returned; before that, whatever the
#    library has handed out must have been given an owner.
# 4. A pass asks `hoshi_should_abort` (interrupt.c) between its nodes and in the long ones: it stops
#    for `Context.abort`, and for a signal that ends a run where the program has asked for it by
#    `abort_on_interrupt`. It then ends as DecodeAborted; so do our loops over rows of logits.
# 5. Where the library gives up, the process ends (abort.cpp): `hoshi_on_abort` is called in the
#    thread that did, whatever the others are at, and says what was asked for in `aborts`.
# 6. Error lines logged inside `calling()` go into the message of the exception that follows.


@contextmanager
def calling() -> Iterator[None]:
    """Around every call that may log or call back; see above."""
    global _raised
    with _lock:
        _log.errors.clear()
        try:
            yield
        finally:
            error, _raised = _raised, None
            if error is not None:
                raise error


@contextmanager
def hearing(listener: Callable[[str], None]) -> Iterator[None]:
    """Inside `calling()`: let every piece of the log be heard as it comes."""
    _log.listener = listener
    try:
        yield
    finally:
        _log.listener = None


def keep_exception(kind: type, error: BaseException, traceback: object) -> None:
    """Let what a callback raised wait until the library has returned."""
    global _raised
    _raised = error


def has_raised() -> bool:
    """Whether an exception, such as a Ctrl-C, waits for the library to return."""
    return _raised is not None


def error_lines() -> list[str]:
    """Error lines of the log in the `calling()` that this is asked in, oldest first."""
    return list(_log.errors)


def recent_errors(count: int = 2) -> str:
    """The last of them, for a message."""
    return "; ".join(error_lines()[-count:])


@ffi.def_extern(onerror=keep_exception)
def hoshi_on_log(level: int, text: Text, user_data: CData) -> None:
    goes_on = level == lib.GGML_LOG_LEVEL_CONT
    message = ffi.string(text).decode("utf-8", "replace")
    _log.hear(None if goes_on else _LEVELS.get(level, logging.DEBUG), message)


@ffi.def_extern()
def hoshi_on_abort(message: Text) -> None:
    ending = aborts.asked()
    if ending is not None:
        ending.say(_text(message))


def initialise() -> None:
    """Start the library, once, with its log routed to the logger `hoshikage.llama`."""
    global _started
    with calling():
        if not _started:
            _started = True
            lib.llama_log_set(lib.hoshi_on_log, ffi.NULL)
            if ending := aborts.asked():
                lib.hoshi_end_on_abort(ending.code)
            lib.ggml_backend_load_all()
            lib.llama_backend_init()


def build_info() -> BuildInfo:
    initialise()
    registered = (lib.ggml_backend_reg_get(i) for i in range(lib.ggml_backend_reg_count()))
    names = tuple(_text(lib.ggml_backend_reg_name(reg)) for reg in registered)
    version = _text(lib.llama_version())
    stock = os.environ.get("HOSHIKAGE_STOCK_KERNELS", "") not in ("", "0")
    return BuildInfo(LLAMA_COMMIT, version, names, VENDORED, LIBRARIES, stock)


def devices() -> dict[str, str]:
    """What the backends can compute on: a description by name, as `CPU` or `CUDA0`."""
    initialise()
    handles = [lib.ggml_backend_dev_get(i) for i in range(lib.ggml_backend_dev_count())]
    return {
        _text(lib.ggml_backend_dev_name(h)): _text(lib.ggml_backend_dev_description(h))
        for h in handles
    }


def features() -> frozenset[str]:
    """What the backends were compiled to use, as `AVX512_VNNI` or `OPENMP`."""
    initialise()
    told = _text(lib.llama_print_system_info())
    return frozenset(re.findall(r"(\w+) = [1-9]", told))


def _text(text: Text) -> str:
    return ffi.string(text).decode("utf-8", "replace")


def kernels(info: BuildInfo, has: frozenset[str]) -> str:
    """Who multiplies matrices, in words."""
    wanted = {"AVX512", "AVX512_VNNI", "F16C"} <= has and "AMX_INT8" not in has
    if info.vendored and wanted and not info.stock_kernels:
        return "our own for Q8_0, Q4_0, Q4_K, Q5_K and Q6_K, ggml's for the others"
    return "ggml's own"


def abort_on_interrupt() -> None:
    """Let SIGINT, SIGTERM and SIGHUP stop a forward pass that is under way, and all that follow, up
    to `clear_interrupt`.

    For programs: it changes the process's handlers of those that have one, and hands on to it.
    """
    lib.hoshi_abort_on_interrupt()


def clear_interrupt() -> None:
    """Let forward passes be made again."""
    lib.hoshi_clear_interrupt()
