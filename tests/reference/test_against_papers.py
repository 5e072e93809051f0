"""The decoding package against the slow reference, token for token after every step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import TableDenoiser
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.parallel import ParallelRule
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.randomness import Stream, keys, uniform
from hoshikage_cli.decoding.together import diffuse
from hoshikage_cli.models.catalogue import shipped_path

from . import papers

ALGORITHMS = ("confidence", "margin", "entropy", "random")
ENDS = frozenset({0, 3})
RULES = (
    None,
    ParallelRule("threshold", (0.5,)),
    ParallelRule("factor", (1.0,)),
    ParallelRule("entropy_bound", (0.8,)),
    ParallelRule("entropy_threshold", (0.9,)),
    ParallelRule("entropy_exit", (0.9,)),
    ParallelRule("klass", (0.3, 0.2)),
)
EPS = (1e-3, 1e-2, 0.05, 0.1, 0.25, 0.3, 0.5)


def noise(seed, stream):
    return lambda step, position: float(uniform(keys(seed, stream, step, [position]))[0])


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


def compare(denoiser, tokens, prompt, *, seed, scale=0.0, **settings):
    """settings: fields of the plan."""
    mask = denoiser.mask_token
    rule = ProposalRule(banned=(mask,), guidance=scale, seed=seed)
    plan = DiffusionPlan(**settings, end_tokens=ENDS, early_stop=False, rule=rule)
    ours = [tokens, *(step.canvas for step in diffuse(denoiser, tokens, prompt, plan))]
    options = {
        "mask": mask,
        "shift": denoiser.shift_logits,
        "scale": scale,
        "algorithm": plan.algorithm,
        "noise": noise(seed, Stream.RANDOM),
        "alg_temp": plan.alg_temp,
        "alg_noise": noise(seed, Stream.ALG_TEMP),
        "ends_last": ENDS if plan.eos_policy == "last" else (),
        "look_ahead": plan.look_ahead,
        "rule": plan.parallel and (plan.parallel.name, *plan.parallel.limits),
    }
    if plan.schedule == "block":
        theirs = papers.llada(denoiser.rows, tokens, options, plan.steps, plan.block_length)
    else:
        theirs = papers.dream(denoiser.rows, tokens, options, plan.steps, plan.eps)
    assert changes(ours) == changes([tokens, *theirs])
    assert mask not in ours[-1]


CANVASES = {
    "shift": st.booleans(),
    "prompt": st.integers(1, 9),
    "generated": st.integers(1, 14),
    "holes": st.lists(st.integers(0, 8), max_size=3),
}
PLANS = st.fixed_dictionaries(
    {
        "algorithm": st.sampled_from(ALGORITHMS),
        "schedule": st.sampled_from(("timestep", "block")),
        "steps": st.integers(1, 24),
        "block_length": st.integers(1, 9),
        "scale": st.sampled_from((0.0, 0.5, 1.5)),
        "seed": st.integers(0, 3),
    },
    optional={
        "eps": st.sampled_from(EPS),
        "alg_temp": st.sampled_from((0.1, 0.7)),
        "eos_policy": st.just("last"),
        "parallel": st.sampled_from(RULES),
        "look_ahead": st.integers(0, 5),
    },
)


@settings(deadline=None, max_examples=400)
@given(**CANVASES, plan=PLANS, sharpness=st.sampled_from((1, 6, 20)))
def test_every_setting(shift, prompt, generated, holes, plan, sharpness) -> None:
    denoiser = TableDenoiser(shift=shift, seed=plan["seed"], sharpness=sharpness)
    compare(denoiser, canvas_of(denoiser, prompt, generated, holes), prompt, **plan)


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
    plan = {"algorithm": algorithm, "schedule": schedule, "steps": steps}
    compare(denoiser, tokens, 5, **plan, block_length=block_length, scale=0.5, seed=1)


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
@given(**CANVASES, plan=PLANS)
def test_every_setting_over_the_shipped_model(
    denoisers, shift, prompt, generated, holes, plan
) -> None:
    denoiser = denoisers[shift]
    tokens = canvas_of(denoiser, prompt, generated, holes)
    tokens[tokens != denoiser.mask_token] += 300  # words rather than bytes
    compare(denoiser, tokens, prompt, **plan)
