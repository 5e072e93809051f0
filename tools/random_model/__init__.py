"""Models of the real architectures with random weights, for tests and benchmarks.

    PYTHONPATH=tools python -m random_model out.gguf --arch dream --layers 24 --width 896

What they say is noise; what they cost, and which code of libllama they run, is what a trained
model of the same shape costs and runs. The same arguments give the same file, byte for byte.
"""

from __future__ import annotations

from .shapes import ARCHITECTURES, Shape
from .vocabulary import Vocabulary, byte_vocabulary, copied_vocabulary
from .write import write_header, write_model

__all__ = [
    "ARCHITECTURES",
    "Shape",
    "Vocabulary",
    "byte_vocabulary",
    "copied_vocabulary",
    "write_header",
    "write_model",
]
