"""A session with a model: prompt, tokens, steps, text, result.

Three layers, each calling only the one below: steps (`decoding`), text events (`Run`), and the
finished `Result`. The diffusion loop and the autoregressive loop yield the same `Step`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..chat import template as chat
from ..engines.autoregressive import start_text
from ..engines.diffusion import Task, run_together, start_task, task_of
from ..errors import HoshikageError
from ..llama.context import Context
from ..llama.model import Model
from ..models.catalogue import CATALOGUE, DEFAULT_MODEL
from ..models.find import advice, find_model
from ..settings.declared import Settings
from ..settings.layers import Layers
from ..settings.resolve import Resolved
from .run import Result, Run

if TYPE_CHECKING:
    from .infill import InfillResult, InfillRun


def kind_of(model: Model) -> str:
    return "diffusion" if model.is_diffusion else "autoregressive"


# ---------------------------------------------------------------------------------- a session


Prompt = str | Sequence[Mapping[str, str]]

AT_ONCE = 8
"""Canvases side by side: enough rows for a matrix product to be worth its start."""

POOL = 64
"""Jobs looked at together, so that those of similar length share a context."""


def seed_of(settings: Settings) -> int:
    """The seed that was given, or a fresh one."""
    seed = settings.sampling.seed
    return secrets.randbits(32) if seed is None else seed


class Generator:
    """A loaded model and the settings that every call starts from."""

    def __init__(self, model: Model, name: str, defaults: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.name = name
        self.kind = kind_of(model)
        self.load_seconds = 0.0
        self._defaults = dict(defaults or {})
        self._context: Context | None = None
        self._context_key: tuple | None = None

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._drop_context()
        self.model.close()

    def resolve(self, **overrides: Any) -> Resolved:
        """Settings of one call: `overrides`, then what `load` was given, the model's, defaults.

        Raises SettingsError for an unknown name or a value out of range.
        """
        flags = {**self._defaults, **overrides}
        return Layers(advice=advice(self.model.metadata), kind=self.kind).resolve(flags)

    def generate(self, prompt: Prompt, **overrides: Any) -> Result:
        """Answer `prompt`, a question or the messages of a conversation.

        Keywords are option names: steps=16, algorithm="entropy", seed=1.
        """
        run = self.stream(prompt, **overrides)
        for _ in run:
            pass
        return run.result()

    def stream(self, prompt: Prompt, **overrides: Any) -> Run:
        """The same, step by step: iterate over the run, then ask for its `result()`."""
        return self.start(prompt, self.resolve(**overrides))

    def infill(
        self, text: str, *, marker: str = "[MASK]", prompt: str | None = None, **overrides: Any
    ) -> InfillResult:
        """Fill the holes of `text`, spelled `[MASK]` or `[MASK:12]`; all else is kept as it is.

        prompt: what the text is an answer to. Raises UsageError for an autoregressive model.
        """
        run = self.stream_infill(text, marker=marker, prompt=prompt, **overrides)
        for _ in run:
            pass
        return run.result()

    def stream_infill(
        self, text: str, *, marker: str = "[MASK]", prompt: str | None = None, **overrides: Any
    ) -> InfillRun:
        """The same, step by step."""
        from . import infill

        return infill.start(self, text, self.resolve(**overrides), marker=marker, prompt=prompt)

    def start(self, prompt: Prompt, resolved: Resolved) -> Run:
        """Begin a run with settings that are already resolved."""
        began = time.perf_counter()
        if self.model.is_diffusion:
            run = start_task(self, self.task(prompt, resolved))
        else:
            settings = resolved.settings
            tokens = self.tokenize(prompt, settings)
            run = start_text(self, tokens, settings, seed_of(settings))
        return self._note(run, resolved, time.perf_counter() - began)

    def generate_many(
        self, jobs: Iterable[tuple[str, Resolved]], at_once: int = AT_ONCE
    ) -> Iterator[tuple[int, Result | HoshikageError]]:
        """Answer (prompt, settings) pairs, a diffusion model `at_once` of them side by side.

        Yields (index, result) as they are finished; in place of a result the error of a job that
        cannot be run, such as PromptTooLong. Each answer is the one that `generate` gives, but for
        the rounding of a product of more rows.
        """
        if not self.model.is_diffusion:
            yield from self._one_by_one(jobs)
            return
        numbered = enumerate(jobs)
        while pool := list(islice(numbered, POOL)):
            tasks: list[tuple[int, Task, Resolved]] = []
            for i, (prompt, resolved) in pool:
                try:
                    tasks.append((i, self.task(prompt, resolved), resolved))
                except HoshikageError as error:
                    yield i, error
            tasks.sort(key=lambda item: (str(item[1].alike), len(item[1].tokens)))
            for _, alike in groupby(tasks, key=lambda item: item[1].alike):
                yield from self._side_by_side(list(alike), at_once)

    def _side_by_side(
        self, tasks: list[tuple[int, Task, Resolved]], at_once: int
    ) -> Iterator[tuple[int, Result]]:
        for number, event in run_together(self, [task for _, task, _ in tasks], at_once):
            if event.run.finished:
                i, _, resolved = tasks[number]
                yield i, self._note(event.run, resolved, 0.0).result()

    def _one_by_one(self, jobs: Iterable[tuple[str, Resolved]]):
        for i, (prompt, resolved) in enumerate(jobs):
            try:
                run = self.start(prompt, resolved)
                for _ in run:
                    pass
                yield i, run.result()
            except HoshikageError as error:
                yield i, error

    def task(self, prompt: Prompt, resolved: Resolved) -> Task:
        """The canvas of a prompt. Raises UsageError when it does not fit."""
        settings = resolved.settings
        return task_of(self, self.tokenize(prompt, settings), settings, seed_of(settings))

    def _note(self, run: Run, resolved: Resolved, seconds: float) -> Run:
        run.timings["load"] = self.load_seconds
        run.timings["prompt"] = seconds
        run.settings = {**resolved.values(), "seed": run.seed}
        return run

    def tokenize(self, prompt: Prompt, settings: Settings) -> NDArray[np.int32]:
        """Prompt tokens, in the model's chat template unless the settings turn it off.

        prompt: a question, or the messages of a conversation, the system's own among them.
        """
        vocabulary = self.model.vocabulary
        template = self.model.chat_template
        asked = isinstance(prompt, str)
        messages = chat.messages(prompt, settings.prompt.system_prompt) if asked else prompt
        if template is None or settings.prompt.chat is False:
            return vocabulary.tokenize(chat.plain(messages), add_special=True)
        rendered = chat.render(
            template,
            messages,
            bos_token=vocabulary.text(vocabulary.bos) if vocabulary.bos is not None else "",
            eos_token=vocabulary.text(vocabulary.eos) if vocabulary.eos is not None else "",
        )
        return vocabulary.tokenize(rendered, add_special=False, parse_special=True)

    def context(self, **wanted: Any) -> Context:
        """A context of these parameters; the last one is kept, since most calls are alike."""
        key = tuple(sorted(wanted.items()))
        if self._context is None or key != self._context_key:
            self._drop_context()
            self._context = Context(self.model, **wanted)
            self._context_key = key
        self._context.clear()
        return self._context

    def _drop_context(self) -> None:
        if self._context is not None:
            self._context.close()
            self._context = None


# --------------------------------------------------------------------------------- loading


def load(
    model: str | Path | None = None,
    *,
    on_progress: Callable[[float], bool | None] | None = None,
    **settings: Any,
) -> Generator:
    """Load a GGUF by path or shipped name (None: the default model) for generation.

    `settings` are option names, kept as defaults of every call. `on_progress` hears the share
    loaded, 0 to 1. Raises UsageError for a model that is not there, ModelLoadError for a file
    that is no model, SettingsError for an unknown or invalid setting.
    """
    began = time.perf_counter()
    path = find_model(model)
    loaded = Model(path, gpu_layers=settings.get("gpu_layers") or 0, on_progress=on_progress)
    name = str(model) if model in CATALOGUE else path.name
    generator = Generator(loaded, name if model else DEFAULT_MODEL, settings)
    generator.resolve()
    generator.load_seconds = time.perf_counter() - began
    return generator
