"""What cells of half precision do to logits: their rounding, and a router that it tips over.

Against the transformer in numpy, exact, and with the same numbers rounded.
"""

from __future__ import annotations

import numpy as np
import pytest

import random_model
from hoshikage_cli.llama.block_context import BlockContext
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.model import Model
from reference.transformer import Transformer, both_ways, in_blocks

from .test_block_context import ARCHITECTURES, F16, F32, MASK, SDAR, ask, text

ROUNDED = 2e-3
"""Of a logit, between the library and numpy that rounds as it does: what lies between two halves
may go either way."""


@pytest.fixture(scope="module")
def twins(model_file):
    """The transformer of an architecture, exact and with halves."""
    made: dict[str, tuple[Transformer, Transformer]] = {}

    def of(arch):
        shape = random_model.Shape(arch=arch, experts=4)
        if arch not in made:
            file = model_file(arch)
            made[arch] = Transformer(file, shape), Transformer(file, shape, halves=True)
        return made[arch]

    return of


def canvas_rows(model, tokens, cell_type):
    size = {"length": len(tokens), "threads": 1, "mask_token": MASK, "cell_type": cell_type}
    with CanvasContext(model, flash_attention=False, **size) as opened:
        return ask(opened, tokens, np.arange(len(tokens)))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_whole_canvas_in_half_precision(model, twins, arch):
    exact, rounded = twins(arch)
    tokens, seen = text(44), both_ways(44)
    found, wanted = canvas_rows(model(arch), tokens, "F16"), exact.logits(tokens, seen)
    assert np.abs(found - wanted).max() <= F16
    assert np.abs(found - rounded.logits(tokens, seen)).max() <= ROUNDED
    single = canvas_rows(model(arch), tokens, "F32")
    assert np.abs(single - wanted).max() <= F32 * np.abs(wanted).max()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_blocks_in_half_precision(model, twins, arch):
    _, rounded = twins(arch)
    tokens = text(44)
    size = {"length": 44, "threads": 1, "mask_token": MASK, "cell_type": "F16"}
    with BlockContext(model(arch), SDAR, **size) as opened:
        found = ask(opened, tokens, np.arange(40, 44))
    wanted = rounded.logits(tokens, in_blocks(44, 4))[40:]
    assert np.abs(found - wanted).max() <= ROUNDED


def masked(length: int, seed: int) -> np.ndarray:
    tokens = text(length, seed)
    tokens[30:36] = MASK
    return tokens


TIPPED = {
    "qwen3moe": ({"experts": 4}, masked(44, 7), {43}),
    "llada2": ({"experts": 8, "seed": 2}, text(44, 13), {29}),
}
"""Shape, text, and the rows that the rounding sends to other experts."""


@pytest.mark.parametrize("arch", TIPPED)
def test_a_row_that_is_far_off_went_to_other_experts(model_file, arch):
    """Which is the model's own doubt, and no fault of a cell: with the same experts it is exact."""
    facts, tokens, rows = TIPPED[arch]
    file = model_file(arch, name=f"{arch}-tipped", **facts)
    shape = random_model.Shape(arch=arch, **facts)
    exact, rounded = Transformer(file, shape), Transformer(file, shape, halves=True)
    wanted, as_stored = exact.logits(tokens, both_ways(44)), rounded.logits(tokens, both_ways(44))
    routes = rounded.routes
    others = {place[1] for place, chosen in exact.routes.items() if chosen != routes[place]}
    with Model(file) as opened:
        found, single = (canvas_rows(opened, tokens, kind) for kind in ("F16", "F32"))
    off = set(np.flatnonzero(np.abs(found - wanted).max(axis=1) > 0.1).tolist())
    assert off == others == rows
    assert np.abs(found - as_stored).max() <= ROUNDED
    assert np.abs(single - wanted).max() <= F32 * np.abs(wanted).max()
