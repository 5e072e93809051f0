"""A run as a web page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..decoding.step import Candidates, Commit, Step
from ..display.frame import header_facts
from ..display.palette import SCALES
from ..display.shades import CONFIDENCE_EDGES, name_of_confidence, view_of
from ..generation.text import CanvasTexts
from ..trace import Recording
from .timeline import timeline

HERE = Path(__file__).parent
TITLE_LENGTH = 60


def page(recording: Recording, view: str | None, seconds: float | None, theme: str = "auto") -> str:
    """The HTML document. Text of the model and the prompt is never anything but text in it."""
    run = recording.play()
    for _ in run:
        pass
    script = _read("page.js")
    prompt = _prompt(recording)
    return _template().render(
        title=f"{_shortened(prompt)} – {recording.name}",
        name=recording.name,
        prompt=prompt,
        text=run.result().text,
        facts=header_facts(run)[1:],
        theme=theme,
        diffusion=recording.has_masks,
        proposals=_has_ghosts(recording),
        surely=name_of_confidence(recording.has_masks),
        style=Markup(_read("page.css")),
        scales=SCALES,
        script=Markup(script),
        script_hash=_hash(script),
        data=_embedded(_data(recording, view, seconds)),
    )


def _template():
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html")


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What the page's policy knows its own script by: no other is run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _embedded(data: dict[str, Any]) -> Markup:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text.encode("utf-8", "replace").decode())


def _prompt(recording: Recording) -> str:
    tokens = recording.canvas[: recording.prompt_length]
    text = b"".join(recording.pieces.get(token, b"") for token in tokens)
    return text.decode("utf-8", "replace").strip()


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1]}…"


# --------------------------------------------------------------------------------- the data


def _data(recording: Recording, view: str | None, seconds: float | None) -> dict[str, Any]:
    """What the script plays: the first canvas, and what each step changes in it."""
    texts = recording.texts()
    return {
        "diffusion": recording.has_masks,
        "surely": name_of_confidence(recording.has_masks),
        "revisions": sorted(set().union(*(step.revisions for step in recording.steps))),
        "view": view_of(view, recording.has_masks),
        "edges": CONFIDENCE_EDGES,
        "prompt": recording.prompt_length,
        "total": recording.total_steps,
        "ran": recording.elapsed,
        "pieces": _pieces(recording),
        "ghosts": _has_ghosts(recording),
        "canvas": list(texts.texts),
        "steps": list(_steps(recording, texts, timeline(recording, seconds))),
        "final": texts.texts,
    }


def _steps(
    recording: Recording, texts: CanvasTexts, times: list[float]
) -> Iterator[dict[str, Any]]:
    nfe = 0
    for step, time in zip(recording.steps, times, strict=True):
        nfe += step.nfe
        yield {
            "index": step.index,
            "at": round(time, 4),
            "masked": step.masked,
            "block": step.block,
            "nfe": nfe,
            "elapsed": round(step.elapsed, 4),
            "texts": [[place, texts.texts[place]] for place in texts.put(recording.placed(step))],
            "commits": [_commit(recording, commit) for commit in step.commits],
            **_proposals(step),
            "remasked": step.remasked,
        }


def _has_ghosts(recording: Recording) -> bool:
    """Whether it is known what the model would put at masked positions."""
    return recording.has_masks and any(step.proposals for step in recording.steps)


def _pieces(recording: Recording) -> dict[int, list[str]]:
    """The text of each token that was proposed, and what to call it."""
    proposed = {
        token for step in recording.steps for each in step.proposals or () for token, _ in each.top
    }
    text = recording.pieces
    return {t: [text[t].decode("utf-8", "replace"), _named(recording, t)] for t in sorted(proposed)}


def _proposals(step: Step) -> dict[str, Any]:
    """[position, entropy, [[token, probability], …]] of each position in question."""
    return {} if step.proposals is None else {"proposals": [_candidates(p) for p in step.proposals]}


def _candidates(found: Candidates) -> list[Any]:
    top = [[token, _rounded(probability)] for token, probability in found.top]
    return [found.position, _rounded(found.entropy), top]


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _commit(recording: Recording, commit: Commit) -> dict[str, Any]:
    return {
        "position": commit.position,
        "piece": _named(recording, commit.token),
        "end": commit.token in recording.end_tokens,
        "confidence": _rounded(commit.confidence),
        "other": None if commit.runner_up is None else _named(recording, commit.runner_up),
        "before": None if commit.replaced is None else _named(recording, commit.replaced),
    }


def _named(recording: Recording, token: int) -> str:
    piece = recording.pieces[token].decode("utf-8", "replace")
    return piece or recording.names.get(token, "")
