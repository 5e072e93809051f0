"""Filling holes in a text: what stands around them is kept byte for byte.

The text is laid out on a canvas (`holes`) and the diffusion loop does the rest. The result is put
together from the text as it was typed and from what was filled in, so that no tokenizer can change
what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.step import Step
from ..engines.diffusion import CanvasJob, DiffusionEngine, mask_token_of
from ..errors import PromptTooLong, UsageError
from ..llama.families import Family
from ..llama.vocabulary import Vocabulary
from ..settings.declared import Settings
from .holes import Layout, Template, lay_out, spaced
from .run import Result, Run, news_of
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
    """The step that it came in."""


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

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "holes": [hole.to_dict() for hole in self.holes]}


class InfillRun(Run):
    """Holes being filled: a run whose text is all of the text, with its holes as they are so far.

    probes: forward passes that were made before the first step.
    """

    def __init__(
        self,
        filling: Filling,
        steps: Iterator[Step],
        vocabulary: Vocabulary,
        model: Mapping[str, Any],
        settings: Mapping[str, Any],
        prepared: Mapping[str, float],
    ) -> None:
        super().__init__(filling.job, steps, vocabulary, model, settings, prepared)
        self.template = filling.template
        self.layout = filling.layout
        self.nfe = filling.probes
        # What says that a hole needs no more text.
        unused = {vocabulary.pad} - {None, self.mask_token}
        self._dropped = vocabulary.end_tokens | unused

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
            "prompt_tokens": len(canvas) - self.template.masks,
            "completion_tokens": len(tokens),
            "logprobs": self._logprobs.of(places),
            "stop_reason": "end" if self.finished else "interrupted",
        }
        return InfillResult(**known)

    def text_of(self, canvas: NDArray[np.int32]) -> str:
        """The whole text of a canvas, `MASK_CELL` for each masked position."""
        fills = []
        for i, (start, end) in enumerate(self.layout.spans):
            tokens = [t for t in canvas[start:end].tolist() if t not in self._dropped]
            fills.append(self._fitted(i, "".join(self._texts(tokens))))
        return self._joined(fills)

    def cells_of(self, step: Step, history: Mapping[int, tuple[float, int]]) -> list[Cell]:
        inside = {p for start, end in self.layout.spans for p in range(start, end)}
        news = news_of(step)
        return [
            replace(cell, state=self._state_in(cell, cell.position in inside, news))
            for cell in super().cells_of(step, history)
        ]

    def tokens_done(self, step: Step) -> int:
        unfilled = (*self._dropped, self.mask_token)
        spans = self.layout.spans
        return sum(t not in unfilled for a, b in spans for t in step.canvas[a:b].tolist())

    def _state_in(self, cell: Cell, hole: bool, news: Mapping[int, str]) -> str:
        if not hole:
            return "prompt"
        if cell.token in self._dropped:
            return "end"
        return news.get(cell.position, "masked" if cell.token == self.mask_token else "settled")

    def _put_together(self, canvas: NDArray[np.int32]) -> tuple[str, list[FilledHole]]:
        text, holes = "", []
        for i, (start, end) in enumerate(self.layout.spans):
            text += self.template.kept[i]
            tokens = self._filled(canvas, start, end)
            written = decode([int(canvas[t.position]) for t in tokens], self.words.piece)
            fill = self._fitted(i, written)
            holes.append(FilledHole(len(text), len(text) + len(fill), fill, end - start, tokens))
            text += fill
        return text + self.template.kept[-1], holes

    def _filled(self, canvas: NDArray[np.int32], start: int, end: int) -> tuple[FilledToken, ...]:
        kept = [p for p in range(start, end) if canvas[p] not in (*self._dropped, self.mask_token)]
        texts = self._texts([int(canvas[p]) for p in kept])
        return tuple(
            FilledToken(p, text, *self._history[p]) for p, text in zip(kept, texts, strict=True)
        )

    def _fitted(self, hole: int, fill: str) -> str:
        """A fill without the space that the text before it has already."""
        return fill.removeprefix(" ") if hole in self.layout.absorbed else fill

    def _joined(self, fills: list[str]) -> str:
        pairs = zip(self.template.kept, [*fills, ""], strict=True)
        return "".join(part + fill for part, fill in pairs)

    def _texts(self, tokens: list[int]) -> list[str]:
        return piece_texts(tokens, self.mask_token, self.words.piece)

    def _text_added(self, step: Step) -> str:
        return ""


# ---------------------------------------------------------------------------- before a run


@dataclass(frozen=True)
class Filling:
    """Holes that are ready to be filled."""

    template: Template
    layout: Layout
    job: CanvasJob
    probes: int
    """Forward passes that it took to find the layout."""


BLIND = {
    "autoregressive": "is autoregressive: it writes from left to right and cannot see what follows "
    "a hole",
    "block": "writes in blocks, and none of them sees what follows it",
}
"""Why models of a kind fill no holes."""


def refuse_causal(family: Family, name: str) -> None:
    """Raises UsageError unless the model can look at what comes after a hole."""
    if not family.both_ways:
        raise UsageError(f"{name} {BLIND[family.kind]}; give a diffusion model with --model")


def prepare(
    engine: DiffusionEngine, template: Template, before: list[int], settings: Settings, seed: int
) -> Filling:
    """Lay a text with holes out behind the tokens `before`. Raises PromptTooLong when text and
    holes exceed the context."""
    _check_length(engine, template, len(before), settings)
    settings = _for_infill(settings, template)
    filling = _best_layout(engine, template, before, settings, seed)
    filling.job.chosen["eos_policy"] = settings.diffusion.eos_policy
    return filling


def _for_infill(settings: Settings, template: Template) -> Settings:
    """A hole of one token is one token: where all are, none may be left empty."""
    if max(template.lengths) > 1 or settings.diffusion.eos_policy != "natural":
        return settings
    return replace(settings, diffusion=replace(settings.diffusion, eos_policy="suppress"))


def _check_length(
    engine: DiffusionEngine, template: Template, before: int, settings: Settings
) -> None:
    """Before anything of that length is made."""
    vocabulary = engine.model.vocabulary
    kept = before + sum(len(vocabulary.tokenize(part)) for part in template.kept)
    limit = settings.model.ctx_size or engine.model.n_ctx_train
    if kept + template.masks > limit:
        raise PromptTooLong(
            f"a text of {kept} tokens and holes of {template.masks} exceed the context of {limit}: "
            "shorten the text or the holes"
        )


def _best_layout(
    engine: DiffusionEngine, template: Template, before: list[int], settings: Settings, seed: int
) -> Filling:
    """The layout in which the model finds its words.

    A hole takes over the space before it if what the model would put there is a word that begins
    with one; a digit, or a character of a language without spaces, leaves it where it was.
    """
    vocabulary, mask_token = engine.model.vocabulary, mask_token_of(engine.model, settings)

    def filling(absorbed: frozenset[int], probes: int) -> Filling:
        layout = lay_out(template, vocabulary, mask_token, before, absorbed)
        # An end token in one hole is no end of the others.
        job = engine.canvas_job(layout.tokens, len(before), settings, seed, early_stop=False)
        return Filling(template, layout, job, probes)

    first = filling(spaced(template), 0)
    holes = sorted(first.layout.absorbed)
    if not holes:
        return first
    likeliest = engine.likeliest(first.job, [first.layout.spans[i][0] for i in holes])
    pieces = zip(holes, map(vocabulary.piece, likeliest), strict=True)
    words = frozenset(i for i, piece in pieces if piece[:1] == b" " and piece.strip())
    return filling(words, 1)
