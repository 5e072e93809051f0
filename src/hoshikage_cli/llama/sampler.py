"""libllama's chain of samplers, for autoregressive models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._native import ffi, lib
from .errors import ClosedError, LlamaError
from .model import Model
from .text_context import TextContext

if TYPE_CHECKING:
    from ._native import SamplerHandle


class Sampler:
    """Penalties, top-k, top-p, min-p, temperature, draw: llama.cpp's order. temperature 0 is
    greedy. Filters at 0 (top-k, min-p) or 1 (top-p) are off."""

    def __init__(
        self,
        model: Model,
        *,
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.05,
        repeat_penalty: float = 1.0,
        repeat_last_n: int = 64,
        seed: int = 0,
    ) -> None:
        penalised = repeat_penalty != 1.0 and repeat_last_n != 0
        self._plain = temperature <= 0 and not penalised  # no chain has anything to do
        parameters = lib.llama_sampler_chain_default_params()
        parameters.no_perf = True
        chain = lib.llama_sampler_chain_init(parameters)
        self._chain: SamplerHandle | None = ffi.gc(chain, lib.llama_sampler_free)
        self._n_vocab = model.n_vocab
        self._candidates = ffi.new("llama_token_data[]", self._n_vocab)
        self._probability = ffi.new("float *")
        if penalised:
            penalties = (self._n_vocab, repeat_last_n, repeat_penalty, 0.0, 0.0)
            self._add(lib.llama_sampler_init_penalties(*penalties))
        if temperature <= 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if top_k > 0:
            self._add(lib.llama_sampler_init_top_k(top_k))
        if top_p < 1:
            self._add(lib.llama_sampler_init_top_p(top_p, 1))
        if min_p > 0:
            self._add(lib.llama_sampler_init_min_p(min_p, 1))
        self._add(lib.llama_sampler_init_temp(temperature))
        self._add(lib.llama_sampler_init_dist(seed % 2**32))

    def _add(self, sampler: SamplerHandle) -> None:
        lib.llama_sampler_chain_add(self._open_chain(), sampler)

    def __enter__(self) -> Sampler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._chain is not None:
            ffi.release(self._chain)
            self._chain = None

    def accept(self, token: int) -> None:
        """Count a token that was not sampled, such as the prompt's, for the penalties."""
        lib.llama_sampler_accept(self._open_chain(), token)

    def sample(self, context: TextContext) -> tuple[int, float]:
        """The next token, accepted, and its probability in the distribution it was drawn from."""
        logits = context._last_logits()
        if logits == ffi.NULL:
            raise LlamaError("nothing was decoded that a token could be sampled from")
        chain, size, probability = self._open_chain(), self._n_vocab, self._probability
        if self._plain:
            token = lib.hoshi_sample_greedily(logits, size, probability)
        else:
            token = lib.hoshi_sample(chain, logits, size, self._candidates, probability)
        if token < 0:
            raise LlamaError("the samplers chose no token")
        return token, probability[0]

    def _open_chain(self) -> SamplerHandle:
        if self._chain is None:
            raise ClosedError("the sampler is closed")
        return self._chain
