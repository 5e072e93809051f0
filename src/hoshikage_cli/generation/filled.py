"""A filled text: a run of holes, and the result that it adds up to. A recording has them too.

The result is put together from the text as it was typed and from what was filled in, so that no
tokenizer can change what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.step import Step
from ..engines.job import Job
from .run import Result, Run, Words, news_of
from .text import Cell, decode, piece_texts

# ------------------------------------------------------------------------------- the results


@dataclass(frozen=True)
class FilledToken:
    """A token that was filled in."""

    position: int
    """On the canvas."""
    text: str
    confidence: float
    step: int
    """The `index` of the step that it came in, which counts those too that had nothing to do."""


@dataclass(frozen=True)
class FilledHole:
    """What stands in a hole now: `result.text[start:end]`."""

    start: int
    end: int
    text: str
    length: int
    """The most tokens that it could take."""
    tokens: tuple[FilledToken, ...]
    """May be fewer: end and padding tokens are left out."""

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "tokens": [dict(vars(token)) for token in self.tokens]}


@dataclass(frozen=True, repr=False)
class InfillResult(Result):
    """A filled text: `text` is the whole of it, `holes` what was filled in."""

    holes: tuple[FilledHole, ...] = ()
    probes: int = 0
    """Forward evaluations, of `nfe`, that were made before the first step: to find out whether a
    hole takes the space before it."""

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "holes": [hole.to_dict() for hole in self.holes]}


@dataclass(frozen=True)
class Holes:
    """Where the holes of a text are on its canvas, and what stands around them."""

    kept: tuple[str, ...]
    """The text around them: one piece more than there are holes."""
    spans: tuple[tuple[int, int], ...]
    """[start, end) of each."""
    absorbed: frozenset[int]
    """Holes whose first token may carry the space that the text before them ends with."""
    unused: frozenset[int]
    """Tokens that say that a hole needs no more text."""

    @property
    def masks(self) -> int:
        """Masked positions of all holes."""
        return sum(end - start for start, end in self.spans)


class InfillRun(Run):
    """Holes being filled: a run whose text is all of the text, with its holes as they are so far.

    probes: forward passes that were made before the first step.
    """

    def __init__(
        self,
        job: Job,
        holes: Holes,
        steps: Iterator[Step],
        words: Words,
        model: Mapping[str, Any],
        settings: Mapping[str, Any],
        prepared: Mapping[str, float] | None = None,
        probes: int = 0,
    ) -> None:
        super().__init__(job, steps, words, model, settings, prepared)
        self.holes = holes
        self.probes = self.nfe = probes

    def result(self) -> InfillResult:
        base, canvas = super().result(), self.canvas
        text, holes = self._put_together(canvas)
        places = [t.position for hole in holes for t in hole.tokens]
        tokens = tuple(canvas[places].tolist())
        seconds = base.timings["generate"]
        rate = round(len(tokens) / seconds, 6) if seconds > 0 else 0.0
        known = {
            **vars(base),
            "text": text,
            "holes": tuple(holes),
            "tokens": tokens,
            "timings": {**base.timings, "tokens_per_second": rate},
            "prompt_tokens": len(canvas) - self.holes.masks,
            "completion_tokens": len(tokens),
            "logprobs": self._logprobs.of(places),
            "stop_reason": "end" if self.finished else "interrupted",
            "probes": self.probes,
        }
        return InfillResult(**known)

    def text_of(self, canvas: NDArray[np.int32]) -> str:
        """The whole text of a canvas, `MASK_CELL` for each masked position."""
        fills = []
        for i, (start, end) in enumerate(self.holes.spans):
            tokens = [t for t in canvas[start:end].tolist() if t not in self.holes.unused]
            fills.append(self._fitted(i, "".join(self._texts(tokens))))
        return self._joined(fills)

    def cells_of(self, step: Step, history: Mapping[int, tuple[float, int]]) -> list[Cell]:
        inside = {p for start, end in self.holes.spans for p in range(start, end)}
        news = news_of(step)
        return [
            replace(cell, state=self._state_in(cell, cell.position in inside, news))
            for cell in super().cells_of(step, history)
        ]

    def tokens_done(self, step: Step) -> int:
        unfilled = (*self.holes.unused, self.mask_token)
        spans = self.holes.spans
        return sum(t not in unfilled for a, b in spans for t in step.canvas[a:b].tolist())

    def _state_in(self, cell: Cell, hole: bool, news: Mapping[int, str]) -> str:
        if not hole:
            return "prompt"
        if cell.token in self.holes.unused:
            return "end"
        return news.get(cell.position, "masked" if cell.token == self.mask_token else "settled")

    def _put_together(self, canvas: NDArray[np.int32]) -> tuple[str, list[FilledHole]]:
        text, holes = "", []
        for i, (start, end) in enumerate(self.holes.spans):
            text += self.holes.kept[i]
            tokens = self._filled(canvas, start, end)
            written = decode([int(canvas[t.position]) for t in tokens], self.words.piece)
            fill = self._fitted(i, written)
            holes.append(FilledHole(len(text), len(text) + len(fill), fill, end - start, tokens))
            text += fill
        return text + self.holes.kept[-1], holes

    def _filled(self, canvas: NDArray[np.int32], start: int, end: int) -> tuple[FilledToken, ...]:
        kept = [
            p for p in range(start, end) if canvas[p] not in (*self.holes.unused, self.mask_token)
        ]
        texts = self._texts([int(canvas[p]) for p in kept])
        return tuple(
            FilledToken(p, text, *self._history[p]) for p, text in zip(kept, texts, strict=True)
        )

    def _fitted(self, hole: int, fill: str) -> str:
        """A fill without the space that the text before it has already."""
        return fill.removeprefix(" ") if hole in self.holes.absorbed else fill

    def _joined(self, fills: list[str]) -> str:
        pairs = zip(self.holes.kept, [*fills, ""], strict=True)
        return "".join(part + fill for part, fill in pairs)

    def _texts(self, tokens: list[int]) -> list[str]:
        return piece_texts(tokens, self.mask_token, self.words.piece)

    def _text_added(self, step: Step) -> str:
        return ""
