"""A generator: a loaded model, asked for answers.

Three layers, each calling only the one below: steps (`engines`), text events (`Run`), and the
finished `Result`. Every engine yields the same `Step`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..chat import template as chat
from ..decoding.step import Step
from ..engines.engine import Engine
from ..engines.job import Ended, Job
from ..engines.scoring import ScoreJob, likelihoods, method_of
from ..engines.table import engine_of
from ..errors import HoshikageError, UsageError
from ..llama.model import Model
from ..models.catalogue import CATALOGUE, DEFAULT_MODEL
from ..models.check import check
from ..models.find import advice, header_of, kept_with
from ..models.header import Header
from ..settings.declared import Settings
from ..settings.layers import Layers
from ..settings.resolve import Resolved, by_field_name
from .arrivals import Arrivals, arrivals
from .filled import InfillResult, InfillRun
from .holes import MARKER, parse
from .infill import prepare, refuse_causal
from .prompt import prompt_tokens
from .run import Result, Run, TextEvent
from .scoring import DRAWS, Score, figures
from .stops import Stops

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..settings.keywords import Keywords

Prompt = str | Sequence[Mapping[str, str]] | NDArray[np.int32]
"""A question, the messages of a conversation, or tokens that are taken as they are."""
Scorable = str | NDArray[np.int32]
"""A text, or its tokens."""
Asked = tuple[Prompt, Resolved]
AnyRun = TypeVar("AnyRun", bound=Run)
OnStep = Callable[[int, TextEvent], None]

AT_ONCE = 8
"""Answers side by side: enough rows for a matrix product to be worth its start."""


def seed_of(settings: Settings) -> int:
    """The seed that was given, or a fresh one."""
    seed = settings.sampling.seed
    return secrets.randbits(32) if seed is None else seed


class Generator:
    """A loaded model and the settings that every call starts from.

    Runs do not disturb each other: each leases a context of its own, from its first step to its
    last, so that several may be iterated in turns or in threads. Forward passes are made one at a
    time. `close` it when no run is being iterated any more.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        defaults: Mapping[str, Any] | None = None,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        """defaults: settings that every call starts from. kept: those that go with the model, below
        everything that is said of a run."""
        self.model = model
        self.name = name
        self.kind = model.family.kind
        self._layers = Layers().of_model({**advice(model.metadata), **(kept or {})}, model.family)
        self.engine: Engine = engine_of(model)
        self.load_seconds = 0.0
        self._defaults = by_field_name(defaults or {})

    def __repr__(self) -> str:
        return f"<Generator {self.name}: {self.kind}, {self.model.n_parameters:,} parameters>"

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model, and every context of it."""
        self.engine.contexts.close()
        self.model.close()

    def forget(self) -> None:
        """Let the next run evaluate all of its prompt, and none be spared it by what an earlier one
        has left in the cache: for measurements."""
        self.engine.contexts.forget()

    def resolve(self, **overrides: Unpack[Keywords]) -> Resolved:
        """Settings of one call: `overrides`, then what `load` was given, the model's, defaults.

        Raises SettingsError for an unknown name or a value out of range.
        """
        flags = {**self._defaults, **by_field_name(overrides)}
        return self._layers.resolve(flags)

    # ------------------------------------------------------------------------- one answer

    def generate(self, prompt: Prompt, **overrides: Unpack[Keywords]) -> Result:
        """Answer `prompt`, a question or the messages of a conversation.

        Keywords are option names: steps=16, algorithm="entropy", seed=1.
        """
        return finished(self.stream(prompt, **overrides)).result()

    def stream(self, prompt: Prompt, **overrides: Unpack[Keywords]) -> Run:
        """The same, step by step: iterate over the run, then ask for its `result()`."""
        return self.start(prompt, self.resolve(**overrides))

    def start(self, prompt: Prompt, resolved: Resolved) -> Run:
        """Begin a run with settings that are already resolved."""
        began = time.perf_counter()
        job = self._job(prompt, resolved.settings)
        return self._run(job, resolved, began)

    # ------------------------------------------------------------------- holes in a text

    def infill(
        self,
        text: str,
        *,
        marker: str = MARKER,
        prompt: str | None = None,
        **overrides: Unpack[Keywords],
    ) -> InfillResult:
        """Fill the holes of `text`, spelled `[MASK]` or `[MASK:12]`; all else is kept as it is.

        prompt: what the text is an answer to. Raises UsageError for an autoregressive model.
        """
        run = self.stream_infill(text, marker=marker, prompt=prompt, **overrides)
        return finished(run).result()

    def stream_infill(
        self,
        text: str,
        *,
        marker: str = MARKER,
        prompt: str | None = None,
        **overrides: Unpack[Keywords],
    ) -> InfillRun:
        """The same, step by step."""
        return self.start_infill(text, self.resolve(**overrides), marker=marker, prompt=prompt)

    def start_infill(
        self, text: str, resolved: Resolved, *, marker: str = MARKER, prompt: str | None = None
    ) -> InfillRun:
        """Begin to fill the holes with settings that are already resolved.

        Raises UsageError for an autoregressive model and for a text without holes, PromptTooLong
        when text and holes exceed the context.
        """
        refuse_causal(self.model.family, self.name)
        began, template, settings = time.perf_counter(), parse(text, marker), resolved.settings
        before = self._before(prompt, settings)
        filling = prepare(self.engine, template, before, settings, seed_of(settings))
        return InfillRun(
            filling.job,
            filling.holes(self.model.vocabulary),
            self._steps(filling.job),
            self.model.vocabulary,
            self.facts,
            self._told(filling.job, resolved),
            self._prepared(began),
            filling.probes,
        )

    def _before(self, prompt: str | None, settings: Settings) -> list[int]:
        if prompt:
            return self.tokenize(prompt, settings).tolist()
        vocabulary = self.model.vocabulary
        return [vocabulary.bos] if vocabulary.add_bos and vocabulary.bos is not None else []

    # ------------------------------------------------------------------ how likely a text is

    def score(
        self,
        text: Scorable,
        prompt: Prompt | None = None,
        *,
        method: str | None = None,
        samples: int = DRAWS,
        **overrides: Unpack[Keywords],
    ) -> Score:
        """How likely the model holds `text` to be, as the answer to `prompt` or by itself.

        An autoregressive model says so exactly. method, for a diffusion model: `monte-carlo`, the
        mean of so many `samples`, or `order`, along its own order of unmasking.
        """
        resolved = self.resolve(**overrides)
        (score,) = self.scores([text], prompt, resolved, method=method, samples=samples)
        return score

    def scores(
        self,
        texts: Sequence[Scorable],
        prompt: Prompt | None,
        resolved: Resolved,
        *,
        method: str | None = None,
        samples: int = DRAWS,
        on_progress: Callable[[float], object] = lambda share: None,
    ) -> Iterator[Score]:
        """The same for several texts after one prompt, such as the answers to choose from.

        Raises UsageError for an empty text and a method of other models, PromptTooLong.
        """
        began, settings = time.perf_counter(), resolved.settings
        method = method_of(self.kind, method)
        if samples < 1:
            raise UsageError(f"{samples} samples tell nothing: give 1 at least")
        before = self._given(prompt, settings)
        tokens = [self._continued(text, prompt, before, settings) for text in texts]
        asked = ScoreJob(before, tokens, settings, seed_of(settings), samples)
        told = {**self._asked(resolved), "seed": asked.seed, "samples": samples}
        found = likelihoods(self.engine, method, asked, on_progress)
        for text, its_tokens, likelihood in zip(texts, tokens, found, strict=True):
            yield Score(
                **figures(text, its_tokens, likelihood, self.model.vocabulary),
                prompt_tokens=len(before),
                method=method,
                model=self.name,
                settings=told,
                timings=self._scored_in(began),
            )
            began = time.perf_counter()

    def _scored_in(self, began: float) -> dict[str, float]:
        seconds = {"load": self.load_seconds, "score": time.perf_counter() - began}
        return {name: round(value, 6) for name, value in seconds.items()}

    def _given(self, prompt: Prompt | None, settings: Settings) -> NDArray[np.int32]:
        """What stands before a text that is scored. Without a prompt an autoregressive model, which
        needs something to predict the first token by, gets what begins or ends its documents."""
        if prompt is not None and len(prompt):
            return self.tokenize(prompt, settings)
        vocabulary = self.model.vocabulary
        before = self._before(None, settings)
        if not before and self.kind == "autoregressive":
            starts = (vocabulary.bos, vocabulary.eos)
            before = [token for token in starts if token is not None][:1]
        return np.array(before, np.int32)

    def _continued(
        self, text: Scorable, prompt: Prompt | None, before: NDArray[np.int32], settings: Settings
    ) -> NDArray[np.int32]:
        """The tokens of a text behind a prompt. Where the prompt is in no template the two are one
        text, so that they are cut into tokens together, if that leaves the prompt's as they are."""
        if len(text) == 0:
            raise UsageError("an empty text has no likelihood: give some text")
        if isinstance(text, np.ndarray):
            return text.astype(np.int32)
        vocabulary = self.model.vocabulary
        templated = self.model.chat_template is not None and settings.prompt.chat is not False
        if prompt is not None and not isinstance(prompt, np.ndarray) and not templated:
            plain = chat.plain(_messages(prompt, settings.prompt.system_prompt))
            whole = vocabulary.tokenize(plain + text, add_special=True)
            if len(whole) > len(before) and (whole[: len(before)] == before).all():
                return whole[len(before) :]
        return vocabulary.tokenize(text)

    # --------------------------------------------------------------------- many answers

    def generate_many(
        self,
        jobs: Iterable[Asked] | Arrivals[Asked],
        at_once: int = AT_ONCE,
        on_step: OnStep | None = None,
    ) -> Iterator[tuple[int, Result | HoshikageError]]:
        """Answer (prompt, settings) pairs, `at_once` of them side by side; an autoregressive model
        one after the other.

        Yields (index, result) as they are finished; in place of a result the error of a job that
        cannot be run, such as PromptTooLong. Each answer is the one that `generate` gives, but for
        the rounding of a product of more rows.

        Jobs of a list or tuple are put in order of length, by the lot. Others are taken as they
        come, no more than can run, by a thread of their own: none waits for the next one.

        `on_step` hears (index, event) of every step.
        """
        queue = _Queue(self, jobs, on_step)
        try:
            while not queue.over:
                for job, event in self.engine.steps(queue, at_once):
                    yield from queue.refused()
                    outcome = queue.outcome(job, event)
                    if outcome is not None:
                        yield outcome
                yield from queue.refused()
        finally:
            queue.close()

    # ------------------------------------------------------------------------ the pieces

    @property
    def facts(self) -> dict[str, Any]:
        """What a trace says of the model."""
        return {
            "name": self.name,
            "kind": self.kind,
            "architecture": self.model.architecture,
            "parameters": self.model.n_parameters,
            "size_bytes": self.model.size_bytes,
            "n_vocab": self.model.n_vocab,
        }

    def tokenize(self, prompt: Prompt, settings: Settings) -> NDArray[np.int32]:
        """Prompt tokens, in the model's chat template unless the settings turn it off.

        prompt: a question, or the messages of a conversation, the system's own among them.
        """
        if isinstance(prompt, np.ndarray):
            return prompt.astype(np.int32)
        wanted = settings.prompt
        return prompt_tokens(
            self.model.vocabulary,
            self.model.chat_template if wanted.chat else None,
            _messages(prompt, wanted.system_prompt),
            wanted.parse_special,
        )

    def _job(self, prompt: Prompt, settings: Settings) -> Job:
        stop = settings.canvas.stop
        complete = Stops(stop, self.model.vocabulary.piece).reached if stop else None
        tokens = self.tokenize(prompt, settings)
        return self.engine.job(tokens, settings, seed_of(settings), complete)

    def _run(self, job: Job, resolved: Resolved, began: float) -> Run:
        return Run(
            job,
            self._steps(job),
            self.model.vocabulary,
            self.facts,
            self._told(job, resolved),
            self._prepared(began),
        )

    def _told(self, job: Job, resolved: Resolved) -> dict[str, Any]:
        return {**self._asked(resolved), "seed": job.seed}

    def _asked(self, resolved: Resolved) -> dict[str, Any]:
        """The settings of a run as results tell them: no model but this one was meant."""
        return {**resolved.values(), "model": resolved.value("model") or self.name}

    def _prepared(self, began: float) -> dict[str, float]:
        return {"load": self.load_seconds, "prompt": time.perf_counter() - began}

    def _steps(self, job: Job) -> Iterator[Step]:
        """The steps of one job that runs alone; what is done between them is not in their time."""
        away = 0.0
        for _, event in self.engine.steps(_Alone(job)):
            if isinstance(event, Step):
                left = time.perf_counter()
                yield replace(event, elapsed=event.elapsed - away)
                away += time.perf_counter() - left
            elif event.error is not None:
                raise event.error


