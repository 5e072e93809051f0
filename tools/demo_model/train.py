"""Trains one demo model for a given number of minutes: `demo_model.train runs/NAME --minutes 60`.

The learning rate warms up, stays, and falls to zero over the last part of the time. Just before it
falls the state is kept as `plateau.pt`, from which a longer run can go on (`--from`).
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from . import batches, corpus, optimiser, sampler, vocabulary
from .network import Network, Shape
from .phrasings import Side

HERE = Path(__file__).parent
WARM_UP_STEPS = 60
MUON_RATE, ADAM_RATE = 0.02, 0.003
AVERAGED_STEPS = 100  # the averaged weights serve before the learning rate has fallen
LONGEST_STEP = 4.0  # seconds counted for a step, so that a busy machine does not use the time up


@dataclass
class Run:
    """All that a checkpoint holds, and where it goes."""

    folder: Path
    kind: str
    shape: Shape
    network: Network
    muon: optimiser.Muon
    adam: torch.optim.AdamW
    rng: random.Random
    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    averaged: Network | None = None
    fast_hidden: Callable | None = None

    def save(self, name: str) -> None:
        """Writes the whole state, so that a killed run loses little."""
        state = {
            "kind": self.kind,
            "shape": asdict(self.shape),
            "network": self.network.state_dict(),
            "muon": self.muon.state(),
            "adam": self.adam.state_dict(),
            "averaged": self.averaged.state_dict(),
            "rng": self.rng.getstate(),
            "step": self.step,
            "seconds": self.seconds,
            "tokens": self.tokens,
        }
        torch.save(state, self.folder / "writing.pt")
        (self.folder / "writing.pt").rename(self.folder / name)

    def restore(self, path: Path) -> None:
        """Takes the state of a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.muon.restore(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.rng.setstate(state["rng"])
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]


def new_run(folder: Path, kind: str, shape: Shape, seed: int) -> Run:
    """A run from initial weights."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    network = Network(shape)
    return Run(
        folder,
        kind,
        shape,
        network,
        optimiser.Muon(network),
        optimiser.adam(network, ADAM_RATE),
        random.Random(f"hoshi/{seed}"),
        averaged=copy.deepcopy(network),
    )


def rate_factor(run: Run, minutes: float, decay_share: float) -> float:
    """The learning rate's share of its top: a trapezium over steps (left) and time (right)."""
    left = 1 - run.seconds / (60 * minutes)
    return max(0.0, min(1.0, (run.step + 1) / WARM_UP_STEPS, left / decay_share))


def seen(batch: batches.Batch) -> torch.Tensor:
    """What each position sees, for every head."""
    visible = torch.from_numpy(batch.visible)
    return visible[:, None] if visible.ndim == 3 else visible[:, None, None]


def batch_loss(run: Run, batch: batches.Batch) -> torch.Tensor:
    """The weighted sum of the cross-entropies at the positions that are asked."""
    visible = None if run.shape.causal else seen(batch)
    positions = None if batch.positions is None else torch.from_numpy(batch.positions)
    asked, weights = torch.from_numpy(batch.weights > 0), torch.from_numpy(batch.weights)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = (run.fast_hidden or run.network.hidden)(
            torch.from_numpy(batch.tokens), visible, positions
        )
        logits, weights = run.network.head(hidden[asked]).float(), weights[asked]
    losses = F.cross_entropy(logits, torch.from_numpy(batch.wanted)[asked], reduction="none")
    return (losses * weights).sum()


def optimise(run: Run, made: list[batches.Batch], factor: float) -> float:
    """One optimiser step over all parts; the mean loss."""
    total = sum(float(batch.weights.sum()) for batch in made)
    loss = 0.0
    for batch in made:
        part = batch_loss(run, batch) / total
        part.backward()
        loss += part.item()
    torch.nn.utils.clip_grad_norm_([p for g in run.adam.param_groups for p in g["params"]], 1.0)
    for group in run.adam.param_groups:
        group["lr"] = ADAM_RATE * factor
    run.muon.step(MUON_RATE * factor)
    run.adam.step()
    run.network.zero_grad()
    run.tokens += sum(batch.count for batch in made)
    return loss


@torch.no_grad()
def average(run: Run) -> None:
    """Moves the averaged weights a step towards the present ones."""
    share = max(1 / AVERAGED_STEPS, 1 / (run.step + 1))
    for mean, now in zip(run.averaged.parameters(), run.network.parameters(), strict=True):
        mean.lerp_(now, share)


def log(run: Run, **values) -> None:
    """Appends a line to the run's log and prints it."""
    line = {"step": run.step, "minutes": round(run.seconds / 60, 2), "tokens": run.tokens, **values}
    with open(run.folder / "log.jsonl", "a") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(json.dumps(line, ensure_ascii=False), flush=True)


