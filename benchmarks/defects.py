"""Each known defect of llama-diffusion-cli, with the smallest run that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.decoding.proposal import Proposal, ProposalRule, propose
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.model import Model
from peer import PeerRun, PeerTrace, run_cli

PROMPT = "Tell a story about Mia and a kite."
CANVAS = 48


@dataclass(frozen=True)
class Finding:
    """What a run showed; `shown` is False when the peer turns out not to have the defect."""

    number: str
    title: str
    reference: str
    ours: str
    seen: str
    shown: bool


def canvas_run(model: Model, **changes) -> PeerRun:
    prompt = model.vocabulary.tokenize(PROMPT, add_special=True)
    run = PeerRun(prompt=tuple(prompt.tolist()), length=CANVAS, steps=8, eps=1e-3)
    return replace(run, **changes)


def masks_left(model: Model, run: PeerRun, canvas: np.ndarray) -> int:
    return int((canvas[len(run.prompt) :] == model.vocabulary.mask_token).sum())


def first_proposal(model: Model, run: PeerRun) -> tuple[np.ndarray, np.ndarray, Proposal]:
    """Masked positions of the first step, their logits and what follows from them."""
    tokens = np.full(run.length, model.vocabulary.mask_token, np.int32)
    tokens[: len(run.prompt)] = run.prompt
    positions = np.arange(len(run.prompt), run.length)
    with CanvasContext(model, length=run.length, threads=2) as context:
        (rows,) = context.logits([Query(tokens, positions)])
        rows = rows.copy()
    return positions, rows, propose(rows, None, positions, 0, ProposalRule())


def first_committed(peer: PeerTrace, run: PeerRun) -> set[int]:
    """Positions that the peer commits first."""
    canvases = peer.generate(run)
    for before, after in zip(canvases, canvases[1:], strict=False):
        changed = np.flatnonzero(before != after)
        if len(changed):
            return set(changed.tolist())
    return set()


def best(scores: np.ndarray, positions: np.ndarray, count: int) -> set[int]:
    return set(positions[np.argsort(-scores, kind="stable")[:count]].tolist())


# -------------------------------------------------------------------------------- the defects


def cli_settings_ignored(path: Path) -> Finding:
    base = ("-p", PROMPT, "-ub", "64", "--diffusion-eps", "0.001", "--diffusion-steps", "16")
    base += ("--top-k", "1", "-t", "2", "--seed", "1")
    plain = cli_answer(path, *base)
    guided = cli_answer(path, *base, "--diffusion-cfg-scale", "4")
    tempered = cli_answer(path, *base, "--diffusion-alg-temp", "2")
    same = bool(plain) and plain == guided == tempered
    return Finding(
        "1",
        "parses --diffusion-cfg-scale and --diffusion-alg-temp and never uses them",
        "z = z_u + (w + 1)(z_c - z_u); positions drawn from softmax(c / alg_temp)",
        "both work, guidance as two sequences of one batch",
        "scale 0 and 4, alg-temp 0 and 2: output " + ("identical" if same else "different"),
        same,
    )


def entropy_sign(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        run = canvas_run(model, algorithm="entropy", top_k=0, temperature=1.0)
        positions, _, proposal = first_proposal(model, run)
        committed = first_committed(peer, run)
        most = best(proposal.entropy, positions, len(committed))
        least = best(-proposal.entropy, positions, len(committed))
    wrong, right = len(committed & most), len(committed & least)
    return Finding(
        "2",
        "gives entropy the wrong sign: the most uncertain positions are unmasked first",
        "confidence is minus the entropy: the least uncertain first",
        "least uncertain first",
        f"of the first {len(committed)} positions {wrong} are the least certain, {right} the most",
        wrong > right,
    )


def margin_unsorted(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        run = canvas_run(model, algorithm="margin", top_k=0, temperature=1.0)
        positions, rows, proposal = first_proposal(model, run)
        committed = first_committed(peer, run)
        p = np.exp(rows - rows.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        unsorted = best(p[:, 0] - p[:, 1], positions, len(committed))
        true = best(1 - proposal.rest - proposal.top2, positions, len(committed))
    wrong, right = len(committed & unsorted), len(committed & true)
    return Finding(
        "3",
        "margin subtracts the probabilities of token ids 0 and 1 unless a filter sorted them",
        "the two largest probabilities",
        "the two largest, whatever was filtered",
        f"of the first {len(committed)} positions {wrong} follow ids 0 and 1, {right} the margin",
        wrong > right,
    )


def gumbel_first_row(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        run = canvas_run(model, top_k=0, temperature=0.7, seed=5)
        plain = peer.generate(run)[-1]
        noisy = peer.generate(replace(run, gumbel=True))[-1]
    same = bool(np.array_equal(plain, noisy))
    return Finding(
        "4",
        "adds Gumbel noise to the logits of position 0 alone, then samples a second time",
        "argmax of z - T ln(-ln u) at every masked position",
        "noise at every masked position, in double precision, no second draw",
        "with and without: " + ("the same tokens" if same else "other tokens"),
        same,
    )


def alg_temp_masks(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        runs = [canvas_run(model, steps=8, alg_temp=0.5, seed=seed) for seed in range(8)]
        left = [masks_left(model, run, peer.generate(run)[-1]) for run in runs]
    return Finding(
        "5",
        "draws positions for alg-temp with replacement and can leave masks in the answer",
        "k positions without replacement",
        "without replacement (Gumbel top-k); no mask is ever left",
        f"masks left for seeds 0 to 7: {left}",
        any(left),
    )


def temperature_zero(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        runs = [canvas_run(model, top_k=0, temperature=0.0, seed=seed) for seed in range(8)]
        results = {peer.generate(run)[-1].tobytes() for run in runs}
    return Finding(
        "6",
        "--temp 0 is not greedy: no temperature sampler is added and tokens are drawn at T = 1",
        "argmax",
        "--temp 0 is greedy, and the default",
        f"8 seeds give {len(results)} different canvases",
        len(results) > 1,
    )


def origin_masks(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        run = canvas_run(
            model, algorithm="origin", steps=12, length=CANVAS, block_length=16, eps=0.0
        )
        left = masks_left(model, run, peer.generate(run)[-1])
        many = canvas_run(model, algorithm="origin", steps=64)
        canvases = peer.generate(many)
        idle = sum(map(np.array_equal, canvases[:-1], canvases[1:]))
    return Finding(
        "7",
        "origin rounds its probability down to a whole number of masks: 0 while more "
        "steps than masks are left, and masks left in blocks",
        "each masked position with probability 1 - s/t, all of them in the last step",
        "the real-valued probability; the last step fills what is left",
        f"{left} masks left with blocks; {idle} of 64 steps commit nothing",
        left > 0,
    )


def length_is_ubatch(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        run = canvas_run(model, steps=12, block_length=8, eps=0.0)
        canvases = peer.generate(run)
        passes = len(canvases) - 1
        generated = run.length - len(run.prompt)
        blocks = run.length // run.block_length
        needed = -(-generated // run.block_length)
    return Finding(
        "8",
        "canvas length is the ubatch size, prompt included; blocks are counted over all of it",
        "blocks of the generated part",
        "--max-tokens is what is generated; no pass for a block that does not exist",
        f"{blocks} blocks for {generated} positions that need {needed}; {passes} forward passes",
        blocks > needed,
    )


def aborts(path: Path) -> Finding:
    common = ("-p", PROMPT, "-ub", "64", "-t", "2")
    default = run_cli(path, *common).returncode
    ragged = run_cli(path, *common, "--diffusion-block-length", "24").returncode
    long = run_cli(path, "-p", PROMPT * 20, "-ub", "64", "--diffusion-eps", "0.001").returncode
    return Finding(
        "9",
        "aborts on its own default command and on lengths that do not divide; a prompt that is too "
        "long ends with exit code 0",
        "LLaDA's code asserts that lengths divide; Dream's own algorithms have no blocks",
        "defaults run, a ragged last block is shorter, a failure has exit code 1 and one line",
        f"exit codes: default {default}, ragged block {ragged}, too long {long}",
        default != 0 and ragged != 0 and long == 0,
    )


def text_after_end(path: Path) -> Finding:
    with Model(path) as model, PeerTrace(path) as peer:
        run = canvas_run(model, steps=32)
        canvas = peer.generate(run)[-1][len(run.prompt) :]
        ends = np.isin(canvas, list(model.vocabulary.end_tokens))
        first = int(ends.argmax()) if ends.any() else len(canvas)
        printed = len(canvas) - first
    return Finding(
        "10",
        "decodes and prints what stands behind the end token; computes all rows in every step",
        "the answer ends at the first end token",
        "text ends there, and the run stops when everything before it is committed",
        f"end token at {first} of {len(canvas)}: {printed} more positions unmasked and printed",
        printed > 1,
    )


def cli_answer(path: Path, *arguments: str) -> bytes:
    """Its log is written by a thread that now and then loses the end: then it is asked again."""
    answers = (answer_of(run_cli(path, *arguments).stdout) for _ in range(5))
    return next(filter(None, answers), b"")


def answer_of(output: bytes) -> bytes:
    """The program logs and answers on one stream: the answer follows its line of timings."""
    answer = output.split(b"sampling time per step:")[-1].split(b"\n", 1)[-1]
    return re.sub(rb"^[\d.]+ I ", b"", answer, flags=re.MULTILINE).strip()


DEFECTS: tuple[tuple[str, Callable[[Path], Finding]], ...] = (
    ("hoshi-tiny", cli_settings_ignored),
    ("hoshi-tiny", entropy_sign),
    ("llada", margin_unsorted),
    ("hoshi-tiny", gumbel_first_row),
    ("hoshi-tiny", alg_temp_masks),
    ("hoshi-tiny", temperature_zero),
    ("hoshi-tiny", origin_masks),
    ("hoshi-tiny", length_is_ubatch),
    ("hoshi-tiny", aborts),
    ("hoshi-tiny", text_after_end),
)
"""Each with the model that shows it."""
