"""A run: the steps of any engine as text events, and the result that they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..decoding.step import Step
from ..engines.job import Job
from .logprobs import Logprobs, TokenLogprob
from .stops import Stop, Stops
from .stream import Stream
from .text import Cell, decode, piece_texts, until_end


class Words(Protocol):
    """What a run needs of a vocabulary; a recording has one too."""

    @property
    def end_tokens(self) -> frozenset[int]:
        """Every token that ends an answer."""
        ...

    def piece(self, token: int, /) -> bytes:
        """The bytes of a token."""
        ...

    def text(self, token: int, /) -> str:
        """The token as the vocabulary spells it, for those that have no bytes."""
        ...


@dataclass(frozen=True)
class TextEvent:
    """One step, with the text it makes; text and cells are worked out only when asked for."""

    step: Step
    run: Run
    nfe: int
    """Forward evaluations so far."""
    new_text: str
    """What streams: text that stands behind all that was there before."""
    history: Mapping[int, tuple[float, int]]
    """Confidence and step of what stands at each position; of those masked it says nothing."""

    @cached_property
    def text(self) -> str:
        """The answer so far; a masked position is shown as `MASK_CELL`."""
        return self.run.text_of(self.step.canvas)

    @cached_property
    def cells(self) -> list[Cell]:
        """Every position of the canvas, prompt included, as a display shows it."""
        return self.run.cells_of(self.step, self.history)

    @property
    def tokens_per_second(self) -> float:
        done = self.run.tokens_done(self.step)
        return done / self.step.elapsed if self.step.elapsed > 0 else 0.0


@dataclass(frozen=True)
class Result:
    """A finished (or interrupted) run."""

    text: str
    """The answer."""
    tokens: tuple[int, ...]
    """Its tokens."""
    model: str
    """The model's name."""
    settings: dict[str, Any]
    """What decided it, by name; the seed is the one that was used."""
    timings: dict[str, float]
    """Seconds: `load`, `prompt`, `decode`, `reduce`, `generate`; and `tokens_per_second`. What is
    done between the steps, such as showing them, is in none of them."""
    steps: int
    """Steps that committed something."""
    nfe: int
    """Forward evaluations."""
    positions_decoded: int
    """Positions that the steps evaluated; what was cached already is not among them."""
    prompt_tokens: int
    completion_tokens: int
    stop_reason: str
    """`end` (an end token came), `stop` (a text of the setting of this name), `length`, or
    `interrupted`."""
    seed: int
    logprobs: tuple[TokenLogprob, ...] | None = None
    """Of each of `tokens`, where the setting of this name asks for it."""

    def __repr__(self) -> str:
        shown = f"{self.text[:60]}…" if len(self.text) > 61 else self.text
        return (
            f"<{type(self).__name__} {shown!r}: {self.completion_tokens} tokens, "
            f"{self.steps} steps, {self.stop_reason}>"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `--json`, token ids left out."""
        values = dict(self.__dict__)
        del values["tokens"], values["logprobs"]
        if self.logprobs is None:
            return values
        return {**values, "logprobs": {"content": [told.to_dict() for told in self.logprobs]}}


NEVER = (None, None)
"""Confidence and step of what was not committed."""


def news_of(step: Step) -> dict[int, str]:
    """The state of each position that a step has changed."""
    news = {c.position: "fresh" if c.replaced is None else "replaced" for c in step.commits}
    return news | dict.fromkeys(step.remasked, "remasked")


class Run:
    """One generation under way: iterate for `TextEvent`s; `result()` at any time.

    job: the canvas as it begins. steps: those of an engine, or of a recording. words: what the
    tokens mean. model: facts about the model, `name` among them. settings: what the run was asked
    for. prepared: seconds that passed before it began, by name.
    """

    def __init__(
        self,
        job: Job,
        steps: Iterator[Step],
        words: Words,
        model: Mapping[str, Any],
        settings: Mapping[str, Any],
        prepared: Mapping[str, float] | None = None,
    ) -> None:
        self.job = job
        self.words = words
        self.model = model
        self.settings = dict(settings)
        self.canvas = job.tokens
        self.nfe = self.positions_decoded = 0
        self.n_steps = 0
        self.finished = False
        self._steps = steps
        self._prepared = dict(prepared or {})
        self._elapsed = 0.0
        stop = self.settings.get("stop") or ()
        self._stops = Stops(stop, words.piece)
        self._stream = Stream(Stops(stop, words.piece), words.piece, words.end_tokens.__contains__)
        self._settled = job.prompt_length
        self._history: dict[int, tuple[float, int]] = {}
        self._logprobs = Logprobs(words.piece, words.text)
        self._revisions = self._expected_revisions()

    @property
    def prompt_length(self) -> int:
        return self.job.prompt_length

    @property
    def mask_token(self) -> int | None:
        return self.job.mask_token

    @property
    def has_masks(self) -> bool:
        """Whether positions are unmasked, rather than added one after the other."""
        return self.job.mask_token is not None

    @property
    def revisions(self) -> tuple[str, ...]:
        """States that a step may bring what was committed before, or has brought."""
        return tuple(sorted(self._revisions))

    def _expected_revisions(self) -> set[str]:
        if self.settings.get("step") is not None:
            return {"remasked", "replaced"}
        edits = self.settings.get("edit_threshold") is not None
        return {"replaced"} if edits and self.model["kind"] == "block" else set()

    @property
    def seed(self) -> int:
        return self.job.seed

    @property
    def total_steps(self) -> int | None:
        """The most steps that it takes, if that is known."""
        return self.job.total_steps

    def __iter__(self) -> Iterator[TextEvent]:
        for step in self._steps:
            yield self.record(step)
        self.finish()

    def record(self, step: Step) -> TextEvent:
        """Take note of a step that was made."""
        self.canvas = step.canvas
        self.nfe += step.nfe
        self.positions_decoded += step.positions_decoded
        self.n_steps += 1
        self._elapsed = step.elapsed
        if step.revises:
            # Events that were made before still show what stood there.
            self._history = dict(self._history)
        for commit in step.commits:
            self._history[commit.position] = (commit.confidence, step.index)
        for position in step.remasked:
            self._history.pop(position, None)
        self._revisions |= step.revisions
        self._logprobs.note(step.commits, step.index)
        return TextEvent(step, self, self.nfe, self._text_added(step), self._history)

    def finish(self) -> None:
        """Take note that there are no more steps."""
        self.finished = True

    def result(self) -> Result:
        """What there is: complete after iteration, the text so far in the middle of it."""
        places = self._answer_places(self.canvas)
        stop = self._stop(self.canvas)
        text = decode(self.canvas[places].tolist(), self.words.piece)
        if stop is not None:
            places, text = places[: stop.tokens], text[: stop.characters]
        answer = self.canvas[places].tolist()
        return Result(
            text=text,
            tokens=tuple(answer),
            model=self.model["name"],
            settings={**self.settings, **self.job.chosen},
            timings=self._timings(len(answer)),
            steps=self.n_steps,
            nfe=self.nfe,
            positions_decoded=self.positions_decoded,
            prompt_tokens=self.prompt_length,
            completion_tokens=len(answer),
            stop_reason=self._stop_reason(),
            seed=self.seed,
            logprobs=self._logprobs.of(places),
        )

    # --------------------------------------------------------------------- for displays

    def text_of(self, canvas: NDArray[np.int32]) -> str:
        """Answer text of a canvas, `MASK_CELL` for each masked position before the end token."""
        answer = until_end(canvas[self.prompt_length :].tolist(), self.words.end_tokens)
        text = "".join(piece_texts(answer, self.mask_token, self.words.piece))
        stop = self._stop(canvas)
        return text if stop is None else text[: stop.characters]

    def cells_of(self, step: Step, history: Mapping[int, tuple[float, int]]) -> list[Cell]:
        news = news_of(step)
        tokens = step.canvas.tolist()
        texts = piece_texts(tokens, self.mask_token, self.words.piece)
        stop = self._stop(step.canvas)
        end = len(tokens) if stop is None else self.prompt_length + stop.tokens
        # Where all is final that has passed, the block under way is what lives.
        block = step.block if step.settled is not None else None
        cells, ended = [], False
        for position, token in enumerate(tokens):
            answered = position >= self.prompt_length
            ended = ended or position >= end or (answered and token in self.words.end_tokens)
            there = token != self.mask_token
            confidence, index = history.get(position, NEVER) if there else NEVER
            state = self._state(position, token, news.get(position), ended)
            live = None if block is None else position >= block[0]
            cells.append(Cell(position, token, texts[position], state, confidence, index, live))
        return cells

    def tokens_done(self, step: Step) -> int:
        """Tokens of the answer after a step, counted as the result will: end tokens are none."""
        answer, stop = self._answer_places(step.canvas), self._stop(step.canvas)
        return len(answer) if stop is None else min(len(answer), stop.tokens)

    def _state(self, position: int, token: int, news: str | None, ended: bool) -> str:
        if token == self.mask_token:
            return news or "masked"
        if ended:
            return "end"
        if news:
            return news
        return "prompt" if position < self.prompt_length else "settled"

    def _text_added(self, step: Step) -> str:
        """Text that streams: that of tokens which are final and follow those that were before."""
        if step.settled is None:
            return ""
        new = step.canvas[self._settled : step.settled].tolist()
        self._settled = max(self._settled, step.settled)
        return self._stream.add(new, self._is_last(step))

    def _is_last(self, step: Step) -> bool:
        if self.has_masks:
            return step.settled == len(step.canvas)
        return step.index + 1 == step.total

    def _stop(self, canvas: NDArray[np.int32]) -> Stop | None:
        """Where one of the texts that end an answer came, if one did."""
        if not self._stops:
            return None
        return self._stops.find(until_end(self.job.settled(canvas), self.words.end_tokens))

    # ----------------------------------------------------------------------- the result

    def _answer_places(self, canvas: NDArray[np.int32]) -> list[int]:
        """Where the tokens of the answer stand."""
        answer = until_end(canvas[self.prompt_length :].tolist(), self.words.end_tokens)
        placed = enumerate(answer, start=self.prompt_length)
        return [place for place, token in placed if token != self.mask_token]

    def _stop_reason(self) -> str:
        if not self.finished:
            return "interrupted"
        if self._stop(self.canvas) is not None:
            return "stop"
        answer = self.canvas[self.prompt_length :].tolist()
        return "end" if any(token in self.words.end_tokens for token in answer) else "length"

    def _timings(self, completion_tokens: int) -> dict[str, float]:
        watch, prepared = self.job.watch, dict(self._prepared)
        if "prompt" in prepared:
            prepared["prompt"] += watch.opening
        measured = {
            **prepared,
            "decode": watch.decode,
            "reduce": watch.reduce,
            "generate": self._elapsed,
            "tokens_per_second": completion_tokens / self._elapsed if self._elapsed > 0 else 0.0,
        }
        return {name: round(value, 6) for name, value in measured.items()}
