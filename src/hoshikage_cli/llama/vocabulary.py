"""Tokens to bytes and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ._native import ffi, lib
from .cuts import STRETCH, Cutter
from .errors import TokenizeError

if TYPE_CHECKING:
    from ._native import ModelHandle, VocabHandle

CONTROL = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN
USER_DEFINED, RSTRIP = lib.LLAMA_TOKEN_ATTR_USER_DEFINED, lib.LLAMA_TOKEN_ATTR_RSTRIP


class Owner(Protocol):
    """The model in whose memory a vocabulary lies."""

    @property
    def _handle(self) -> ModelHandle: ...


class Vocabulary:
    """A model's tokens. Special tokens that the file does not name are None."""

    def __init__(self, model: Owner) -> None:
        self._model = model  # the vocabulary lives in the model's memory
        self._pieces: dict[tuple[int, bool], bytes] = {}
        self._cutter: dict[bool, Cutter] = {}

    @property
    def _vocab(self) -> VocabHandle:
        # Asked for anew: a closed model raises ClosedError, where a kept pointer would dangle.
        return lib.llama_model_get_vocab(self._model._handle)

    def __len__(self) -> int:
        return lib.llama_vocab_n_tokens(self._vocab)

    @property
    def mask_token(self) -> int | None:
        return self._special(lib.llama_vocab_mask)

    @property
    def bos(self) -> int | None:
        return self._special(lib.llama_vocab_bos)

    @property
    def eos(self) -> int | None:
        return self._special(lib.llama_vocab_eos)

    @property
    def pad(self) -> int | None:
        return self._special(lib.llama_vocab_pad)

    @property
    def add_bos(self) -> bool:
        return lib.llama_vocab_get_add_bos(self._vocab)

    @cached_property
    def end_tokens(self) -> frozenset[int]:
        """Every token that ends a generation."""
        vocab, is_end = self._vocab, lib.llama_vocab_is_eog
        return frozenset(t for t in range(len(self)) if is_end(vocab, t))

    def text(self, token: int) -> str:
        """The token as the vocabulary spells it."""
        spelled = lib.llama_vocab_get_text(self._vocab, self._checked(token))
        return ffi.string(spelled).decode("utf-8", "replace")

    def is_control(self, token: int) -> bool:
        """Whether a token is no text: what it stands for has no spelling of its own."""
        return not self.piece(token) and bool(self.piece(token, special=True))

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> NDArray[np.int32]:
        """Tokens (n,). `add_special` adds what the model wants around a text; `parse_special`
        reads spelled-out special tokens as such. Raises TokenizeError."""
        data = text.encode("utf-8", "surrogatepass")
        if len(data) <= STRETCH:
            return self._tokens(data, add_special, parse_special)
        around = self._tokens(b"", add_special, parse_special)
        before = int(len(around) > 0 and self.add_bos)
        pieces = self._cutters(parse_special).pieces(data)
        inside = [self._tokens(piece, False, parse_special) for piece in pieces]
        return np.concatenate([around[:before], *inside, around[before:]])

    def _cutters(self, parse_special: bool) -> Cutter:
        if parse_special not in self._cutter:
            kinds = CONTROL | USER_DEFINED if parse_special else USER_DEFINED
            attributes = ((t, lib.llama_vocab_get_attr(self._vocab, t)) for t in range(len(self)))
            strips = {
                ffi.string(lib.llama_vocab_get_text(self._vocab, token)): bool(has & RSTRIP)
                for token, has in attributes
                if has & kinds
            }
            self._cutter[parse_special] = Cutter(strips)
        return self._cutter[parse_special]

    def _tokens(self, data: bytes, add_special: bool, parse_special: bool) -> NDArray[np.int32]:
        tokens = np.empty(len(data) + 8, np.int32)
        count = self._tokenize(data, tokens, add_special, parse_special)
        if count < 0:
            tokens = np.empty(-count, np.int32)
            count = self._tokenize(data, tokens, add_special, parse_special)
        if count < 0:
            raise TokenizeError("the text cannot be tokenised with this model's vocabulary")
        return tokens[:count].copy()

    def _tokenize(
        self, data: bytes, tokens: NDArray[np.int32], add_special: bool, parse_special: bool
    ) -> int:
        room = ffi.from_buffer("int32_t[]", tokens, require_writable=True)
        return lib.llama_tokenize(
            self._vocab, data, len(data), room, len(tokens), add_special, parse_special
        )

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of one token; control tokens have none unless `special`."""
        key = (token, special)
        if key not in self._pieces:
            self._pieces[key] = self._piece(token, special)
        return self._pieces[key]

    def _piece(self, token: int, special: bool) -> bytes:
        self._checked(token)
        room = ffi.new("char[]", 64)
        length = lib.llama_token_to_piece(self._vocab, token, room, len(room), 0, special)
        if length < 0:
            room = ffi.new("char[]", -length)
            length = lib.llama_token_to_piece(self._vocab, token, room, len(room), 0, special)
        return bytes(ffi.buffer(room, max(0, length)))

    def detokenize(self, tokens: Iterable[int], *, special: bool = False) -> bytes:
        """The bytes of a sequence of tokens."""
        return b"".join(self.piece(int(token), special=special) for token in tokens)

    def _checked(self, token: int) -> int:
        # libllama throws through C, which ends the process.
        if not 0 <= token < len(self):
            raise TokenizeError(f"token {token} is outside the vocabulary of {len(self)}")
        return token

    def _special(self, ask: Callable[[VocabHandle], int]) -> int | None:
        token = ask(self._vocab)
        return token if token >= 0 else None
