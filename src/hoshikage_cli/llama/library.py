"""The library as a whole: start-up, its log, what it was built from."""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
_recent: deque[str] = deque(maxlen=40)


@dataclass
class _State:
    """Of the one library that a process has."""

    started: bool = False
    line: str = ""
    """What came of a line of the log so far."""
    level: int = logging.INFO
    """Of that line."""
    raised: BaseException | None = None
    """What a callback raised, until it can be raised outside."""


_state = _State()


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


def initialise() -> None:
    """Start the library, once, with its log routed to the logger `hoshikage.llama`."""
    if _state.started:
        return
    _state.started = True
    lib.llama_log_set(lib.hoshi_on_log, ffi.NULL)
    lib.ggml_backend_load_all()
    lib.llama_backend_init()
    raise_what_waits()


def build_info() -> BuildInfo:
    initialise()
    registered = (lib.ggml_backend_reg_get(i) for i in range(lib.ggml_backend_reg_count()))
    names = tuple(ffi.string(lib.ggml_backend_reg_name(reg)).decode() for reg in registered)
    version = ffi.string(lib.llama_version()).decode()
    stock = os.environ.get("HOSHIKAGE_STOCK_KERNELS", "") not in ("", "0")
    return BuildInfo(LLAMA_COMMIT, version, names, VENDORED, LIBRARIES, stock)


def abort_on_interrupt() -> None:
    """Let an interrupt from the keyboard stop a forward pass that is under way.

    For programs: it changes the process's handler of SIGINT, and hands on to the one before.
    """
    lib.hoshi_abort_on_interrupt()


def error_lines() -> list[str]:
    """Error lines of the library's log since `forget_errors`, oldest first."""
    return list(_recent)


def recent_errors(count: int = 2) -> str:
    """The last error lines of the library's log, for a message."""
    return "; ".join(list(_recent)[-count:])


def forget_errors() -> None:
    _recent.clear()


def has_raised() -> bool:
    """Whether an exception, such as a Ctrl-C, waits for `raise_what_waits`."""
    return _state.raised is not None


def raise_what_waits() -> None:
    """Raise what was raised while the library called back. To be called after what may log."""
    error, _state.raised = _state.raised, None
    if error is not None:
        raise error


def keep_exception(kind: type, error: BaseException, traceback: object) -> None:
    """Let what a callback raised wait: it cannot pass through C, and would be printed and lost."""
    _state.raised = error


@ffi.def_extern(onerror=keep_exception)
def hoshi_on_log(level: int, text: Text, user_data: CData) -> None:
    message = ffi.string(text).decode("utf-8", "replace")
    if level != lib.GGML_LOG_LEVEL_CONT:
        _state.line = ""
        _state.level = _LEVELS.get(level, logging.DEBUG)
    _state.line += message
    if _state.line.endswith("\n"):
        _log_line(_state.level, _state.line.strip())
        _state.line = ""


def _log_line(level: int, line: str) -> None:
    if not line:
        return
    if level >= logging.ERROR:
        _recent.append(line)
    # What the library calls an error reaches users as an exception; its log is for --debug.
    logger.log(min(level, logging.INFO), "%s", line)
