"""Compares Hoshikage with llama-diffusion-cli on the same GGUF files: logits, tokens, defects.

    make peer && .venv/bin/python benchmarks/parity.py [--write docs/differences.md]

(a) logits of a whole-canvas pass, bit for bit with ggml's matrix products, and within rounding
with ours; (b) tokens of every deterministic setting, both ways, with the peer made greedy (top-k 1:
its confidences tie and the order is by position); (c) each defect of the peer with the smallest run
that shows it. Exits 1 when a difference has no name.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from defects import DEFECTS, Finding
from peer import ROOT, PeerRun, PeerTrace

sys.path.insert(0, str(ROOT / "tools"))

from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.together import diffuse
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.families import FAMILIES
from hoshikage_cli.llama.model import Model
from hoshikage_cli.models.catalogue import shipped_path
from random_model import Shape, copied_vocabulary, write_model

ARCHITECTURES = tuple(a for f in FAMILIES if f.kind == "diffusion" for a in f.architectures)
VOCABULARY = ROOT / "vendor" / "llama.cpp" / "models" / "ggml-vocab-qwen2.gguf"
ALGORITHMS = ("confidence", "margin", "entropy")
STEPS = (1, 2, 3, 5, 8, 13, 24, 40)
PROMPT_LENGTHS = (5, 11)
LENGTH, BLOCK = 32, 8
ROUNDING = 0.1
"""How far a logit may be off for another order of sums, as a share of the largest: activations are
rounded to 8 bits before each product, and a sum that rounds to the other side weighs 1 of 127."""


@dataclass(frozen=True)
class Comparison:
    model: str
    algorithm: str
    schedule: str
    runs: int
    verdict: str
    """With ggml's matrix products."""
    own: str = "equal"
    """With ours."""

    @property
    def rounding(self) -> str:
        """What differs with our products only, and so by nothing but their rounding."""
        if self.own == self.verdict:
            return self.own
        return self.own.replace("DIFFERS", "differs: rounding")


@dataclass(frozen=True)
class Logits:
    """Whole passes against the stock library: with its own matrix products, and with ours."""

    model: str
    stock: str
    own: str


def main() -> int:
    arguments = parse_arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        models = demo_and_random_models(Path(folder))
        logits, comparisons, findings = [], [], []
        if arguments.only in (None, "logits"):
            logits = compare_all_logits(models)
        if arguments.only in (None, "tokens"):
            comparisons = compare_all_tokens(models)
        if arguments.only in (None, "defects"):
            findings = [show(models[name]) for name, show in DEFECTS]
    tables = (logits_table(logits), token_table(comparisons), defect_table(findings))
    console.print(*(table for table in tables if table.row_count))
    if arguments.write:
        arguments.write.write_text(differences_page(logits, comparisons, findings))
    failed = [row for row in comparisons if row.verdict.startswith("DIFFERS")]
    failed += [row for row in logits if row.stock != "equal" or row.own.startswith("DIFFERS")]
    failed += [finding for finding in findings if not finding.shown]
    console.print(f"{len(failed)} unexplained" if failed else "every difference has a name")
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("logits", "tokens", "defects"), help="a part of it")
    parser.add_argument("--write", type=Path, help="write the page of differences here")
    return parser.parse_args()


def demo_and_random_models(folder: Path) -> dict[str, Path]:
    """The shipped model, and a random one of each architecture with a real vocabulary."""
    vocabulary = copied_vocabulary(VOCABULARY)
    models = {"hoshi-tiny": shipped_path("hoshi-tiny")}
    for arch in ARCHITECTURES:
        shape = Shape(arch=arch, quantisation="Q8_0", seed=7)
        models[arch] = write_model(folder / f"{arch}.gguf", shape, vocabulary)
    return models


# ------------------------------------------------------------------------------------ logits


def compare_all_logits(models: dict[str, Path]) -> list[Logits]:
    """Once with ggml's matrix products and once with ours, each in a process that is set so."""
    stock = _in_a_process(difference, list(models.values()), "1")
    own = _in_a_process(difference, list(models.values()), "0")
    return [
        Logits(name, _verdict(theirs, 0.0), _verdict(ours, ROUNDING))
        for name, theirs, ours in zip(models, stock, own, strict=True)
    ]


