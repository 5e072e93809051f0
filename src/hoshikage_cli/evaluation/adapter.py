"""A model as lm-eval asks it: log-likelihoods of continuations and of documents, and answers.

lm-eval cuts texts into contexts and continuations by its own rules (`TemplateLM`), so that figures
compare with those of its other models; what arrives here are tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from numpy.typing import NDArray
from tqdm import tqdm

from ..chat import template as chat
from ..errors import HoshikageError, UsageError
from ..generation.generator import AT_ONCE, Asked, load
from ..generation.scoring import DRAWS, Score
from ..settings.declared import declarations

log = logging.getLogger(__name__)

SEED = 1234
"""lm-eval's own."""
MAX_TOKENS = 256
"""What lm-eval takes where a task does not say."""
LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""How tasks spell the most tokens of an answer."""

Tokens = NDArray[np.int32]
Pair = tuple[tuple[str, str], list[int], list[int]]
"""Context and continuation, as text and as tokens."""


class HoshikageLM(TemplateLM):
    """`--model hoshikage --model_args path=model.gguf,steps=64,…`.

    path: a GGUF or the name of a model. method, samples: how a diffusion model is asked for
    likelihoods. greedy: whether it is also asked if a continuation is what it would write itself,
    by another run along its own order; without it the answer to that is no. All else are options of
    `hoshikage generate` by name. batch_size: canvases side by side; lm-eval's 1, and auto, stand
    for as many as are good.
    """

    def __init__(
        self,
        path: str | None = None,
        method: str | None = None,
        samples: int = DRAWS,
        greedy: bool = False,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if device is not None:
            settings.setdefault("gpu_layers", 0 if device == "cpu" else -1)
        settings.setdefault("seed", SEED)
        self._given = settings
        self._generator = load(path, **settings)
        self._method, self._samples, self._greedy = method, int(samples), greedy
        self._at_once = _at_once(batch_size)
        self._vocabulary = self._generator.model.vocabulary
        self._templated = False

    # ------------------------------------------------------------------------------ tokens

    @property
    def eot_token_id(self) -> int:
        token = self._vocabulary.eos
        if token is None:
            raise UsageError(f"{self._generator.name}: the vocabulary names no end of text")
        return token

    @property
    def prefix_token_id(self) -> int:
        return self.eot_token_id if self._vocabulary.bos is None else self._vocabulary.bos

    @property
    def max_length(self) -> int:
        settings = self._generator.resolve().settings
        return settings.model.ctx_size or self._generator.model.n_ctx_train

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        special = not self._templated if add_special_tokens is None else add_special_tokens
        return self._vocabulary.tokenize(
            string, add_special=special, parse_special=self._templated
        ).tolist()

    @property
    def tokenizer_name(self) -> str:
        return self._generator.name.replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        return self._generator.model.chat_template or ""

    def apply_chat_template(
        self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """From here on prompts are in the template, and special tokens in them count as such."""
        template = self._generator.model.chat_template
        if template is None:
            return chat.plain(chat_history)
        self._templated = True
        spelled = [
            self._vocabulary.text(token) if token is not None else ""
            for token in (self._vocabulary.bos, self._vocabulary.eos)
        ]
        return chat.render(
            template,
            chat_history,
            bos_token=spelled[0],
            eos_token=spelled[1],
            add_generation_prompt=add_generation_prompt,
        )

    # ------------------------------------------------------------------------- likelihoods

    def _loglikelihood_tokens(
        self, requests: Sequence[Pair], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        """Continuations of one context, as the choices of a question are, go together."""
        answers: list[tuple[float, bool]] = []
        fitted = [_Fitted(self.max_length, *request) for request in requests]
        with tqdm(total=len(fitted), desc="Scoring", disable=disable_tqdm) as bar:
            for _context, group in groupby(fitted, key=lambda each: each.context):
                for each, score in self._scores(list(group)):
                    answers.append((score.log_likelihood, self._is_greedy(each, score)))
                    self.cache_hook.add_partial("loglikelihood", each.texts, answers[-1])
                    bar.update()
        return answers

    def _scores(self, together: list[_Fitted]) -> Iterator[tuple[_Fitted, Score]]:
        scores = self._generator.scores(
            [_array(each.continuation) for each in together],
            together[0].prompt,
            self._generator.resolve(),
            method=self._method,
            samples=self._samples,
        )
        yield from zip(together, scores, strict=True)

    def _is_greedy(self, asked: _Fitted, score: Score) -> bool:
        if score.greedy is not None or not self._greedy:
            return bool(score.greedy)
        resolved = self._generator.resolve(steps=0, algorithm="confidence", alg_temp=0.0)
        (along,) = self._generator.scores(
            [_array(asked.continuation)], asked.prompt, resolved, method="order"
        )
        return bool(along.greedy)

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Documents of any length, in windows of the context's."""
        answers: list[float] = []
        for (text,) in tqdm([r.args for r in requests], desc="Scoring", disable=disable_tqdm):
            windows = get_rolling_token_windows(
                token_list=self.tok_encode(text, add_special_tokens=False),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length - 1,
                context_len=1,
            )
            pairs = map(make_disjoint_window, windows)
            # What the first window begins with is ours to choose.
            asked = [(("" if i == 0 else text, ""), *pair) for i, pair in enumerate(pairs)]
            found = self._loglikelihood_tokens(asked, disable_tqdm=True)
            answers.append(sum(nats for nats, _ in found))
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), answers[-1])
        return answers

    # ----------------------------------------------------------------------------- answers

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Answers, several side by side; one that does not fit the context is empty."""
        wanted = [tuple(request.args) for request in requests]
        answers = [""] * len(wanted)
        outcomes = self._generator.generate_many(
            [self._asked(*each) for each in wanted], self._at_once
        )
        for number, outcome in tqdm(
            outcomes, total=len(wanted), desc="Generating", disable=disable_tqdm
        ):
            if isinstance(outcome, HoshikageError):
                log.warning("an answer counts as empty: %s", outcome)
                continue
            context, options = wanted[number]
            answers[number] = outcome.text
            self.cache_hook.add_partial("generate_until", (context, options), answers[number])
        return answers

    def _asked(self, context: str, options: Mapping[str, Any]) -> Asked:
        """A prompt, cut from the left to leave room for its answer, and settings."""
        settings = self._settings(options)
        room = max(1, self.max_length - settings["max_tokens"])
        tokens = self.tok_encode(context)
        if len(tokens) > room:
            log.warning("a prompt of %d tokens is cut to its last %d", len(tokens), room)
        return _array(tokens[-room:]), self._generator.resolve(**settings)

    def _settings(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a task asks for, by our names; greedy unless it, or the model's arguments, say
        otherwise."""
        known = declarations()
        settings = {name: value for name, value in options.items() if name in known}
        limits = [options[name] for name in LIMITS if options.get(name) is not None]
        limit = limits[0] if limits else self._given.get("max_tokens", MAX_TOKENS)
        settings["max_tokens"] = min(int(limit), self.max_length - 1)
        settings["stop"] = _strings(options.get("until"))
        if options.get("do_sample") is False:
            settings["temperature"] = 0.0
        settings.setdefault("temperature", self._given.get("temperature", 0.0))
        if unknown := set(options) - set(known) - {*LIMITS, "until", "do_sample"}:
            log.warning("of no effect here: %s", ", ".join(sorted(unknown)))
        return settings


class _Fitted:
    """A pair as far as it fits a context: what is too much goes from the left."""

    def __init__(
        self, limit: int, texts: tuple[str, str], context: list[int], continuation: list[int]
    ) -> None:
        self.texts = texts
        self.continuation = continuation[-(limit - 1) :]
        room = limit - len(self.continuation)
        self.context = context[-room:]
        if len(context) + len(continuation) > limit:
            log.warning("%d tokens are cut to the last %d", len(context) + len(continuation), limit)

    @property
    def prompt(self) -> Tokens | None:
        """None where nothing is given: the model then begins as it does by itself."""
        return _array(self.context) if self.texts[0] else None


def _strings(value: str | Sequence[str] | None) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value or []
    return tuple(text for text in texts if text)


def _array(tokens: list[int]) -> Tokens:
    return np.array(tokens, np.int32)


def _at_once(batch_size: int | str | None) -> int:
    wanted = str(batch_size or 1).partition(":")[0]
    return int(wanted) if wanted.isdigit() and int(wanted) > 1 else AT_ONCE
