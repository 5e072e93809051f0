"""A GGUF file that is loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from ..errors import NoMaskToken
from ..files import open_regular
from . import library
from ._native import ffi, lib
from .errors import ClosedError, ModelLoadError
from .families import Family, Recognised, has_mask, recognise, shift_of
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ._native import CData, ModelHandle


ProgressListener = Callable[[float], "bool | None"]


class Model:
    """Weights and vocabulary. `repack`: weights are laid out anew for the kernels, where there are
    kernels for it. `on_progress` hears the share loaded, 0 to 1; False stops loading. `family`
    names what the file is, where it does not say so itself.

    Raises ModelLoadError for a file that is missing, unreadable, no GGUF, cut short or of an
    architecture that the library does not know.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        gpu_layers: int = 0,
        repack: bool = True,
        vocabulary_only: bool = False,
        on_progress: ProgressListener | None = None,
        family: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.named = family
        _check_file(self.path)
        library.initialise()
        self.children: WeakSet[Closable] = WeakSet()
        self._loaded: ModelHandle | None = self._load(
            gpu_layers, repack, vocabulary_only, on_progress
        )

    def _load(
        self,
        gpu_layers: int,
        repack: bool,
        vocabulary_only: bool,
        on_progress: ProgressListener | None,
    ) -> ModelHandle:
        watch = ffi.new_handle(_Progress(on_progress))
        parameters = lib.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers
        parameters.use_extra_bufts = repack
        parameters.vocab_only = vocabulary_only
        parameters.progress_callback = lib.hoshi_on_progress
        parameters.progress_callback_user_data = watch
        with library.calling():
            handle = lib.llama_model_load_from_file(os.fsencode(self.path), parameters)
            lines = library.error_lines()
            if handle != ffi.NULL:
                handle = ffi.gc(handle, lib.llama_model_free, self.path.stat().st_size)
        if handle == ffi.NULL:
            raise ModelLoadError(f"cannot load {self.path.name}: {_reason(lines)}")
        return handle

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the weights, and close the contexts that still use them."""
        for child in list(self.children):
            child.close()
        if self._loaded is not None:
            ffi.release(self._loaded)
            self._loaded = None

    @property
    def _handle(self) -> ModelHandle:
        if self._loaded is None:
            raise ClosedError(f"the model {self.path.name} is closed")
        return self._loaded

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self)

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The file's key-value pairs, as text; long arrays are shortened by the library."""
        ask_key, ask_value = (
            lib.llama_model_meta_key_by_index,
            lib.llama_model_meta_val_str_by_index,
        )
        count = lib.llama_model_meta_count(self._handle)
        return {self._meta(ask_key, i): self._meta(ask_value, i) for i in range(count)}

    def _meta(self, ask: Callable[[ModelHandle, int, CData, int], int], index: int) -> str:
        room = ffi.new("char[]", 256)
        length = ask(self._handle, index, room, len(room))
        if length >= len(room):
            room = ffi.new("char[]", length + 1)
            length = ask(self._handle, index, room, len(room))
        return bytes(ffi.buffer(room, max(0, length))).decode("utf-8", "replace")

    @property
    def architecture(self) -> str:
        return self.metadata.get("general.architecture", "unknown")

    @cached_property
    def recognised(self) -> Recognised:
        """Its family, and by what. Raises UsageError for one that it cannot be of."""
        return recognise(self.metadata, self._text, self.named)

    @property
    def family(self) -> Family:
        return self.recognised.family

    @property
    def is_diffusion(self) -> bool:
        """The library's own word for it; a test holds the table of families to it."""
        return lib.llama_model_is_diffusion(self._handle)

    @property
    def can_repeat(self) -> bool:
        """Whether part of a text can be taken back and evaluated anew: a state that runs along the
        text cannot be wound back."""
        handle = self._handle
        return not (lib.llama_model_is_recurrent(handle) or lib.llama_model_is_hybrid(handle))

    @property
    def shift_logits(self) -> bool:
        return shift_of(self.metadata, self.family)

    @property
    def chat_template(self) -> str | None:
        template = lib.llama_model_chat_template(self._handle, ffi.NULL)
        return None if template == ffi.NULL else ffi.string(template).decode("utf-8", "replace")

    @property
    def mask_token(self) -> int:
        """Raises NoMaskToken for a vocabulary that names none and has none of its family's."""
        token = self.vocabulary.mask_token
        if token is None and self.family.mask and has_mask(self.family, self._text):
            return self.family.mask.id
        if token is None:
            raise NoMaskToken(
                f"{self.path.name} is a diffusion model whose vocabulary names no mask token: "
                "give its id with --mask-token"
            )
        return token

    def _text(self, token: int) -> str | None:
        return self.vocabulary.text(token) if token < self.n_vocab else None

    @property
    def n_vocab(self) -> int:
        return len(self.vocabulary)

    @property
    def n_parameters(self) -> int:
        return lib.llama_model_n_params(self._handle)

    @property
    def size_bytes(self) -> int:
        return lib.llama_model_size(self._handle)

    @property
    def n_ctx_train(self) -> int:
        return lib.llama_model_n_ctx_train(self._handle)


class Closable(Protocol):
    """What uses a model's weights and must be closed before them."""

    def close(self) -> None: ...


class _Progress:
    """Hands the progress of loading to a listener, whose False stops it."""

    def __init__(self, listener: Callable[[float], bool | None] | None) -> None:
        self.listener = listener

    def __call__(self, share: float) -> bool:
        if library.has_raised():
            return False
        return self.listener is None or self.listener(share) is not False


@ffi.def_extern(error=False, onerror=library.keep_exception)
def hoshi_on_progress(share: float, user_data: CData) -> bool:
    return ffi.from_handle(user_data)(share)


def _reason(lines: list[str]) -> str:
    """Of the library's error lines, from the cause to the general, the one that helps."""
    cause = next((line for line in lines if "error loading model: " in line), "")
    cause = cause.partition("error loading model: ")[2]
    if lines and (not cause or "failed to load model from" in cause):
        cause = f"the file cannot be read as a GGUF: {_without_function(lines[0])}"
    return _without_function(cause) or "the library gives no reason"


def _without_function(line: str) -> str:
    return re.sub(r"^(\w+: )+", "", line)


def _check_file(path: Path) -> None:
    """Say plainly what the library would say in its own words, or crash on."""
    try:
        with open_regular(path) as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelLoadError(f"cannot read {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise ModelLoadError(f"{path} is not a GGUF file: convert it with llama.cpp first")
