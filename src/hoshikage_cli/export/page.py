"""Runs as a web page that needs nothing but itself: one, or several beside each other."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..decoding.step import Candidates, Commit, Step
from ..display.figures import summary
from ..display.frame import header_facts
from ..display.palette import GROUNDS, SCALES
from ..display.shades import CONFIDENCE_EDGES, PROPOSALS, TOKENS, name_of_confidence, view_of
from ..generation.text import CanvasTexts
from ..trace import Recording
from .timeline import timelines

HERE = Path(__file__).parent
TITLE_LENGTH = 60


def page(
    recordings: Sequence[Recording], view: str | None, seconds: float | None, theme: str = "auto"
) -> str:
    """The HTML document. Text of the model and the prompt is never anything but text in it."""
    script = _read("page.js")
    told = [_told(recording) for recording in recordings]
    names = " and ".join(dict.fromkeys(each["name"] for each in told))
    prompts = {each["prompt"] for each in told}
    return _template().render(
        title=f"{_shortened(told[0]['prompt'])} – {names}",
        shared=len(told) > 1 and len(prompts) == 1,
        runs=told,
        ghosts=any(each["ghosts"] for each in told),
        settings=[_row(name, recordings) for name in _settings(recordings)],
        theme=theme,
        grounds=GROUNDS,
        scales=SCALES,
        style=Markup(_read("page.css")),
        script=Markup(script),
        script_hash=_hash(script),
        data=_embedded(_data(recordings, view, seconds)),
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


# -------------------------------------------------------------------------------- in words


def _told(recording: Recording) -> dict[str, Any]:
    """What the template says of a run."""
    run = recording.play()
    for _ in run:
        pass
    result = replace(run.result(), stop_reason=recording.stop_reason)
    return {
        "name": recording.name,
        "prompt": _prompt(recording),
        "text": result.text,
        "facts": header_facts(run)[1:-1],
        "figures": summary(result),
        "surely": name_of_confidence(recording.has_masks),
        "ghosts": _has_ghosts(recording),
    }


def _prompt(recording: Recording) -> str:
    tokens = recording.canvas[: recording.prompt_length]
    text = b"".join(recording.pieces.get(token, b"") for token in tokens)
    return text.decode("utf-8", "replace").strip()


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1]}…"


@dataclass(frozen=True)
class _Setting:
    name: str
    shown: list[str]
    """Its value in each run."""
    differs: bool


def _settings(recordings: Sequence[Recording]) -> list[str]:
    """The names of all that some run has a value for, those first in which the runs differ."""
    names = dict.fromkeys(name for each in recordings for name in each.settings)
    there = [name for name in names if any(each.settings.get(name) for each in recordings)]
    return sorted(there, key=lambda name: not _row(name, recordings).differs)


def _row(name: str, recordings: Sequence[Recording]) -> _Setting:
    values = [_value(each.settings.get(name)) for each in recordings]
    return _Setting(name, values, len(set(values)) > 1)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --------------------------------------------------------------------------------- the data


def _data(
    recordings: Sequence[Recording], view: str | None, seconds: float | None
) -> dict[str, Any]:
    """What the script plays."""
    shown = view_of(view, any(recording.has_masks for recording in recordings))
    ghosts = any(map(_has_ghosts, recordings))
    times = timelines(recordings, seconds)
    return {
        "view": TOKENS if shown == PROPOSALS and not ghosts else shown,
        "ghosts": ghosts,
        "edges": CONFIDENCE_EDGES,
        "scales": {
            name: [[tone.ink, tone.paper] for tone in tones] for name, tones in SCALES.items()
        },
        "runs": [_run(*each) for each in zip(recordings, times, strict=True)],
    }


def _run(recording: Recording, times: list[float]) -> dict[str, Any]:
    """The first canvas, and what each step changes in it."""
    texts = recording.texts()
    return {
        "diffusion": recording.has_masks,
        "surely": name_of_confidence(recording.has_masks),
        "revisions": sorted(set().union(*(step.revisions for step in recording.steps))),
        "ends": recording.holes is None,
        "prompt": recording.prompt_length,
        "total": recording.total_steps,
        "pieces": _pieces(recording),
        "canvas": list(texts.texts),
        "steps": list(_steps(recording, texts, times)),
        "final": texts.texts,
    }


def _steps(
    recording: Recording, texts: CanvasTexts, times: list[float]
) -> Iterator[dict[str, Any]]:
    nfe = recording.probes
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
            "commits": list(_commits(recording, step)),
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


def _commits(recording: Recording, step: Step) -> Iterator[dict[str, Any]]:
    proposed = {each.position: dict(each.top) for each in step.proposals or ()}
    for commit in step.commits:
        yield _commit(recording, commit, proposed.get(commit.position, {}))


def _commit(recording: Recording, commit: Commit, proposed: dict[int, float]) -> dict[str, Any]:
    """proposed: the probabilities of the likeliest tokens, as far as they are known."""
    other = commit.runner_up
    return {
        "position": commit.position,
        "piece": _named(recording, commit.token),
        "end": commit.token in _ends(recording),
        "confidence": _rounded(commit.confidence),
        "other": None if other is None else _named(recording, other),
        "chance": None if other is None else _rounded(proposed.get(other, math.nan)),
        "before": None if commit.replaced is None else _named(recording, commit.replaced),
    }


def _ends(recording: Recording) -> frozenset[int]:
    """Tokens that are no text: they end an answer, or the hole that they stand in."""
    return recording.end_tokens if recording.holes is None else recording.holes.unused


def _named(recording: Recording, token: int) -> str:
    piece = recording.pieces[token].decode("utf-8", "replace")
    return piece or recording.names.get(token, "")