def _messages(
    prompt: str | Sequence[Mapping[str, str]], system_prompt: str | None
) -> Sequence[Mapping[str, str]]:
    return chat.messages(prompt, system_prompt) if isinstance(prompt, str) else prompt


def finished(run: AnyRun) -> AnyRun:
    """A run, iterated to its end."""
    for _ in run:
        pass
    return run


class _Alone:
    """One job, as an engine takes it."""

    ahead = 0

    def __init__(self, job: Job) -> None:
        self._job: Job | None = job

    @property
    def over(self) -> bool:
        return self._job is None

    def take(self, wait: bool) -> Job | None:
        job, self._job = self._job, None
        return job


class _Queue:
    """Prompts on their way into an engine, and what has become of them."""

    def __init__(
        self,
        generator: Generator,
        asked: Iterable[Asked] | Arrivals[Asked],
        on_step: OnStep | None = None,
    ) -> None:
        self._generator = generator
        self._on_step = on_step
        self._asked = arrivals(asked)
        self.ahead = self._asked.ahead
        self._runs: dict[Job, tuple[int, Run]] = {}
        self._refused: list[tuple[int, HoshikageError]] = []
        self._count = 0

    @property
    def over(self) -> bool:
        return self._asked.over

    def take(self, wait: bool) -> Job | None:
        """The next job that can be run; errors of those that cannot are kept, and none is waited
        for before they are told."""
        while (asked := self._asked.take(wait and not self._refused)) is not None:
            number, self._count = self._count, self._count + 1
            try:
                return self._begun(number, *asked)
            except HoshikageError as error:
                self._refused.append((number, error))
        return None

    def close(self) -> None:
        self._asked.close()

    def refused(self) -> Iterator[tuple[int, HoshikageError]]:
        """Errors that nobody has been told of yet."""
        while self._refused:
            yield self._refused.pop(0)

    def outcome(self, job: Job, event: Step | Ended) -> tuple[int, Result | HoshikageError] | None:
        """What has become of a job, if it is over."""
        number, run = self._runs[job]
        if isinstance(event, Step):
            made = run.record(event)
            if self._on_step is not None:
                self._on_step(number, made)
            return None
        del self._runs[job]
        run.finish()
        return number, event.error or run.result()

    def _begun(self, number: int, prompt: Prompt, resolved: Resolved) -> Job:
        run = self._generator.start(prompt, resolved)
        self._runs[run.job] = number, run
        return run.job


