"""Filling holes in a text: what stands around them is kept byte for byte.

A hole is spelled `[MASK]` (one token) or `[MASK:12]` (up to twelve). The text between holes is
tokenised piece by piece and laid out on a canvas with masked positions in the places of the holes;
the diffusion loop does the rest. The result is put together from the text as it was typed and from
what was filled in, so that no tokenizer can change what was kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.denoiser import Query
from ..decoding.step import Step
from ..engines.diffusion import Task, context_for, mask_token_of, start_task
from ..errors import PromptTooLong, UsageError
from ..settings.declared import Settings
from ..settings.resolve import Resolved
from .generator import seed_of
from .run import Result, Run, TextEvent
from .text import Cell, decode, piece_texts

if TYPE_CHECKING:
    from ..llama.vocabulary import Vocabulary
    from .generator import Generator

MARKER = "[MASK]"
CLOSING = ")]}>"


# ------------------------------------------------------------------------------ the template


@dataclass(frozen=True)
class Template:
    """A text with holes: `kept[0]`, a hole of up to `lengths[0]` tokens, `kept[1]`, and so on."""

    kept: tuple[str, ...]
    lengths: tuple[int, ...]


def parse(text: str, marker: str = MARKER) -> Template:
    """Split `text` at its holes. A marker that ends in a bracket takes a length in front of the
    bracket, as in `[MASK:12]`; any other marker stands for one token.

    Raises UsageError for a text without holes and for a hole of length 0.
    """
    if not marker:
        raise UsageError("the mask marker is empty: give the text that stands for a hole")
    kept, lengths, place = [], [], 0
    for match in _pattern(marker).finditer(text):
        kept.append(text[place : match.start()])
        lengths.append(_length(match))
        place = match.end()
    if not lengths:
        raise UsageError(
            f"there is no hole to fill: write {_spellings(marker)} where text is wanted"
        )
    return Template((*kept, text[place:]), tuple(lengths))


def _pattern(marker: str) -> re.Pattern[str]:
    if marker[-1] not in CLOSING:
        return re.compile(f"{re.escape(marker)}()")
    return re.compile(f"{re.escape(marker[:-1])}(?::([0-9]+))?{re.escape(marker[-1])}")


def _length(match: re.Match[str]) -> int:
    length = int(match[1] or 1)
    if length == 0:
        raise UsageError(f"{match[0]} is a hole of no tokens: give 1 or more")
    return length


def _spellings(marker: str) -> str:
    if marker[-1] not in CLOSING:
        return marker
    return f"{marker} (one token) or {marker[:-1]}:12{marker[-1]} (up to twelve)"


# -------------------------------------------------------------------------------- the canvas


@dataclass(frozen=True)
class Layout:
    """A template as tokens. spans: [start, end) of each hole. absorbed: holes whose first token
    may carry the space that the text before them ends with."""

    tokens: NDArray[np.int32]
    spans: tuple[tuple[int, int], ...]
    absorbed: frozenset[int]


def lay_out(
    template: Template,
    vocabulary: Vocabulary,
    mask_token: int,
    before: Sequence[int] = (),
    absorbed: frozenset[int] = frozenset(),
) -> Layout:
    """The canvas of a template behind the tokens `before`."""
    tokens, spans = list(before), []
    for i, part in enumerate(template.kept):
        shown = part[:-1] if i in absorbed else part
        tokens += continued(vocabulary, shown) if tokens else vocabulary.tokenize(shown).tolist()
        if i < len(template.lengths):
            spans.append((len(tokens), len(tokens) + template.lengths[i]))
            tokens += [mask_token] * template.lengths[i]
    return Layout(np.array(tokens, np.int32), tuple(spans), absorbed)


def continued(vocabulary: Vocabulary, text: str) -> list[int]:
    """Tokens of a text that does not begin anything.

    Some vocabularies put a space in front of every text; behind a newline they cannot.
    """
    tokens = vocabulary.tokenize(text).tolist()
    if not text or vocabulary.detokenize(tokens) == text.encode("utf-8", "surrogatepass"):
        return tokens
    start = vocabulary.tokenize("\n").tolist()
    longer = vocabulary.tokenize("\n" + text).tolist()
    return longer[len(start) :] if longer[: len(start)] == start else tokens


def spaced(template: Template) -> frozenset[int]:
    """Holes behind a space.

    Most vocabularies hold words with the space in front (" kite"), so that a model cannot write a
    usual word behind a space that is a token of its own.
    """
    return frozenset(i for i in range(len(template.lengths)) if template.kept[i].endswith(" "))


# ------------------------------------------------------------------------------- the results


@dataclass(frozen=True)
class FilledToken:
    """A token that was filled in: its place on the canvas, and when and how surely it came."""

    position: int
    text: str
    confidence: float
    step: int


@dataclass(frozen=True)
class FilledHole:
    """What stands in a hole now: `result.text[start:end]`. length: the most tokens it could take;
    `tokens` may be fewer, since end and padding tokens are left out."""

    start: int
    end: int
    text: str
    length: int
    tokens: tuple[FilledToken, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "tokens": [dict(vars(token)) for token in self.tokens]}


@dataclass(frozen=True)
class InfillResult(Result):
    """A filled text: `text` is the whole of it, `holes` what was filled in."""

    holes: tuple[FilledHole, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "holes": [hole.to_dict() for hole in self.holes]}


class InfillEvent(TextEvent):
    """A step of filling; `text` is the whole text so far."""

    @property
    def tokens_per_second(self) -> float:
        done = self.run.n_masks - self.step.masked
        return done / self.step.elapsed if self.step.elapsed > 0 else 0.0


class InfillRun:
    """Holes being filled: iterate for events; `result()` at any time. To a display it is a Run."""

    def __init__(self, run: Run, template: Template, layout: Layout, probes: int) -> None:
        self.generator = run.generator
        self.prompt_length = run.prompt_length
        self.mask_token = run.mask_token
        self.seed = run.seed
        self.total_steps = run.total_steps
        self.settings = run.settings
        self.template = template
        self.layout = layout
        self.n_masks = sum(template.lengths)
        self._run = run
        self._probes = probes
        self._commits: dict[int, tuple[float, int]] = {}

    def __iter__(self) -> Iterator[InfillEvent]:
        for event in self._run:
            step = event.step
            for commit in step.commits:
                self._commits[commit.position] = (commit.confidence, step.index)
            yield InfillEvent(step, self, self._probes + event.nfe, "")

    def result(self) -> InfillResult:
        base, canvas = self._run.result(), self._run.canvas
        text, holes = self._put_together(canvas)
        tokens = tuple(int(canvas[t.position]) for hole in holes for t in hole.tokens)
        seconds = base.timings["generate"]
        rate = round(len(tokens) / seconds, 6) if seconds > 0 else 0.0
        known = {
            **vars(base),
            "text": text,
            "holes": tuple(holes),
            "tokens": tokens,
            "timings": {**base.timings, "tokens_per_second": rate},
            "nfe": base.nfe + self._probes,
            "prompt_tokens": len(canvas) - self.n_masks,
            "completion_tokens": len(tokens),
            "stop_reason": "interrupted" if base.stop_reason == "interrupted" else "end",
        }
        return InfillResult(**known)

    def text_of(self, canvas: NDArray[np.int32]) -> str:
        """The whole text of a canvas, `MASK_CELL` for each masked position."""
        fills = []
        for i, (start, end) in enumerate(self.layout.spans):
            tokens = [t for t in canvas[start:end].tolist() if t not in self._dropped]
            fills.append(self._fitted(i, "".join(self._texts(tokens))))
        return self._joined(fills)

    def cells_of(self, step: Step) -> list[Cell]:
        inside = {p for start, end in self.layout.spans for p in range(start, end)}
        fresh = {commit.position for commit in step.commits}
        return [
            replace(cell, state=self._state(cell, inside, fresh))
            for cell in self._run.cells_of(step)
        ]

    def _state(self, cell: Cell, inside: set[int], fresh: set[int]) -> str:
        if cell.position not in inside:
            return "prompt"
        if cell.token == self.mask_token:
            return "masked"
        if cell.token in self._dropped:
            return "end"
        return "fresh" if cell.position in fresh else "settled"

    def _put_together(self, canvas: NDArray[np.int32]) -> tuple[str, list[FilledHole]]:
        text, holes = "", []
        for i, (start, end) in enumerate(self.layout.spans):
            text += self.template.kept[i]
            tokens = self._filled(canvas, start, end)
            fill = self._fitted(i, decode([int(canvas[t.position]) for t in tokens], self._piece))
            holes.append(FilledHole(len(text), len(text) + len(fill), fill, end - start, tokens))
            text += fill
        return text + self.template.kept[-1], holes

    def _filled(self, canvas: NDArray[np.int32], start: int, end: int) -> tuple[FilledToken, ...]:
        kept = [p for p in range(start, end) if canvas[p] not in (*self._dropped, self.mask_token)]
        texts = self._texts([int(canvas[p]) for p in kept])
        return tuple(
            FilledToken(p, text, *self._commits[p]) for p, text in zip(kept, texts, strict=True)
        )

    def _fitted(self, hole: int, fill: str) -> str:
        """A fill without the space that the text before it has already."""
        return fill.removeprefix(" ") if hole in self.layout.absorbed else fill

    def _joined(self, fills: list[str]) -> str:
        pairs = zip(self.template.kept, [*fills, ""], strict=True)
        return "".join(part + fill for part, fill in pairs)

    def _texts(self, tokens: list[int]) -> list[str]:
        return piece_texts(tokens, self.mask_token, self._piece)

    def _piece(self, token: int) -> bytes:
        return self.generator.model.vocabulary.piece(token)

    @cached_property
    def _dropped(self) -> frozenset[int]:
        """Tokens that say that a hole needs no more text."""
        vocabulary = self.generator.model.vocabulary
        return vocabulary.end_tokens | ({vocabulary.pad} - {None, self.mask_token})


# -------------------------------------------------------------------------------- a run of it


def start(
    generator: Generator,
    text: str,
    resolved: Resolved,
    *,
    marker: str = MARKER,
    prompt: str | None = None,
) -> InfillRun:
    """Begin to fill the holes of `text`. prompt: what the text is an answer to, if anything.

    Raises UsageError for an autoregressive model and for a text without holes, PromptTooLong when
    text and holes exceed the context.
    """
    refuse_autoregressive(generator.kind, generator.name)
    began, template = time.perf_counter(), parse(text, marker)
    settings = _for_infill(resolved.settings, template)
    before = _before(generator, settings, prompt)
    _check_length(generator, template, len(before), settings)
    layout, task, probes = _best_layout(generator, template, before, settings)
    run = start_task(generator, task)
    run.timings["load"] = generator.load_seconds
    run.timings["prompt"] = time.perf_counter() - began
    run.settings = {**resolved.values(), "seed": run.seed}
    run.chosen["eos_policy"] = settings.diffusion.eos_policy
    return InfillRun(run, template, layout, probes)


def refuse_autoregressive(kind: str, name: str) -> None:
    """Raises UsageError unless the model can look at what comes after a hole."""
    if kind != "diffusion":
        raise UsageError(
            f"{name} is autoregressive: it writes from left to right and cannot see what follows a "
            "hole; give a diffusion model with --model"
        )


def _for_infill(settings: Settings, template: Template) -> Settings:
    """A hole of one token is one token: where all are, none may be left empty."""
    if max(template.lengths) > 1 or settings.diffusion.eos_policy != "natural":
        return settings
    return replace(settings, diffusion=replace(settings.diffusion, eos_policy="suppress"))


def _before(generator: Generator, settings: Settings, prompt: str | None) -> list[int]:
    if prompt:
        return generator.tokenize(prompt, settings).tolist()
    vocabulary = generator.model.vocabulary
    return [vocabulary.bos] if vocabulary.add_bos and vocabulary.bos is not None else []


def _check_length(
    generator: Generator, template: Template, before: int, settings: Settings
) -> None:
    """Before anything of that length is made."""
    vocabulary, masks = generator.model.vocabulary, sum(template.lengths)
    kept = before + sum(len(vocabulary.tokenize(part)) for part in template.kept)
    limit = settings.model.ctx_size or generator.model.n_ctx_train
    if kept + masks > limit:
        raise PromptTooLong(
            f"a text of {kept} tokens and holes of {masks} exceed the context of {limit}: "
            "shorten the text or the holes"
        )


def _best_layout(
    generator: Generator, template: Template, before: list[int], settings: Settings
) -> tuple[Layout, Task, int]:
    """The layout in which the model finds its words, and the forward passes that it took.

    A hole takes over the space before it if what the model would put there is a word that begins
    with one; a digit, or a character of a language without spaces, leaves it where it was.
    """
    vocabulary, mask_token = generator.model.vocabulary, mask_token_of(generator.model, settings)
    layout = lay_out(template, vocabulary, mask_token, before, spaced(template))
    task = _task(generator, layout, len(before), settings, mask_token, seed_of(settings))
    if not layout.absorbed:
        return layout, task, 0
    holes = sorted(layout.absorbed)
    likeliest = _likeliest(generator, task, [layout.spans[i][0] for i in holes])
    pieces = zip(holes, map(vocabulary.piece, likeliest), strict=True)
    words = frozenset(i for i, piece in pieces if piece[:1] == b" " and piece.strip())
    if words != layout.absorbed:
        layout = lay_out(template, vocabulary, mask_token, before, words)
    return layout, replace(task, tokens=layout.tokens), 1


def _task(
    generator: Generator,
    layout: Layout,
    prompt_length: int,
    settings: Settings,
    mask_token: int,
    seed: int,
) -> Task:
    shift = settings.model.shift_logits
    shift = generator.model.shift_logits if shift is None else shift
    # An end token in one hole is no end of the others.
    return Task(layout.tokens, prompt_length, mask_token, shift, settings, seed, early_stop=False)


def _likeliest(generator: Generator, task: Task, positions: list[int]) -> list[int]:
    """What the model would put at masked `positions`, were it to fill them first."""
    context = context_for(generator, [task], 1)
    (rows,) = context.logits([Query(task.tokens, np.array(positions, np.int64))])
    rows = rows.copy()
    rows[:, task.mask_token] = -np.inf
    return rows.argmax(axis=1).tolist()
