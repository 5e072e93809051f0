"""One hostile file in a process of its own, and what became of it."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hoshikage_cli
from hoshikage_cli.cli.commands.inspect import model_facts
from hoshikage_cli.errors import HoshikageError
from hoshikage_cli.files import finite
from hoshikage_cli.generation.generator import load
from hoshikage_cli.llama.errors import LlamaError
from hoshikage_cli.models.header import read_header
from hoshikage_cli.trace import TraceWriter

# Everything is imported before any fork, which costs each child a second otherwise; of the library
# no more than that, since a fork has no threads.
for _, _name, _ in pkgutil.walk_packages(hoshikage_cli.__path__, "hoshikage_cli."):
    if "evaluation" not in _name and not _name.endswith(("__main__", "_native", "build")):
        importlib.import_module(_name)

SECONDS = 10
"""Of computing, or of waiting, after which something hangs."""
MEMORY = 6 << 30
"""Address space, in bytes."""
RAN, REFUSED, REFUSED_LATE, INTERNAL = 0, 10, 11, 12
KINDS = {RAN: "ran", REFUSED: "refused", REFUSED_LATE: "refused by llama.cpp", INTERNAL: "internal"}
FINE = ("ran", "refused", "refused by llama.cpp")
WRONG = ("internal error", "Traceback (most recent call last)", "Exception ignored in")
"""What no run may say."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    kind: str
    """Of `KINDS`, "hang", or "signal" and its name."""
    line: str
    """The last thing that was said."""
    seconds: float

    @property
    def fine(self) -> bool:
        return self.kind in FINE


def use_model(path: Path) -> int:
    """Look at a model, load it and ask it something; one of `KINDS`."""
    try:
        model_facts(read_header(path), {})
    except HoshikageError as error:
        print(error)
    try:
        with load(path, threads=1) as generator:
            run = generator.stream("Hi, é?", steps=3, max_tokens=6, seed=1, ctx_size=128)
            with TraceWriter(path.with_suffix(".jsonl")) as trace:
                trace.begin(run)
                for event in run:
                    trace.step(event)
                trace.end(run.result())
            print(json.dumps(finite(run.result().to_dict()), allow_nan=False))
            return RAN
    except LlamaError as error:
        print(error)
        return REFUSED_LATE
    except HoshikageError as error:
        print(error)
        return REFUSED


def outcome_of(use: Callable[[], int], seconds: float = SECONDS) -> Outcome:
    """What becomes of a call in a child with limits on time and memory."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _in_child(use, said.fileno())
        status, hung = _wait(child, seconds)
        took = time.monotonic() - began
        said.seek(0)
        found = said.read().decode("utf-8", "replace")
    kind, lines = _kind(status, hung), found.strip().splitlines() or [""]
    wrong = [line for line in lines if any(words in line for words in WRONG)]
    if kind in FINE and wrong:
        kind = "internal"
    line = next((line for line in wrong if WRONG[0] in line), lines[-1])
    return Outcome(kind, line[:300], took)


def _in_child(use: Callable[[], int], said: int) -> None:
    code = INTERNAL
    try:
        # ggml would start a debugger to print where it aborted.
        os.environ["GGML_NO_BACKTRACE"] = "1"
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = sys.stderr = open(said, "w", encoding="utf-8", errors="replace")  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = use()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _wait(child: int, seconds: float) -> tuple[int, bool]:
    """How it ended, and whether it hung: computed for so long, or waited for so long for nothing.
    On a machine with other work the clock alone would tell nothing."""
    used, since = 0.0, time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status, False
        before, (used, ready) = used, _doing(child)
        if ready or used > before:
            since = time.monotonic()
        if used > seconds or time.monotonic() - since > seconds:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1], True
        time.sleep(0.01)


def _doing(child: int) -> tuple[float, bool]:
    """Seconds that a process has computed for, and whether it would go on if it were its turn."""
    try:
        facts = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, False
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK"), facts[0] in "RD"


def _kind(status: int, hung: bool) -> str:
    if hung:
        return "hang"
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return KINDS.get(os.WEXITSTATUS(status), f"exit {os.WEXITSTATUS(status)}")