# --------------------------------------------------------------------------------- loading


def load(
    model: str | Path | None = None,
    *,
    on_progress: Callable[[float], bool | None] | None = None,
    **settings: Unpack[Keywords],
) -> Generator:
    """Load a GGUF by path or shipped name (None: the default model) for generation.

    `settings` are option names, kept as defaults of every call. `on_progress` hears the share
    loaded, 0 to 1. Raises UsageError for a model that is not there or cannot be of the family that
    is named, NotAModel or ModelLoadError for a file that is no model, SettingsError for an unknown
    or invalid setting.
    """
    header, kept = header_of(model, settings.get("family")), kept_with(model)
    title = str(model) if model in CATALOGUE else header.path.name
    name = title if model else DEFAULT_MODEL
    return load_file(header, name, kept=kept, on_progress=on_progress, **settings)


def load_file(
    header: Header,
    name: str,
    *,
    kept: Mapping[str, Any] | None = None,
    on_progress: Callable[[float], bool | None] | None = None,
    **settings: Any,
) -> Generator:
    """The same of a file whose header has been read; `name` is what traces call the model, `kept`
    the settings that go with its name."""
    began = time.perf_counter()
    check(header)
    loaded = Model(
        header.path,
        gpu_layers=settings.get("gpu_layers") or 0,
        repack=settings.get("repack") is not False,
        on_progress=on_progress,
        family=header.named,
    )
    generator = Generator(loaded, name, settings, kept)
    generator.resolve()
    generator.load_seconds = time.perf_counter() - began
    return generator
