"""What the library can refuse, as exceptions with one clear line."""

from __future__ import annotations

from ..errors import RunError


class LlamaError(RunError):
    """Base of everything that libllama refuses."""


class ModelLoadError(LlamaError, OSError):
    """A file that cannot be loaded as a model."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ContextError(LlamaError):
    """A context that cannot be made, mostly for want of memory."""


class DecodeError(LlamaError):
    """A forward pass that failed."""


class DecodeAborted(LlamaError):
    """A forward pass that was stopped from outside."""


class TokenizeError(LlamaError, ValueError):
    """A text that cannot be tokenised."""


class ClosedError(LlamaError, ValueError):
    """A model, context or sampler that is used after it was closed."""
