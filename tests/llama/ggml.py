"""ggml's own matrix products, called past libllama: from a buffer of any type, in any batch."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import dequantize

POINTER, SIZE, INT64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64
SIGNATURES = {
    "ggml_init": (POINTER, None),
    "ggml_free": (None, [POINTER]),
    "ggml_new_tensor_2d": (POINTER, [POINTER, ctypes.c_int, INT64, INT64]),
    "ggml_mul_mat": (POINTER, [POINTER, POINTER, POINTER]),
    "ggml_new_graph": (POINTER, [POINTER]),
    "ggml_build_forward_expand": (None, [POINTER, POINTER]),
    "ggml_backend_alloc_ctx_tensors_from_buft": (POINTER, [POINTER, POINTER]),
    "ggml_backend_buffer_free": (None, [POINTER]),
    "ggml_backend_tensor_set": (None, [POINTER, POINTER, SIZE, SIZE]),
    "ggml_backend_tensor_get": (None, [POINTER, POINTER, SIZE, SIZE]),
    "ggml_backend_buft_name": (ctypes.c_char_p, [POINTER]),
    "ggml_backend_reg_get_proc_address": (POINTER, [POINTER, ctypes.c_char_p]),
    "ggml_backend_reg_dev_get": (POINTER, [POINTER, SIZE]),
    "ggml_backend_graph_compute": (ctypes.c_int, [POINTER, POINTER]),
    "ggml_backend_free": (None, [POINTER]),
    "ggml_backend_cpu_init": (POINTER, []),
    "ggml_backend_cpu_reg": (POINTER, []),
    "ggml_backend_cpu_buffer_type": (POINTER, []),
    "ggml_backend_cpu_set_n_threads": (None, [POINTER, ctypes.c_int]),
    "ggml_get_type_traits_cpu": (ctypes.POINTER(POINTER), [ctypes.c_int]),
}
Q8_K = 15
BLOCK8_K = np.dtype([("d", np.float32), ("qs", np.int8, 256), ("sums", np.int16, 16)])


class Parameters(ctypes.Structure):
    _fields_ = [("size", SIZE), ("buffer", POINTER), ("no_alloc", ctypes.c_bool)]


class Ggml:
    """The functions of the libraries in a folder."""

    def __init__(self, folder: Path) -> None:
        names = ("libggml-base.so", "libggml-cpu.so")
        self._libraries = [ctypes.CDLL(str(folder / name)) for name in names]
        for name, (result, arguments) in SIGNATURES.items():
            function = next(getattr(lib, name) for lib in self._libraries if hasattr(lib, name))
            function.restype = result
            if arguments is not None:
                function.argtypes = arguments
            setattr(self, name.removeprefix("ggml_"), function)

    def buffer_types(self) -> dict[str, int]:
        """What the processor's backend offers for weights, by name."""
        registry = self.backend_cpu_reg()
        address = self.backend_reg_get_proc_address(registry, b"ggml_backend_dev_get_extra_bufts")
        extra = ctypes.CFUNCTYPE(ctypes.POINTER(POINTER), POINTER)(address)
        found, listed = [], extra(self.backend_reg_dev_get(registry, 0))
        while listed[len(found)]:
            found.append(listed[len(found)])
        found.append(self.backend_cpu_buffer_type())
        return {self.backend_buft_name(each).decode(): each for each in found}

    @contextmanager
    def _tensors(self) -> Iterator[int]:
        memory = self.init(Parameters(1 << 20, None, True))
        try:
            yield memory
        finally:
            self.free(memory)

    def product(
        self, kind: str, weights: np.ndarray, tokens: np.ndarray, where: str, threads: int = 1
    ) -> np.ndarray:
        """Tokens (n, columns) times the quantised rows of weights: (n, rows)."""
        result = np.empty((len(tokens), len(weights)), np.float32)
        with self._tensors() as held, self._tensors() as passing:
            shape = (tokens.shape[1], len(weights))
            left = self.new_tensor_2d(held, GGMLQuantizationType[kind], *shape)
            home = self.backend_alloc_ctx_tensors_from_buft(held, self.buffer_types()[where])
            right = self.new_tensor_2d(passing, GGMLQuantizationType.F32, *tokens.shape[::-1])
            product = self.mul_mat(passing, left, right)
            graph = self.new_graph(passing)
            self.build_forward_expand(graph, product)
            room = self.backend_alloc_ctx_tensors_from_buft(passing, self.backend_cpu_buffer_type())
            self.backend_tensor_set(left, weights.ctypes.data, 0, weights.nbytes)
            self.backend_tensor_set(right, tokens.ctypes.data, 0, tokens.nbytes)
            backend = self.backend_cpu_init()
            self.backend_cpu_set_n_threads(backend, threads)
            assert self.backend_graph_compute(backend, graph) == 0
            self.backend_tensor_get(product, result.ctypes.data, 0, result.nbytes)
            self.backend_free(backend)
            self.backend_buffer_free(home)
            self.backend_buffer_free(room)
        return result

    def quantised(self, kind: str, tokens: np.ndarray) -> np.ndarray:
        """Tokens as they are multiplied by weights of a kind, in double precision."""
        whole = not kind.endswith("_K")
        number = GGMLQuantizationType.Q8_0 if whole else Q8_K
        quantise = ctypes.CFUNCTYPE(None, POINTER, POINTER, INT64)(
            self.get_type_traits_cpu(number)[0]
        )
        room = tokens.size // 32 * 34 if whole else tokens.size // 256 * BLOCK8_K.itemsize
        blocks = np.empty(room, np.uint8)
        quantise(tokens.ctypes.data, blocks.ctypes.data, tokens.size)
        if whole:
            values = dequantize(blocks, GGMLQuantizationType.Q8_0).astype(np.float64)
        else:
            read = blocks.view(BLOCK8_K)
            values = read["d"].astype(np.float64)[:, None] * read["qs"]
        return values.reshape(tokens.shape)
