"""Weights that are laid out anew when they are loaded: what becomes of products, models, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from hoshikage_cli.llama.build import paths
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.model import Model
from quantised import KINDS, blocks_of, columns_of, tokens_of, values
from random_models import DIFFUSION

from .ggml import Ggml
from .test_context import canvas, rows

OURS = "CPU_PREPARED"
LENGTH = 70


@pytest.fixture(scope="module")
def ggml() -> Ggml:
    found = Ggml(paths().libraries)
    if OURS not in found.buffer_types():
        pytest.skip("needs our library, on a processor with AVX-512 VNNI and without AMX")
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [256, 1024, 4096, 12288])
@pytest.mark.parametrize("size", [1e-5, 1, 1e4])
def test_the_error_is_no_larger_than_ggmls(ggml, kind, columns, size):
    """Against double precision, tokens as they are quantised; ggml's own is the product of one."""
    rng = np.random.default_rng(columns)
    weights = blocks_of(kind, rng, 200, columns // columns_of(kind))
    tokens = np.float32(size) * tokens_of(rng, 12, columns)
    exact = ggml.quantised(kind, tokens) @ values(kind, weights).T
    ours = ggml.product(kind, weights, tokens, OURS) - exact
    theirs = [ggml.product(kind, weights, token[None], "CPU") for token in tokens]
    assert np.square(ours).mean() <= np.square(np.concatenate(theirs) - exact).mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (17, 1), (40, 2), (100, 7), (1000, 33), (250, 130)])
def test_neither_batch_nor_threads_show(ggml, kind, shape):
    (count, n), columns = shape, 768
    rng = np.random.default_rng(n)
    weights, tokens = (
        blocks_of(kind, rng, count, columns // columns_of(kind)),
        tokens_of(rng, n, columns),
    )
    together = ggml.product(kind, weights, tokens, OURS)
    for threads in (2, 5):
        assert np.array_equal(ggml.product(kind, weights, tokens, OURS, threads), together)
    for one in {0, n // 2, n - 1}:
        alone = ggml.product(kind, weights, tokens[one : one + 1].copy(), OURS)
        assert np.array_equal(alone[0], together[one])


@pytest.mark.parametrize("columns", [32, 96, 160])
def test_an_odd_number_of_blocks(ggml, columns):
    rng = np.random.default_rng(columns)
    weights, tokens = blocks_of("Q8_0", rng, 37, columns // 32), tokens_of(rng, 5, columns)
    wanted = ggml.quantised("Q8_0", tokens) @ values("Q8_0", weights).T
    assert np.allclose(ggml.product("Q8_0", weights, tokens, OURS, 2), wanted, atol=1e-4)


@pytest.mark.parametrize("arch", DIFFUSION)
@pytest.mark.parametrize("quantisation", ["Q8_0", "Q4_0"])
def test_a_model_says_the_same_either_way(model_file, arch, quantisation):
    """Experts too, whose matrices stay as they are."""
    path = model_file(arch, name=f"{arch}-{quantisation}", quantisation=quantisation)
    found = [logits(path, repack) for repack in (True, False)]
    assert np.abs(found[0] - found[1]).max() <= 0.02 * np.abs(found[1]).max()


def logits(path, repack: bool) -> np.ndarray:
    with (
        Model(path, repack=repack) as model,
        CanvasContext(model, length=LENGTH, threads=2) as context,
    ):
        return rows(context, canvas(length=LENGTH), np.arange(LENGTH))


TYPES = """
import json, sys
from pathlib import Path
from llama.ggml import Ggml
print(json.dumps(list(Ggml(Path(sys.argv[1])).buffer_types())))
"""


def test_the_stock_switch_leaves_products_to_ggml(ggml):
    told = in_a_process(TYPES, str(paths().libraries), HOSHIKAGE_STOCK_KERNELS="1")
    assert OURS not in told


PEAK = """
import json, sys
from resource import RUSAGE_SELF, getrusage
from hoshikage_cli.llama.library import initialise
from hoshikage_cli.llama.model import Model
initialise()
before = getrusage(RUSAGE_SELF).ru_maxrss
Model(sys.argv[1], repack=sys.argv[2] == "True")
print(json.dumps(1024 * (getrusage(RUSAGE_SELF).ru_maxrss - before)))
"""


@pytest.fixture(scope="module")
def wide(model_file):
    """Its matrices are large enough for threads of their own."""
    shape = {"layers": 6, "width": 1024, "feed_forward": 2048, "quantisation": "Q8_0"}
    return model_file("llada", name="large", **shape)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's pages count otherwise")
@pytest.mark.parametrize("repack", [True, False])
def test_a_file_is_not_held_twice(ggml, wide, repack):
    assert in_a_process(PEAK, str(wide), str(repack)) <= 1.25 * wide.stat().st_size


NO_THREADS = """
import json, resource, sys, threading
from hoshikage_cli.llama.model import Model
try:
    threading.Thread(target=int).start()
except RuntimeError:
    Model(sys.argv[1])
    print(json.dumps("loaded"))
else:
    print(json.dumps("there was a thread"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere stacks are made otherwise")
def test_a_model_is_loaded_without_other_threads(ggml, wide):
    """Whose stacks, of a size that this process inherits, have no room in its address space."""
    shell = f'ulimit -s {1 << 30} && ulimit -v {8 << 20} && exec "$@"'
    command = ("bash", "-c", shell, "bash")
    assert in_a_process(NO_THREADS, str(wide), before=command, OPENBLAS_NUM_THREADS="1") == "loaded"


def in_a_process(program: str, *arguments: str, before: tuple[str, ...] = (), **variables: str):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    command = [*before, sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
