"""The comparisons of `run.py`: each is a ratio taken in one interleaved run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import hoshikage_cli as hk
from hoshikage_cli.bench.timing import Peer, Row, measure
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.model import Model
from hoshikage_cli.llama.openmp import environment_of_others
from hoshikage_cli.llama.rows import reduce_rows
from peer import PEER, ROOT
from random_model import Shape, copied_vocabulary, write_model

LARGE = ROOT / "build" / "bench" / "llada-0.5b.gguf"
VOCABULARY = ROOT / "vendor" / "llama.cpp" / "models" / "ggml-vocab-qwen2.gguf"
PROMPT = "word " * 63
CANVAS, BLOCK, THREADS, VOCABULARY_SIZE = 256, 32, 2, 151_936
FULL_STEPS, BLOCK_STEPS = 12, 48


@dataclass(frozen=True)
class Comparison:
    """One line of the table. `wanted`: the least (or with `at_most` the most) that is asked; None
    where nothing is."""

    name: str
    found: float
    wanted: float | None
    unit: str
    at_most: bool = False
    detail: str = ""
    profile: str = ""
    """Where the time goes: the explanation of a miss."""

    @property
    def bound(self) -> str:
        if self.wanted is None:
            return ""
        return f"{'at most' if self.at_most else 'at least'} {self.wanted:g} {self.unit}"

    @property
    def reached(self) -> bool:
        if self.wanted is None:
            return True
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted


def large_model() -> Path:
    """The shape of a 0.5B LLaDA with random weights."""
    shape = {"layers": 24, "width": 896, "heads": 14, "kv_heads": 2, "feed_forward": 4864}
    return model_of_shape(LARGE, arch="llada", **shape)


def model_of_shape(path: Path, **shape: Any) -> Path:
    """A model with random weights in Q8_0; made once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        made = Shape(**shape, quantisation="Q8_0", seed=1)
        write_model(draft, made, copied_vocabulary(VOCABULARY))
        draft.rename(path)
    return path


def against_the_peer(path: Path, repetitions: int, settings: dict, steps: int) -> Row:
    """One setting and the peer in turn, on the same canvas with as many steps."""
    base = {"max_length": CANVAS, "threads": THREADS, "steps": steps, "chat": False, "seed": 1}
    with hk.load(path) as generator:
        resolved = generator.resolve(eos_policy="suppress", **base, **settings)
        peer = Peer(PEER / "llama-diffusion-cli", path)
        (row,) = measure(generator, PROMPT, {"": resolved}, repetitions, peer)
    return row


def diffusion_speed(repetitions: int) -> list[Comparison]:
    path = large_model()
    exact = against_the_peer(path, repetitions, {"block_length": BLOCK}, FULL_STEPS)
    drawn = {"block_length": BLOCK, "temperature": 0.7, "top_k": 0}
    sampled = against_the_peer(path, repetitions, drawn, FULL_STEPS)
    dual = {"block_length": BLOCK, "cache": "dual"}
    cached = against_the_peer(path, repetitions, dual, BLOCK_STEPS)
    own = (exact.timing.reduce + exact.timing.overhead) / exact.timing.total
    memory = exact.timing.peak_bytes / exact.peer.peak_bytes
    return [
        Comparison("exact, its default top-k", exact.ratio, 1.3, "×", detail=per_step(exact)),
        Comparison(
            "exact, top-k 0, temperature 0.7", sampled.ratio, 4.0, "×", detail=per_step(sampled)
        ),
        Comparison("dual cache, as many steps", cached.ratio, 3.3, "×", detail=per_step(cached)),
        Comparison("share of time that is not decoding, 0.5B", 100 * own, 3, "%", at_most=True),
        Comparison(
            "peak memory, the peer's = 1",
            memory,
            1.0,
            "×",
            at_most=True,
            detail=f"{exact.timing.peak_bytes / 2**20:.0f} and "
            f"{exact.peer.peak_bytes / 2**20:.0f} MiB",
        ),
    ]


def per_step(row: Row) -> str:
    return f"{row.timing.ms_per_step:.0f} and {row.peer.ms_per_step:.0f} ms a step"


def small_overhead(repetitions: int) -> Comparison:
    with hk.load("hoshi-tiny") as generator:
        resolved = generator.resolve(threads=THREADS, eos_policy="suppress", seed=1)
        (row,) = measure(generator, "What is the capital of Japan?", {"": resolved}, repetitions)
    own = (row.timing.reduce + row.timing.overhead) / row.timing.total
    return Comparison("the same, hoshi-tiny", 100 * own, 20, "%", at_most=True)


def reduction(repetitions: int) -> Comparison:
    rows = np.random.default_rng(0).normal(size=(BLOCK, VOCABULARY_SIZE)).astype(np.float32)
    positions = np.arange(BLOCK)

    def once() -> float:
        return seconds(lambda: reduce_rows(rows, None, positions, 0, ProposalRule(), THREADS))

    once()
    found = 1000 * median(once() for _ in range(4 * repetitions))
    return Comparison(f"reduction of {BLOCK} × {VOCABULARY_SIZE:,}", found, 3, "ms", at_most=True)


