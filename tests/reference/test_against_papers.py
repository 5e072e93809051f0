"""The decoding package against the slow reference, token for token after every step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import TableDenoiser
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.randomness import Stream, keys, uniform
from hoshikage_cli.decoding.together import diffuse
from hoshikage_cli.models.catalogue import shipped_path

from . import papers

ALGORITHMS = ("confidence", "margin", "entropy", "random")
EPS = 1e-3


def noise(seed):
    return lambda step, position: float(uniform(keys(seed, Stream.RANDOM, step, [position]))[0])


def canvas_of(denoiser, prompt, generated, holes):
    """Prompt, masks to generate, and masks inside the prompt."""
    rng = np.random.default_rng(prompt * 100 + generated)
    tokens = np.full(prompt + generated, denoiser.mask_token, np.int32)
    tokens[:prompt] = rng.choice(np.setdiff1d(range(12), [denoiser.mask_token]), prompt)
    tokens[[hole for hole in holes if hole < prompt]] = denoiser.mask_token
    return tokens


def changes(canvases):
    """Canvases without repeats: a step that commits nothing is not yielded."""
    kept = []
    for canvas in canvases:
        if not kept or list(canvas) != kept[-1]:
            kept.append(list(canvas))
    return kept


def compare(denoiser, tokens, prompt, algorithm, schedule, steps, block_length, scale, seed):
    plan = DiffusionPlan(
        steps=steps,
        algorithm=algorithm,
        schedule=schedule,
        eps=EPS,
        block_length=block_length,
        rule=ProposalRule(banned=(denoiser.mask_token,), guidance=scale, seed=seed),
    )
    ours = [tokens, *(step.canvas for step in diffuse(denoiser, tokens, prompt, plan))]
    options = {
        "mask": denoiser.mask_token,
        "shift": denoiser.shift_logits,
        "scale": scale,
        "algorithm": algorithm,
        "noise": noise(seed),
    }
    if schedule == "block":
        theirs = papers.llada(denoiser.rows, tokens, options, steps, block_length)
    else:
        theirs = papers.dream(denoiser.rows, tokens, options, steps, EPS)
    assert changes(ours) == changes([tokens, *theirs])
    assert denoiser.mask_token not in ours[-1]


@settings(deadline=None, max_examples=250)
@given(
    algorithm=st.sampled_from(ALGORITHMS),
    schedule=st.sampled_from(("timestep", "block")),
    shift=st.booleans(),
    prompt=st.integers(1, 9),
    generated=st.integers(1, 14),
    steps=st.integers(1, 24),
    block_length=st.integers(1, 9),
    scale=st.sampled_from((0.0, 0.5, 1.5)),
    holes=st.lists(st.integers(0, 8), max_size=3),
    seed=st.integers(0, 3),
)
def test_every_setting(
    algorithm, schedule, shift, prompt, generated, steps, block_length, scale, holes, seed
) -> None:
    denoiser = TableDenoiser(shift=shift, seed=seed)
    tokens = canvas_of(denoiser, prompt, generated, holes)
    compare(denoiser, tokens, prompt, algorithm, schedule, steps, block_length, scale, seed)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("schedule", "generated", "steps", "block_length"),
    [
        ("timestep", 8, 30, 32),  # more steps than masks
        ("timestep", 1, 5, 32),  # one token
        ("timestep", 13, 1, 32),  # one step
        ("block", 10, 6, 4),  # a ragged last block
        ("block", 9, 40, 3),  # more steps than masks
        ("block", 7, 2, 2),  # fewer steps than blocks
        ("block", 5, 3, 32),  # one short block
    ],
)
def test_edges(algorithm, shift, schedule, generated, steps, block_length) -> None:
    denoiser = TableDenoiser(shift=shift, seed=4)
    tokens = canvas_of(denoiser, 5, generated, [])
    compare(denoiser, tokens, 5, algorithm, schedule, steps, block_length, 0.5, 1)


class ModelDenoiser:
    """The shipped model: its context for the loop, and all of its rows for the reference."""

    def __init__(self, model, length, shift):
        from hoshikage_cli.llama.canvases import CanvasContext

        self.context = CanvasContext(
            model, length=length, sequences=2, threads=1, shift_logits=shift
        )
        self.plain = CanvasContext(model, length=length, threads=1, shift_logits=False)
        self.n_vocab, self.mask_token = model.n_vocab, model.vocabulary.mask_token
        self.shift_logits, self.has_cache, self.max_sequences = shift, True, 2
        self.logits = self.context.logits

    def rows(self, tokens):
        (rows,) = self.plain.logits([Query(tokens, np.arange(len(tokens)))])
        return rows.copy()


@pytest.fixture(scope="module")
def denoisers():
    from hoshikage_cli.llama.model import Model

    with Model(shipped_path("hoshi-tiny")) as model:
        yield {shift: ModelDenoiser(model, 24, shift) for shift in (False, True)}


@pytest.mark.native
@settings(deadline=None, max_examples=40)
@given(
    algorithm=st.sampled_from(ALGORITHMS),
    schedule=st.sampled_from(("timestep", "block")),
    shift=st.booleans(),
    prompt=st.integers(1, 12),
    generated=st.integers(1, 12),
    steps=st.integers(1, 16),
    block_length=st.integers(1, 9),
    scale=st.sampled_from((0.0, 1.5)),
    holes=st.lists(st.integers(0, 8), max_size=3),
    seed=st.integers(0, 3),
)
def test_every_setting_over_the_shipped_model(
    denoisers,
    algorithm,
    schedule,
    shift,
    prompt,
    generated,
    steps,
    block_length,
    scale,
    holes,
    seed,
) -> None:
    denoiser = denoisers[shift]
    tokens = canvas_of(denoiser, prompt, generated, holes)
    tokens[tokens != denoiser.mask_token] += 300  # words rather than bytes
    compare(denoiser, tokens, prompt, algorithm, schedule, steps, block_length, scale, seed)
