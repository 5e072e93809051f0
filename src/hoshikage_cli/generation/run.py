"""A run: the steps of either loop as text events, and the result that they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..decoding.diffusion import Diffusion
from ..decoding.step import Step
from .text import Cell, IncrementalText, decode, piece_texts, until_end

if TYPE_CHECKING:
    from .generator import Generator


@dataclass(frozen=True)
class TextEvent:
    """One step, with the text it makes; text and cells are worked out only when asked for."""

    step: Step
    run: Run
    nfe: int
    new_text: str

    @cached_property
    def text(self) -> str:
        """The answer so far; a masked position is shown as `MASK_CELL`."""
        return self.run.text_of(self.step.canvas)

    @cached_property
    def cells(self) -> list[Cell]:
        """Every position of the canvas, prompt included, as a display shows it."""
        return self.run.cells_of(self.step)

    @property
    def tokens_per_second(self) -> float:
        done = len(self.step.canvas) - self.run.prompt_length - self.step.masked
        return done / self.step.elapsed if self.step.elapsed > 0 else 0.0


@dataclass(frozen=True)
class Result:
    """A finished (or interrupted) run. Times are seconds."""

    text: str
    tokens: tuple[int, ...]
    model: str
    settings: dict[str, Any]
    timings: dict[str, float]
    steps: int
    nfe: int
    prompt_tokens: int
    completion_tokens: int
    stop_reason: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `--json`, token ids left out."""
        values = dict(self.__dict__)
        del values["tokens"]
        return values


@dataclass
class Stopwatch:
    """Seconds spent in forward passes and in row reductions."""

    decode: float = 0.0
    reduce: float = 0.0


class Run:
    """One generation under way: iterate for `TextEvent`s; `result()` at any time."""

    def __init__(
        self,
        generator: Generator,
        tokens: NDArray[np.int32],
        prompt_length: int,
        mask_token: int | None,
        seed: int,
        total_steps: int | None,
        watch: Stopwatch,
    ) -> None:
        self.generator = generator
        self.prompt_length = prompt_length
        self.mask_token = mask_token
        self.seed = seed
        self.total_steps = total_steps
        self.canvas = tokens
        self.nfe = 0
        self.n_steps = 0
        self.timings: dict[str, float] = {}
        self.settings: dict[str, Any] = {}
        self.chosen: dict[str, Any] = {}
        self.steps: Iterator[Step] = iter(())
        self.diffusion: Diffusion | None = None
        self.watch = watch
        self.finished = False
        self._elapsed = 0.0
        self._new_text = IncrementalText()
        self._history: dict[int, tuple[float, int]] = {}
        self._piece = generator.model.vocabulary.piece
        self._end_tokens = generator.model.vocabulary.end_tokens

    def __iter__(self) -> Iterator[TextEvent]:
        for step in self.steps:
            yield self.record(step)
        self.finished = True

    def result(self) -> Result:
        """What there is: complete after iteration, the text so far in the middle of it."""
        answer = self._answer_tokens(self.canvas)
        text = decode(answer, self._piece)
        return Result(
            text=text,
            tokens=tuple(answer),
            model=self.generator.name,
            settings={**self.settings, **self.chosen},
            timings=self._all_timings(len(answer)),
            steps=self.n_steps,
            nfe=self.nfe,
            prompt_tokens=self.prompt_length,
            completion_tokens=len(answer),
            stop_reason=self._stop_reason(),
            seed=self.seed,
        )

    def text_of(self, canvas: NDArray[np.int32]) -> str:
        """Answer text of a canvas, `MASK_CELL` for each masked position before the end token."""
        answer = until_end(canvas[self.prompt_length :].tolist(), self._end_tokens)
        return "".join(piece_texts(answer, self.mask_token, self._piece))

    def cells_of(self, step: Step) -> list[Cell]:
        fresh = {commit.position for commit in step.commits}
        texts = piece_texts(step.canvas.tolist(), self.mask_token, self._piece)
        cells, ended = [], False
        for position, token in enumerate(step.canvas.tolist()):
            ended = ended or (position >= self.prompt_length and token in self._end_tokens)
            confidence, index = self._history.get(position, (None, None))
            state = self._state(position, token, position in fresh, ended)
            cells.append(Cell(position, token, texts[position], state, confidence, index))
        return cells

    def _state(self, position: int, token: int, fresh: bool, ended: bool) -> str:
        if token == self.mask_token:
            return "masked"
        if ended:
            return "end"
        if fresh:
            return "fresh"
        return "prompt" if position < self.prompt_length else "settled"

    def record(self, step: Step) -> TextEvent:
        """Take note of a step that was made."""
        self.canvas = step.canvas
        self.nfe += step.nfe
        self.n_steps += 1
        self._elapsed = step.elapsed
        for commit in step.commits:
            self._history[commit.position] = (commit.confidence, step.index)
        return TextEvent(step, self, self.nfe, self._text_added(step))

    def _text_added(self, step: Step) -> str:
        """Text that streams: autoregressive tokens come in order, so each adds its own."""
        if self.mask_token is not None:
            return ""
        tokens = (commit.token for commit in step.commits)
        return "".join(
            self._new_text.push(self._piece(t)) for t in tokens if t not in self._end_tokens
        )

    def _answer_tokens(self, canvas: NDArray[np.int32]) -> list[int]:
        answer = until_end(canvas[self.prompt_length :].tolist(), self._end_tokens)
        return [token for token in answer if token != self.mask_token]

    def _stop_reason(self) -> str:
        if not self.finished:
            return "interrupted"
        answer = self.canvas[self.prompt_length :].tolist()
        return "end" if any(token in self._end_tokens for token in answer) else "length"

    def _all_timings(self, completion_tokens: int) -> dict[str, float]:
        rate = completion_tokens / self._elapsed if self._elapsed > 0 else 0.0
        measured = {
            **self.timings,
            "decode": self.watch.decode,
            "reduce": self.watch.reduce,
            "generate": self._elapsed,
            "tokens_per_second": rate,
        }
        return {name: round(value, 6) for name, value in measured.items()}