def _in_a_process(job: Callable, items: list, stock_kernels: str) -> list:
    """`job` of each item, in a process of its own, because the library reads the variable once."""
    os.environ["HOSHIKAGE_STOCK_KERNELS"] = stock_kernels
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return list(process.map(job, items))
    finally:
        del os.environ["HOSHIKAGE_STOCK_KERNELS"]


def _verdict(found: float, allowed: float) -> str:
    if found == 0:
        return "equal"
    return f"within {found:.1g}" if found <= allowed else f"DIFFERS by {found:.2g}"


def difference(path: Path) -> float:
    """Our context (a cache below it) against the stock library, one whole canvas at a time: the
    largest difference of two logits, as a share of the largest logit."""
    rng = np.random.default_rng(3)
    found = 0.0
    with Model(path) as model, PeerTrace(path) as peer:
        for length in (1, 7, 64):
            tokens = rng.integers(0, model.n_vocab, length).astype(np.int32)
            tokens[length // 2 :] = model.vocabulary.mask_token
            stock = peer.logits(tokens.tolist(), model.n_vocab)
            ours = our_rows(model, tokens)
            found = max(found, float(np.abs(stock - ours).max() / np.abs(stock).max()))
    return found


def our_rows(model: Model, tokens: np.ndarray) -> np.ndarray:
    with CanvasContext(model, length=len(tokens), threads=2, shift_logits=False) as context:
        (rows,) = context.logits([_whole_canvas(tokens)])
        return rows.copy()


def _whole_canvas(tokens: np.ndarray):
    from hoshikage_cli.decoding.denoiser import Query

    return Query(tokens, np.arange(len(tokens)))


# ------------------------------------------------------------------------------------ tokens


def compare_all_tokens(models: dict[str, Path]) -> list[Comparison]:
    stock = _in_a_process(compare_tokens, list(models.items()), "1")
    own = _in_a_process(compare_tokens, list(models.items()), "0")
    return [
        replace(row, own=other.verdict)
        for rows, others in zip(stock, own, strict=True)
        for row, other in zip(rows, others, strict=True)
    ]


def compare_tokens(item: tuple[str, Path]) -> list[Comparison]:
    name, path = item
    with Model(path) as model, PeerTrace(path) as peer:
        return [
            compare_setting(name, model, peer, algorithm, schedule)
            for algorithm in ALGORITHMS
            for schedule in ("timestep", "block")
        ]


def compare_setting(name, model, peer, algorithm, schedule) -> Comparison:
    verdicts = []
    for prompt_length in PROMPT_LENGTHS:
        for steps in STEPS:
            run = peer_run(model, algorithm, schedule, prompt_length, steps)
            if run is not None:
                verdicts.append(compare_run(model, peer, run))
    different = sorted({v for v in verdicts if v != "equal"})
    return Comparison(name, algorithm, schedule, len(verdicts), ", ".join(different) or "equal")


def peer_run(model, algorithm, schedule, prompt_length, steps) -> PeerRun | None:
    prompt = np.random.default_rng(prompt_length).integers(0, 200, prompt_length)
    run = PeerRun(
        prompt=tuple(prompt.tolist()),
        length=LENGTH,
        steps=steps,
        algorithm=algorithm,
        shift=model.shift_logits,
    )
    if schedule == "timestep":
        return replace(run, eps=1e-3)
    if steps % (LENGTH // BLOCK):
        return None  # the peer aborts: it wants steps divisible by the number of blocks
    return replace(run, block_length=BLOCK)


def compare_run(model: Model, peer: PeerTrace, run: PeerRun) -> str:
    theirs = distinct(peer.generate(run))
    ours = distinct(our_canvases(model, run))
    if len(theirs) == len(ours) and all(map(np.array_equal, theirs, ours)):
        return "equal"
    if (theirs[-1][len(run.prompt) :] == model.vocabulary.mask_token).any():
        return "differs: leaves or proposes masks"
    if not run.block_length and single_precision_differs(run):
        return "differs: single-precision schedule"
    return f"DIFFERS (steps {run.steps}, prompt {len(run.prompt)})"


def distinct(canvases: list[np.ndarray]) -> list[np.ndarray]:
    """Canvases in order without repeats: the peer also passes over steps that commit nothing."""
    kept = canvases[:1]
    for canvas in canvases[1:]:
        if not np.array_equal(canvas, kept[-1]):
            kept.append(canvas)
    return kept


def our_canvases(model: Model, run: PeerRun) -> list[np.ndarray]:
    tokens = np.full(run.length, model.vocabulary.mask_token, np.int32)
    tokens[: len(run.prompt)] = run.prompt
    rule = ProposalRule(
        top_k=1, confidence="sampled", banned=(model.vocabulary.mask_token,), seed=run.seed
    )
    plan = DiffusionPlan(
        steps=equivalent_steps(run),
        algorithm=run.algorithm,
        schedule="block" if run.block_length else "timestep",
        eps=run.eps or 1e-3,
        block_length=run.block_length or BLOCK,
        early_stop=False,
        rule=rule,
    )
    with CanvasContext(model, length=run.length, threads=2) as context:
        steps = diffuse(context, tokens, len(run.prompt), plan)
        return [tokens.copy(), *(step.canvas for step in steps)]


def equivalent_steps(run: PeerRun) -> int:
    """The peer shares its steps among blocks of the whole canvas, prompt included; we share them
    among the blocks that there are to generate. The steps of one block are made equal."""
    if not run.block_length:
        return run.steps
    generated = run.length - len(run.prompt)
    blocks = -(-generated // run.block_length)
    return run.steps // (run.length // run.block_length) * blocks


def single_precision_differs(run: PeerRun) -> bool:
    """Whether float32 arithmetic, as the peer's, gives other counts than exact numbers."""
    return schedule_counts(run, np.float32) != schedule_counts(run, lambda x: Fraction(str(x)))


def schedule_counts(run: PeerRun, real: Callable) -> list[int]:
    masked, counts = run.length - len(run.prompt), []
    one, eps = real(1), real(run.eps)
    for step in range(run.steps):
        t = one - real(step) / real(run.steps) * (one - eps)
        s = one - real(step + 1) / real(run.steps) * (one - eps)
        share = one - s / t if step < run.steps - 1 else one
        counts.append(int(real(masked) * share))
        masked -= counts[-1]
    return counts


# ------------------------------------------------------------------------------------ report


def logits_table(logits: list[Logits]) -> Table:
    title = "Logits of a whole-canvas pass"
    table = Table("model", "with ggml's matrix products", "with ours", title=title)
    for row in logits:
        table.add_row(row.model, row.stock, row.own)
    return table


def token_table(comparisons: list[Comparison]) -> Table:
    columns = ("model", "algorithm", "schedule", "runs", "with ggml's products", "with ours")
    table = Table(*columns, title="The same tokens")
    for row in comparisons:
        table.add_row(
            row.model, row.algorithm, row.schedule, str(row.runs), row.verdict, row.rounding
        )
    return table


def defect_table(findings: list[Finding]) -> Table:
    table = Table("no.", "defect of the peer", "seen", "shown", title="Where it differs, and why")
    for finding in findings:
        table.add_row(finding.number, finding.title, finding.seen, "yes" if finding.shown else "NO")
    return table


def differences_page(logits, comparisons, findings) -> str:
    equal = sum(row.runs for row in comparisons if row.verdict == "equal")
    total = sum(row.runs for row in comparisons)
    lines = [
        "# How Hoshikage differs from llama-diffusion-cli",
        "",
        "This page is written by `benchmarks/parity.py --write docs/differences.md`, which runs",
        "both programs on the same GGUF files; nothing in it is typed by hand.",
        "",
        "## Where they agree",
        "",
        "Logits of a whole-canvas pass, with `HOSHIKAGE_STOCK_KERNELS=1` to the bit. Without, on",
        "processors with AVX-512 and no AMX, our product of quantised matrices rounds differently;",
        "differences are shares of the largest logit.",
        "",
        "| model | with ggml's matrix products | with ours |",
        "| --- | --- | --- |",
        *(f"| {row.model} | {row.stock} | {row.own} |" for row in logits),
        "",
        "Tokens, with the peer made greedy by `--top-k 1` (its own `--temp 0` is not greedy),",
        f"after every step of a run, with ggml's products: {equal} of {total} runs equal.",
        "With ours a near tie of a random model may fall to the other side.",
        "",
        "| model | algorithm | schedule | runs | with ggml's products | with ours |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {r.model} | {r.algorithm} | {r.schedule} | {r.runs} | {r.verdict} | {r.rounding} |"
            for r in comparisons
        ),
        "",
        "## Where they differ",
        "",
        "| no. | llama-diffusion-cli | what the reference says | Hoshikage | seen in this run |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {f.number} | {f.title} | {f.reference} | {f.ours} | {f.seen} |" for f in findings),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