def guidance(repetitions: int) -> Comparison:
    """Both canvases in one batch, against the two whole passes of a separate evaluation."""
    path = large_model()
    rng = np.random.default_rng(0)
    block = np.arange(64, 64 + BLOCK)
    with (
        Model(path) as model,
        CanvasContext(model, length=CANVAS, sequences=2, threads=THREADS) as context,
    ):
        canvas = rng.integers(0, 1000, CANVAS).astype(np.int32)
        everywhere = np.arange(CANVAS)
        batches = {
            "together": [[Query(canvas, block), Query(canvas, block, sequence=1)]],
            "apart": [[Query(canvas, everywhere)]] * 2,
            "bodies": [[Query(canvas, block[:1])]] * 2,
        }

        def once(name: str) -> float:
            return seconds(lambda: [context.logits(queries) for queries in batches[name]])

        found = [{name: once(name) for name in batches} for _ in range(repetitions + 1)][1:]
    middle = {name: 1000 * median(times[name] for times in found) for name in batches}
    return Comparison(
        "guidance in one batch",
        median(times["apart"] / times["together"] for times in found),
        1.4,
        "×",
        detail=f"{middle['together']:.0f} and {middle['apart']:.0f} ms",
        profile=f"two passes without their heads alone take {middle['bodies']:.0f} of the "
        f"{middle['apart']:.0f} ms, and one batch saves nothing of those: no more than "
        f"{middle['apart'] / middle['bodies']:.2f}× can come of it here",
    )


def autoregression(path: Path, repetitions: int) -> Comparison:
    """Tokens a second of generation, against llama-bench's tg128, which begins with an empty
    context: ours begins with one token."""
    settings = {"threads": THREADS, "temperature": 0.0, "max_tokens": 128, "chat": False}
    with hk.load(path, **settings) as generator:
        runs = [(our_rate(generator), bench_rate(path)) for _ in range(repetitions)]
        timings = generator.generate("Once").timings
    ours, theirs = (median(column) for column in zip(*runs, strict=True))
    share = 1 - timings["decode"] / timings["generate"]
    return Comparison(
        "autoregressive, SmolLM2-135M",
        median(mine / other for mine, other in runs),
        0.95,
        "×",
        detail=f"{ours:.1f} and {theirs:.1f} tokens/s",
        profile=f"sampling and all that is not libllama's decode take {100 * share:.1f} % of a run",
    )


def our_rate(generator) -> float:
    """Tokens a second after the first, so that the prompt's evaluation is left out."""
    events = generator.stream("Once")
    times = [event.step.elapsed for event in events]
    return (len(times) - 1) / (times[-1] - times[0])


def bench_rate(path: Path, tokens: int = 128) -> float:
    """Tokens a second of llama-bench, which generates so many from an empty context."""
    command = [PEER / "llama-bench", "-m", path, "-p", "0", "-n", str(tokens), "-t", str(THREADS)]
    command += ["-r", "1", "-o", "json"]
    done = subprocess.run(command, capture_output=True, check=True, env=environment_of_others())
    return json.loads(done.stdout)[0]["avg_ts"]


def batches(repetitions: int) -> list[Comparison]:
    """Eight records side by side: answers of one block, and of four."""
    repetitions = min(repetitions, 3)
    return [
        *batch("one block", ["-n", BLOCK, "--steps", 8], repetitions, 1.5),
        *batch("four blocks", ["-n", 4 * BLOCK, "--steps", 32], repetitions, None),
    ]


def batch(name: str, length: list, repetitions: int, wanted: float | None) -> list[Comparison]:
    """Against a process for each record, and against one after the other in a process."""
    common = ["-m", large_model(), "--block-length", BLOCK, "--cache", "dual", *length]
    common += ["--threads", THREADS, "--no-chat", "--eos-policy", "suppress", "-q"]
    prompts = [f"Write a long story, number {i}, about a dragon and a fox." for i in range(8)]
    with tempfile.TemporaryDirectory() as folder:
        records, answers = Path(folder) / "prompts.txt", Path(folder) / "answers.jsonl"
        records.write_text("\n".join(prompts))

        def together(*flags: object) -> float:
            answers.unlink(missing_ok=True)
            return program("batch", records, "-o", answers, *common, *flags)

        def each() -> float:
            return sum(program("generate", *common, prompt) for prompt in prompts)

        found = [(each(), together("--at-once", 1), together()) for _ in range(repetitions)]
    loops, ones, together_times = (list(column) for column in zip(*found, strict=True))
    rivals = (("a process each", loops, wanted), ("one after the other", ones, None))
    return [
        Comparison(
            f"batch, answers of {name}: against {rival}",
            median(map(truediv, times, together_times)),
            aim,
            "×",
            detail=f"{median(together_times):.1f} and {median(times):.1f} s for eight",
        )
        for rival, times, aim in rivals
    ]


def start_up(repetitions: int) -> Comparison:
    """What `--version` takes beyond an empty Python."""
    pairs = [
        (program("--version"), seconds(lambda: run_quietly(sys.executable, "-c", "pass")))
        for _ in range(2 * repetitions)
    ]
    ours, empty = (median(column) for column in zip(*pairs, strict=True))
    return Comparison("--version beyond an empty Python", ours - empty, 0.15, "s", at_most=True)


def program(*arguments: object) -> float:
    """Seconds of a run of `hoshikage`."""
    hoshikage = Path(sys.executable).with_name("hoshikage")
    return seconds(lambda: run_quietly(hoshikage, *arguments))


def run_quietly(*command: object) -> None:
    subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
