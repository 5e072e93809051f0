"""The pictures of docs/images, made anew from runs of the shipped model: `make pictures`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# As the program does: threads that wait must not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import hoshikage_cli as hk
from hoshikage_cli.export.picture import picture
from hoshikage_cli.settings.declared import VIEWS
from hoshikage_cli.trace import Recording, TraceWriter, read_trace

IMAGES = Path(__file__).parents[1] / "docs" / "images"
STORY = ("Tell a story about Mia and a kite.", {"max_tokens": 48, "steps": 48})
GREETING = ("こんにちは！", {"max_tokens": 24, "steps": 24})
EMOJI = ("Hi! 👋 Who are you? ⭐", {"max_tokens": 24, "steps": 24})
SEED = 1
SECONDS = 8.0


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with hk.load() as generator, tempfile.TemporaryDirectory() as folder:
        story = recorded(generator, Path(folder), *STORY)
        greeting = recorded(generator, Path(folder), *GREETING)
        emoji = recorded(generator, Path(folder), *EMOJI)
    save("unmasking", story, "tokens", 72, "auto")
    for view in VIEWS:
        for theme in ("dark", "light"):
            for columns in (80, 40):
                save(f"{view}-{theme}-{columns}", story, view, columns, theme)
        save(f"{view}-japanese-dark-80", greeting, view, 80, "dark")
        save(f"{view}-japanese-light-40", greeting, view, 40, "light")
        save(f"{view}-emoji-dark-40", emoji, view, 40, "dark")
        save(f"{view}-emoji-light-80", emoji, view, 80, "light")


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


def save(name: str, recording: Recording, view: str, columns: int, theme: str) -> None:
    file = IMAGES / f"{name}.svg"
    file.write_text(picture(recording, view, columns, SECONDS, theme), encoding="utf-8")
    print(f"{file.relative_to(IMAGES.parents[1])}: {file.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