def evaluate(run: Run, encoder: batches.Encoder, items: int, steps: int) -> None:
    """Logs the scores in trained and held-out wordings, with two answers a task (wrong first)."""
    for side in (Side.TRAINED, Side.HELD_OUT):
        table, samples = sampler.scores(run.averaged, run.kind, encoder, items, steps, side)
        log(run, wordings=side.value, scores=table, decoding_steps=steps)
        for name, rows in samples.items():
            for prompt, text in rows:
                print(f"    {name}: {prompt!r} -> {text!r}", flush=True)


def mixture_now(path: Path) -> batches.Mixture:
    """The mixture, changed by what `mixture.json` in the run's folder says at this moment."""
    changes = json.loads(path.read_text()) if path.exists() else {}
    changes.pop("minutes", None)
    weights = corpus.WEIGHTS | changes.pop("weights", {})
    return batches.Mixture(weights=weights, **changes)


def minutes_now(path: Path, minutes: float) -> float:
    """The training time: that of the command line unless `mixture.json` has another."""
    return json.loads(path.read_text()).get("minutes", minutes) if path.exists() else minutes


def train(run: Run, encoder: batches.Encoder, options: argparse.Namespace) -> None:
    """Steps until the time is used up; evaluates and saves on the way."""
    due, falling, smooth = options.evaluate_every * 60 + run.seconds, False, None
    changes = run.folder / "mixture.json"
    while True:
        minutes = minutes_now(changes, options.minutes)
        factor = rate_factor(run, minutes, options.decay_share)
        if factor <= 0:
            break
        started = time.monotonic()
        mixture = mixture_now(changes)
        made = batches.step_batches(
            encoder, run.rng, options.batch, options.parts, run.kind, mixture
        )
        loss = optimise(run, made, factor * options.rate)
        average(run)
        smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
        run.step += 1
        run.seconds += min(time.monotonic() - started, LONGEST_STEP)
        if run.step % 20 == 0:
            log(run, loss=round(smooth, 4), rate=round(factor, 3))
        if run.step % 100 == 0:
            run.save("last.pt")
        if factor < 1 and run.step > WARM_UP_STEPS and not falling:
            falling = True
            run.save("plateau.pt")
        if run.seconds > due:
            evaluate(run, encoder, options.items, 16)
            due = run.seconds + options.evaluate_every * 60
    run.averaged.load_state_dict(run.network.state_dict())
    run.save("last.pt")
    evaluate(run, encoder, options.final_items, 50)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--minutes", type=float, default=60, help="training time, earlier parts included"
    )
    parser.add_argument("--decay-share", type=float, default=0.4)
    parser.add_argument("--rate", type=float, default=1.0, help="share of the full learning rate")
    parser.add_argument("--kind", choices=batches.MAKERS, default="diffusion")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--batch", type=int, default=192, help="sequences a step")
    parser.add_argument("--parts", type=int, default=4, help="forward passes a step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--evaluate-every", type=float, default=10, help="minutes")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--final-items", type=int, default=40)
    parser.add_argument(
        "--compile", action="store_true", help="fuse operations (takes a minute to start)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from last.pt of the folder")
    parser.add_argument("--from", dest="origin", type=Path, help="go on from this checkpoint")
    parser.add_argument(
        "--weights-of",
        type=Path,
        help="start from the averaged weights of this checkpoint, and nothing else",
    )
    return parser.parse_args()


def main() -> None:
    """Sets the run up and trains."""
    options = parse()
    torch.set_num_threads(options.threads)
    (HERE / "runs").mkdir(exist_ok=True)
    tokenizer = vocabulary.load(HERE / "runs" / "tokenizer.json")
    shape = Shape(
        tokenizer.get_vocab_size(),
        options.width,
        options.layers,
        options.width // 32,
        options.hidden,
        options.kind == "autoregressive",
    )
    run = new_run(options.folder, options.kind, shape, options.seed)
    origin = options.folder / "last.pt" if options.resume else options.origin
    if origin:
        run.restore(origin)
    if options.weights_of:
        weights = torch.load(options.weights_of, weights_only=False)["averaged"]
        run.network.load_state_dict(weights)
        run.averaged.load_state_dict(weights)
    if options.compile:
        run.fast_hidden = torch.compile(run.network.hidden, dynamic=True)
    print(f"{sum(p.numel() for p in run.network.parameters()) / 1e6:.2f}M parameters", flush=True)
    train(run, batches.Encoder(tokenizer), options)


if __name__ == "__main__":
    main()
