"""Runs the peer: llama-diffusion-cli itself, and its decoding function through `peer_trace`."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "vendor" / "peer" / "bin"

ALGORITHM_NUMBERS = {"origin": 0, "entropy": 1, "margin": 2, "random": 3, "confidence": 4}


@dataclass(frozen=True)
class PeerRun:
    """Parameters of one run of the peer's decoding function; defaults as Hoshikage's."""

    prompt: tuple[int, ...]
    length: int
    steps: int
    algorithm: str = "confidence"
    eps: float = 0.0
    block_length: int = 0
    temperature: float = 0.0
    top_k: int = 1
    top_p: float = 1.0
    cfg_scale: float = 0.0
    alg_temp: float = 0.0
    gumbel: bool = False
    seed: int = 0
    shift: bool = False

    def request(self) -> str:
        fields = (
            self.steps,
            ALGORITHM_NUMBERS[self.algorithm],
            1 if self.block_length else 0,
            self.eps,
            self.block_length,
            self.temperature,
            self.top_k,
            self.top_p,
            self.cfg_scale,
            self.alg_temp,
            int(self.gumbel),
            self.seed,
            int(self.shift),
            self.length,
            len(self.prompt),
            *self.prompt,
        )
        return " ".join(["generate", *map(str, fields)])


class PeerTrace:
    """The peer's decoding function over one model, kept loaded."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        self._process = subprocess.Popen(
            [PEER / "peer_trace", model, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> PeerTrace:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def generate(self, run: PeerRun) -> list[NDArray[np.int32]]:
        """The canvas before each step, and the result as the last entry."""
        lines = self._ask(run.request())
        return [np.array(line.split()[1:], np.int32) for line in lines]

    def logits(self, tokens: Sequence[int], n_vocab: int) -> NDArray[np.float32]:
        """Rows (len(tokens), n_vocab) of one whole-canvas pass of the unpatched library."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "logits"
            self._ask(" ".join(["logits", str(path), str(len(tokens)), *map(str, tokens)]))
            return np.fromfile(path, np.float32).reshape(len(tokens), n_vocab)

    def _ask(self, request: str) -> list[str]:
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        answer = []
        for line in self._process.stdout:
            if line.strip() == "end":
                return answer
            answer.append(line)
        raise RuntimeError(f"the peer died (exit {self._process.wait()}) of: {request[:80]}")


def run_cli(model: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess:
    """llama-diffusion-cli as a user runs it; output of both streams in `stdout`, as bytes."""
    command = [PEER / "llama-diffusion-cli", "-m", model, *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
    )
