"""Timings of settings, and of llama-diffusion-cli beside them.

Runs are interleaved: every repetition goes once through all settings and the peer, so that a
machine that slows down does so for all of them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from ..errors import RunError
from ..generation.generator import Generator, finished
from ..llama.openmp import environment_of_others
from ..settings.resolve import Resolved

PEER_SECONDS = re.compile(rb"total time: ([\d.]+)ms")
PEER_ATTEMPTS = 5
PEER_SAMPLING = re.compile(rb"sampling time per step: ([\d.]+)ms")


@dataclass(frozen=True)
class Timing:
    """One run. Seconds but for `peak_bytes`; overhead is what is neither decoding nor reduction."""

    total: float
    decode: float
    reduce: float
    overhead: float
    steps: int
    nfe: int
    positions: int
    tokens: int
    peak_bytes: int

    @property
    def ms_per_step(self) -> float:
        return 1000 * self.total / max(1, self.steps)


@dataclass(frozen=True)
class Row:
    """The median of each figure over the repetitions of one setting; `peer`: of the peer."""

    name: str
    timing: Timing
    peer: Timing | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the peer."""
        return self.peer.total / self.timing.total if self.peer else None

    def to_dict(self) -> dict[str, Any]:
        found = {
            "settings": self.name,
            **asdict(self.timing),
            "ms_per_step": self.timing.ms_per_step,
        }
        found["tokens_per_second"] = self.timing.tokens / self.timing.total
        if self.peer:
            found["peer"] = {**asdict(self.peer), "ms_per_step": self.peer.ms_per_step}
            found["ratio"] = self.ratio
        return found


@dataclass(frozen=True)
class Peer:
    """llama-diffusion-cli: the program, the model's file, and flags of its own."""

    program: Path
    model: Path
    extra: tuple[str, ...] = ()


def variants(grid: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the values of each setting; one empty one for no grid."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def measure(
    generator: Generator,
    prompt: str,
    settings: Mapping[str, Resolved],
    repetitions: int,
    peer: Peer | None = None,
    on_run: Callable[[str], None] = lambda name: None,
) -> list[Row]:
    """Time every setting; one unmeasured run of each goes before, so that caches are warm."""
    ours: dict[str, list[Timing]] = {name: [] for name in settings}
    theirs: dict[str, list[Timing]] = {name: [] for name in settings}
    for repetition in range(repetitions + 1):
        for name, resolved in settings.items():
            on_run(name)
            timing, length = time_run(generator, prompt, resolved)
            if repetition:
                ours[name].append(timing)
            if repetition and peer:
                theirs[name].append(time_peer(peer, prompt, resolved, length, generator))
    return [
        Row(name, middle(ours[name]), middle(theirs[name]) if peer else None) for name in settings
    ]


def time_run(generator: Generator, prompt: str, resolved: Resolved) -> tuple[Timing, int]:
    """One run, and the length of its canvas."""
    forget_peak()
    generator.forget()
    began = time.perf_counter()
    run = finished(generator.start(prompt, resolved))
    total = time.perf_counter() - began
    result = run.result()
    decode, reduce = result.timings["decode"], result.timings["reduce"]
    timing = Timing(
        total=total,
        decode=decode,
        reduce=reduce,
        overhead=total - decode - reduce,
        steps=result.steps,
        nfe=result.nfe,
        positions=result.positions_decoded,
        tokens=len(run.canvas) - run.prompt_length,
        peak_bytes=peak_bytes(),
    )
    return timing, len(run.canvas)


def time_peer(
    peer: Peer, prompt: str, resolved: Resolved, length: int, generator: Generator
) -> Timing:
    """The peer on the same file, canvas and number of steps, model load left out as for ours.

    Raises RunError when it fails or says no timings.
    """
    settings = resolved.settings
    generated = length - len(generator.tokenize(prompt, settings))
    steps = settings.diffusion.steps or generated
    command = [peer.program, "-m", peer.model, "-p", prompt, "-ub", length, "-b", length]
    command += ["--diffusion-steps", steps, "--diffusion-eps", settings.diffusion.eps]
    command += ["--seed", settings.sampling.seed or 1, *sampling_flags(resolved), *peer.extra]
    if settings.model.threads:
        command += ["-t", settings.model.threads]
    output, peak, found = run_peer([str(part) for part in command])
    total = float(found[1]) / 1000
    sampling = PEER_SAMPLING.search(output)
    reduce = float(sampling[1]) / 1000 * steps if sampling else 0.0
    return Timing(total, total - reduce, reduce, 0.0, steps, steps, steps * length, generated, peak)


def run_peer(command: list[str]) -> tuple[bytes, int, re.Match[bytes]]:
    """Output, peak memory and the total time said. The peer's log is written by a thread that now
    and then loses its last lines: then the run is made again."""
    for _ in range(PEER_ATTEMPTS):
        output, peak = run_measured(command)
        found = PEER_SECONDS.search(output)
        if found:
            return output, peak, found
    last = output.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
    raise RunError(f"{Path(command[0]).name} gave no timings: {last[0][:200]}")


def sampling_flags(resolved: Resolved) -> list[Any]:
    """The sampling settings that were given; the peer's own defaults for the others."""
    flags = {"temperature": "--temp", "top_k": "--top-k", "top_p": "--top-p"}
    given = [name for name in flags if resolved.sources[name] != "default"]
    return [part for name in given for part in (flags[name], resolved.value(name))]


def run_measured(command: Sequence[str]) -> tuple[bytes, int]:
    """Output of both streams, and the process's peak memory in bytes. Raises RunError."""
    with tempfile.TemporaryFile() as output:
        try:
            with no_signal_blocked():
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment_of_others(),
                )
        except OSError as error:
            raise RunError(f"cannot run {command[0]}: {error.strerror}") from None
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode != 0:
        name = Path(command[0]).name
        raise RunError(f"{name} failed with exit code {process.returncode}")
    return text, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def no_signal_blocked() -> Iterator[None]:
    """While a program is begun, which would inherit what we keep from our threads, and could then
    be neither stopped nor ended from the terminal."""
    mask = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def middle(timings: Iterable[Timing]) -> Timing:
    """The median of each figure."""
    columns = zip(*(asdict(timing).values() for timing in timings), strict=True)
    values = [median(column) for column in columns]
    whole = ("steps", "nfe", "positions", "tokens", "peak_bytes")
    names = Timing.__dataclass_fields__
    return Timing(**{n: int(v) if n in whole else v for n, v in zip(names, values, strict=True)})


# ------------------------------------------------------------------------------------ memory


def forget_peak() -> None:
    """Start the measure of peak memory anew, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """Peak resident memory of this process, since `forget_peak` where that works."""
    with suppress(OSError, StopIteration):
        return next(_status("VmHWM:"))
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(key: str) -> Iterator[int]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            yield int(line.split()[1]) * 1024
