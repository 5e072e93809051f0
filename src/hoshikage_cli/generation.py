"""A session with a model: prompt, tokens, steps, text, result.

Three layers, each calling only the one below: steps (`decoding`), text events (`Run`), and the
finished `Result`. The diffusion loop and the autoregressive loop yield the same `Step`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import chat
from .decoding.autoregressive import extend
from .decoding.diffusion import DiffusionPlan, diffuse
from .decoding.events import Step
from .decoding.proposal import Proposal, ProposalRule
from .errors import NoMaskToken, PromptTooLong, UsageError
from .llama import Context, Model, Sampler
from .llama.rows import RowRule, reduce_rows
from .models.catalogue import CATALOGUE, DEFAULT_MODEL, shipped_path
from .settings import Resolved, Settings, resolve
from .text import Cell, IncrementalText, decode, piece_texts, until_end

if TYPE_CHECKING:
    from .infill import InfillResult, InfillRun

DEFAULT_MAX_TOKENS = {"diffusion": 128, "autoregressive": 512}


# ---------------------------------------------------------------------------- models by name


def find_model(name: str | Path | None) -> Path:
    """The GGUF file that `name` means: a path, or a shipped model; None is the default model.

    Raises UsageError, with the names that would work, when there is no such file.
    """
    wanted = str(name or DEFAULT_MODEL)
    if wanted in CATALOGUE:
        path = shipped_path(wanted)
        if path is None:
            raise UsageError(f"the shipped model {wanted} is missing from this installation")
        return path
    path = Path(wanted).expanduser()
    if path.is_dir():
        raise UsageError(f"{wanted} is a directory: name the .gguf file in it")
    if not path.exists():
        names = ", ".join(CATALOGUE)
        raise UsageError(f"no model {wanted!r}: give the path of a GGUF file, or one of {names}")
    return path


def advice(model: Model) -> dict[str, Any]:
    """What the GGUF itself advises, by option name; the lowest layer above the defaults."""
    keys = {
        "max_tokens": ("hoshikage.max_tokens", int),
        "temperature": ("general.sampling.temp", float),
        "top_k": ("general.sampling.top_k", int),
        "top_p": ("general.sampling.top_p", float),
        "min_p": ("general.sampling.min_p", float),
    }
    found = {}
    for name, (key, convert) in keys.items():
        if key in model.metadata:
            found[name] = convert(model.metadata[key])
    return found


def kind_of(model: Model) -> str:
    return "diffusion" if model.is_diffusion else "autoregressive"


# ------------------------------------------------------------------------------------ results


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


# ---------------------------------------------------------------------------------- a session


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
        return resolve(flags, {}, {}, advice(self.model), self.kind)

    def generate(self, prompt: str, **overrides: Any) -> Result:
        """Answer `prompt`. Keywords are option names: steps=16, algorithm="entropy", seed=1."""
        run = self.stream(prompt, **overrides)
        for _ in run:
            pass
        return run.result()

    def stream(self, prompt: str, **overrides: Any) -> Run:
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

    def start(self, prompt: str, resolved: Resolved) -> Run:
        """Begin a run with settings that are already resolved."""
        settings = resolved.settings
        began = time.perf_counter()
        tokens = self.tokenize(prompt, settings)
        seed = settings.sampling.seed
        seed = secrets.randbits(32) if seed is None else seed
        make = _start_diffusion if self.model.is_diffusion else _start_autoregression
        run = make(self, tokens, settings, seed)
        run.timings["load"] = self.load_seconds
        run.timings["prompt"] = time.perf_counter() - began
        run.settings = {**resolved.values(), "seed": seed}
        return run

    def tokenize(self, prompt: str, settings: Settings) -> NDArray[np.int32]:
        """Prompt tokens, in the model's chat template unless the settings turn it off."""
        vocabulary = self.model.vocabulary
        template = self.model.chat_template
        if template is None or settings.prompt.chat is False:
            text = "\n\n".join(t for t in (settings.prompt.system_prompt, prompt) if t)
            return vocabulary.tokenize(text, add_special=True)
        rendered = chat.render(
            template,
            chat.messages(prompt, settings.prompt.system_prompt),
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


class Run:
    """One generation under way: iterate for `TextEvent`s; `result()` at any time."""

    def __init__(
        self,
        generator: Generator,
        steps: Iterator[Step],
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
        self._steps = steps
        self._watch = watch
        self._finished = False
        self._elapsed = 0.0
        self._new_text = IncrementalText()
        self._history: dict[int, tuple[float, int]] = {}
        self._piece = generator.model.vocabulary.piece
        self._end_tokens = generator.model.vocabulary.end_tokens

    def __iter__(self) -> Iterator[TextEvent]:
        for step in self._steps:
            self._record(step)
            yield TextEvent(step, self, self.nfe, self._text_added(step))
        self._finished = True

    def result(self) -> Result:
        """What there is: complete after iteration, the text so far in the middle of it."""
        answer = self._answer_tokens(self.canvas)
        text = decode(answer, self._piece)
        return Result(
            text=text,
            tokens=tuple(answer),
            model=self.generator.name,
            settings=self.settings,
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

    def _record(self, step: Step) -> None:
        self.canvas = step.canvas
        self.nfe += step.nfe
        self.n_steps += 1
        self._elapsed = step.elapsed
        for commit in step.commits:
            self._history[commit.position] = (commit.confidence, step.index)

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
        if not self._finished:
            return "interrupted"
        answer = self.canvas[self.prompt_length :].tolist()
        return "end" if any(token in self._end_tokens for token in answer) else "length"

    def _all_timings(self, completion_tokens: int) -> dict[str, float]:
        rate = completion_tokens / self._elapsed if self._elapsed > 0 else 0.0
        measured = {
            **self.timings,
            "decode": self._watch.decode,
            "reduce": self._watch.reduce,
            "generate": self._elapsed,
            "tokens_per_second": rate,
        }
        return {name: round(value, 6) for name, value in measured.items()}


# -------------------------------------------------------------------------------- diffusion


def _start_diffusion(
    generator: Generator, prompt: NDArray[np.int32], settings: Settings, seed: int
) -> Run:
    model = generator.model
    mask_token = _mask_token(model, settings)
    length = _canvas_length(model, len(prompt), settings)
    tokens = np.full(length, mask_token, np.int32)
    tokens[: len(prompt)] = prompt
    context = generator.context(
        length=length,
        sequences=2 if settings.diffusion.cfg_scale > 0 else 1,
        threads=settings.model.threads,
        shift_logits=settings.model.shift_logits,
        mask_token=mask_token,
    )
    plan = diffusion_plan(model, context.shift_logits, mask_token, settings, seed)
    watch = Stopwatch()
    steps = diffuse(
        _TimedDenoiser(context, watch), tokens, len(prompt), plan, _proposer(context.threads, watch)
    )
    total = plan.steps or int((tokens == mask_token).sum())
    return Run(generator, steps, tokens, len(prompt), mask_token, seed, total, watch)


def diffusion_plan(
    model: Model, shift_logits: bool, mask_token: int, settings: Settings, seed: int
) -> DiffusionPlan:
    """The pure plan of a run: what the decoding package needs of the settings and the model."""
    diffusion, sampling = settings.diffusion, settings.sampling
    end_tokens = model.vocabulary.end_tokens
    suppressed = tuple(sorted(end_tokens)) if diffusion.eos_policy == "suppress" else ()
    rule = ProposalRule(
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        gumbel=diffusion.gumbel,
        confidence=diffusion.confidence or ("sampled" if shift_logits else "clean"),
        guidance=diffusion.cfg_scale,
        banned=(mask_token, *suppressed),
        seed=seed,
    )
    return DiffusionPlan(
        steps=diffusion.steps,
        algorithm=diffusion.algorithm,
        schedule=diffusion.schedule,
        eps=diffusion.eps,
        block_length=diffusion.block_length,
        alg_temp=diffusion.alg_temp,
        eos_policy=diffusion.eos_policy,
        end_tokens=end_tokens,
        rule=rule,
    )


def _mask_token(model: Model, settings: Settings) -> int:
    chosen = settings.model.mask_token
    if chosen is None:
        chosen = model.vocabulary.mask_token
    if chosen is None:
        raise NoMaskToken(
            f"{model.path.name} is a diffusion model whose vocabulary names no mask token: "
            "give its id with --mask-token"
        )
    if not 0 <= chosen < model.n_vocab:
        raise UsageError(
            f"--mask-token {chosen} is outside the vocabulary (0 to {model.n_vocab - 1})"
        )
    return chosen


def _canvas_length(model: Model, prompt_length: int, settings: Settings) -> int:
    canvas = settings.canvas
    limit = settings.model.ctx_size or model.n_ctx_train
    if canvas.max_length is not None:
        length = canvas.max_length
    else:
        length = prompt_length + (canvas.max_tokens or DEFAULT_MAX_TOKENS["diffusion"])
    if prompt_length >= length:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and leaves no room on a canvas of {length}: "
            "shorten it or raise --max-length"
        )
    if length > limit:
        raise PromptTooLong(
            f"a prompt of {prompt_length} tokens and {length - prompt_length} to generate "
            f"exceed the context of {limit}: shorten the prompt or lower --max-tokens"
        )
    return length


class _TimedDenoiser:
    """A context as the decoding loop sees it, with the time of its forward passes noted."""

    def __init__(self, context: Context, watch: Stopwatch) -> None:
        self.n_vocab = context.n_vocab
        self.mask_token = context.mask_token
        self.shift_logits = context.shift_logits
        self.has_cache = context.has_cache
        self.max_sequences = context.max_sequences
        self._context = context
        self._watch = watch

    def logits(self, queries):
        began = time.perf_counter()
        rows = self._context.logits(queries)
        self._watch.decode += time.perf_counter() - began
        return rows


def _proposer(threads: int, watch: Stopwatch) -> Callable[..., Proposal]:
    def native(logits, unconditional, positions, step, rule: ProposalRule) -> Proposal:
        began = time.perf_counter()
        rows = reduce_rows(logits, unconditional, positions, step, _row_rule(rule), threads)
        watch.reduce += time.perf_counter() - began
        return Proposal(**vars(rows))

    return native


def _row_rule(rule: ProposalRule) -> RowRule:
    return RowRule(
        temperature=rule.temperature,
        top_k=rule.top_k,
        top_p=rule.top_p,
        gumbel=rule.gumbel,
        clean=rule.confidence == "clean",
        guidance=rule.guidance,
        banned=rule.banned,
        seed=rule.seed,
    )


# --------------------------------------------------------------------------- autoregression


class _NextToken:
    """What the autoregressive loop asks for, over a context and a chain of samplers."""

    def __init__(self, context: Context, sampler: Sampler, watch: Stopwatch) -> None:
        self._context = context
        self._sampler = sampler
        self._watch = watch

    def prefill(self, tokens: NDArray[np.int32]) -> None:
        began = time.perf_counter()
        self._context.prefill(tokens)
        self._watch.decode += time.perf_counter() - began

    def sample(self) -> tuple[int, float]:
        began = time.perf_counter()
        drawn = self._sampler.sample(self._context)
        self._watch.reduce += time.perf_counter() - began
        return drawn

    def append(self, token: int) -> None:
        began = time.perf_counter()
        self._context.append(token)
        self._watch.decode += time.perf_counter() - began


def _start_autoregression(
    generator: Generator, prompt: NDArray[np.int32], settings: Settings, seed: int
) -> Run:
    model = generator.model
    max_tokens, length = _autoregressive_length(model, len(prompt), settings)
    context = generator.context(length=length, threads=settings.model.threads)
    sampling = settings.sampling
    sampler = Sampler(
        model,
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
        repeat_penalty=sampling.repeat_penalty,
        seed=seed,
    )
    watch = Stopwatch()
    source = _NextToken(context, sampler, watch)
    steps = extend(source, prompt, max_tokens, model.vocabulary.end_tokens)
    return Run(generator, steps, prompt, len(prompt), None, seed, max_tokens, watch)


def _autoregressive_length(model: Model, prompt_length: int, settings: Settings) -> tuple[int, int]:
    """How many tokens to generate and how large a context that takes."""
    limit = settings.model.ctx_size or model.n_ctx_train
    canvas = settings.canvas
    if prompt_length >= limit:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and the context holds {limit}: shorten it"
        )
    if canvas.max_length is not None:
        wanted = canvas.max_length - prompt_length
    else:
        wanted = canvas.max_tokens or DEFAULT_MAX_TOKENS["autoregressive"]
    if wanted <= 0:
        raise PromptTooLong(
            f"the prompt has {prompt_length} tokens and leaves no room in {canvas.max_length}: "
            "shorten it or raise --max-length"
        )
    max_tokens = min(wanted, limit - prompt_length)
    return max_tokens, prompt_length + max_tokens


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
