"""Everything that touches libllama. Nothing above this package sees a C object."""

from __future__ import annotations

from .context import Context
from .errors import LlamaError, ModelLoadError
from .library import build_info, initialise
from .model import Model
from .sampler import Sampler
from .vocabulary import Vocabulary

__all__ = [
    "Context",
    "LlamaError",
    "Model",
    "ModelLoadError",
    "Sampler",
    "Vocabulary",
    "build_info",
    "initialise",
]
