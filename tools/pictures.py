"""The pictures of docs/images, made anew from runs of the shipped model: `make pictures`, or
`tools/pictures.py FOLDER` to look at them elsewhere first."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# As the program does: threads that wait must not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hoshikage_cli as hk
from hoshikage_cli.export.picture import picture
from hoshikage_cli.trace import Recording, TraceWriter, read_trace

IMAGES = Path(__file__).parents[1] / "docs" / "images"
RUNS = {
    # Several tokens a step: a run that is worth watching, and over before one looks away.
    "fast": ("Tell a story about Mia and a kite.", {"max_tokens": 32, "fast": True}),
    "story": ("Tell a story about Mia and a kite.", {"max_tokens": 48, "steps": 48}),
    "japanese": ("こんにちは！", {"max_tokens": 24, "steps": 24}),
    "emoji": ("Hi! 👋 Who are you? ⭐", {"max_tokens": 24, "steps": 24}),
}
SEED = 1
SECONDS = 8.0


@dataclass(frozen=True)
class Picture:
    """One file of docs/images."""

    run: str
    view: str
    columns: int
    theme: str


PICTURES = {
    "unmasking": Picture("fast", "confidence", 72, "auto"),
    "tokens-dark-80": Picture("story", "tokens", 80, "dark"),
    "confidence-dark-80": Picture("story", "confidence", 80, "dark"),
    "confidence-light-80": Picture("story", "confidence", 80, "light"),
    "order-light-80": Picture("story", "order", 80, "light"),
    "confidence-light-40": Picture("story", "confidence", 40, "light"),
    "tokens-japanese-dark-80": Picture("japanese", "tokens", 80, "dark"),
    "confidence-emoji-dark-40": Picture("emoji", "confidence", 40, "dark"),
}
"""What the pages show, and no others."""


def main(folder: Path = IMAGES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with hk.load() as generator, tempfile.TemporaryDirectory() as scratch:
        runs = {name: recorded(generator, Path(scratch), *run) for name, run in RUNS.items()}
    for name, made in PICTURES.items():
        save(folder / f"{name}.svg", runs[made.run], made)


def recorded(generator: hk.Generator, folder: Path, prompt: str, options: dict) -> Recording:
    """The trace of a run, read back as a user's would be."""
    file = folder / "run.jsonl"
    run = generator.stream(prompt, seed=SEED, **options)
    with TraceWriter(file) as trace:
        trace.begin(run)
        for event in run:
            trace.step(event)
        trace.end(run.result())
    print(f"{prompt} → {run.result().text}")
    return read_trace(file)


def save(file: Path, recording: Recording, made: Picture) -> None:
    text = picture(recording, made.view, made.columns, SECONDS, made.theme)
    file.write_text(text, encoding="utf-8")
    print(f"{file}: {file.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
