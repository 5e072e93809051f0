"""Numbers worked out by hand or read off the papers' code (six decimals; entropy in nats)."""

from __future__ import annotations

import numpy as np
import pytest

from hoshikage_cli.decoding.guidance import guide
from hoshikage_cli.decoding.movement import Movement, divergence, log_softmax
from hoshikage_cli.decoding.parallel import ParallelRule, rule_of
from hoshikage_cli.decoding.proposal import (
    Proposal,
    ProposalRule,
    filtered,
    gumbel_scores,
    propose,
    softmax,
)
from hoshikage_cli.decoding.randomness import Stream, keys, uniform
from hoshikage_cli.decoding.schedule import SCHEDULES, Block
from hoshikage_cli.decoding.selection import ALGORITHMS, perturbed, ranked
from hoshikage_cli.decoding.view import View

A = [2.0, 1.0, 0.0, -1.0]
FIVE_ROWS = [
    [2, 1.7, -5, -5],
    [1, -0.2, -0.2, -0.2],
    [0, 0, 0, 0.1],
    [3, 0, 0, 0],
    A,
]
CLOSE = {"atol": 6e-7, "rtol": 0}


def view_of(proposal, divergences=None) -> View:
    divergences = np.empty((0, len(proposal.tokens))) if divergences is None else divergences
    positions = np.arange(len(proposal.tokens))
    canvas = np.zeros(len(positions), np.int32)
    block = Block(0, len(positions), 1, len(positions))
    masked = np.ones(len(positions), bool)
    return View(positions, masked, proposal, canvas, block, 1, 0, 0, np.array(divergences))


def sureness(probability=None, entropy=None) -> Proposal:
    """Proposals of which only this is known."""
    n = len(probability if probability is not None else entropy)
    unknown = np.full(n, np.nan)
    probability = unknown if probability is None else np.array(probability)
    entropy = unknown if entropy is None else np.array(entropy)
    return Proposal(np.zeros(n, int), probability, unknown, unknown, entropy, np.zeros(n, int))


def accepted(name, limits, proposal, divergences=None) -> list[int]:
    rule = rule_of(ParallelRule(name, limits))
    return np.flatnonzero(rule.accepts(view_of(proposal, divergences))).tolist()


def proposal_of(rows, **rule):
    rows = np.atleast_2d(np.array(rows, np.float32))
    return propose(rows, None, np.arange(len(rows)), 0, ProposalRule(**rule))


@pytest.mark.parametrize(
    ("logits", "rule", "token", "confidence", "margin", "entropy"),
    [
        (A, {}, 0, 0.643914, 0.407031, 0.947537),
        ([0, 0, 0, 0], {}, 0, 0.25, 0, 1.386294),
        ([5, 4.9, -2, -3, 0.5], {}, 0, 0.521596, 0.049636, 0.728863),
        ([1, 3, 2], {}, 1, 0.665241, 0.420512, 0.832396),
    ],
)
def test_proposal_of_a_row(logits, rule, token, confidence, margin, entropy) -> None:
    proposal = proposal_of(logits, **rule)
    assert proposal.tokens[0] == token
    lead = 1 - proposal.rest[0] - proposal.top2[0]
    found = (proposal.probability[0], lead, proposal.entropy[0])
    np.testing.assert_allclose(found, (confidence, margin, entropy), **CLOSE)


def test_statistics_of_the_tempered_distribution() -> None:
    proposal = proposal_of(A, temperature=0.5, confidence="sampled")
    top1 = 1 - proposal.rest[0]
    found = (top1, top1 - proposal.top2[0], proposal.entropy[0])
    np.testing.assert_allclose(found, (0.864955, 0.747896, 0.455429), **CLOSE)


@pytest.mark.parametrize(
    ("algorithm", "values", "order"),
    [
        ("confidence", [0.573841, 0.525325, 0.269214, 0.870049, 0.643914], [3, 4, 0, 1, 2]),
        ("margin", [0.148729, 0.367100, 0.025619, 0.826731, 0.407031], [3, 4, 1, 0, 2]),
        ("entropy", [-0.690262, -1.213347, -1.385326, -0.529061, -0.947537], [3, 0, 4, 1, 2]),
    ],
)
def test_confidences_and_their_order(algorithm, values, order) -> None:
    proposal = proposal_of(FIVE_ROWS)
    found = ALGORITHMS[algorithm].score(view_of(proposal))
    less = 0 if algorithm == "entropy" else 1
    np.testing.assert_allclose(found, np.array(values) - less, **CLOSE)
    assert ranked(found).tolist() == order


@pytest.mark.parametrize("algorithm", ["confidence", "margin", "entropy"])
def test_nearly_certain_positions_are_told_apart(algorithm) -> None:
    """Probabilities that are 1 in single precision, and 1 - p from 1e-7 to 1e-30."""
    gaps = np.array([40, 16, 70, 36.5, 36.4, 17, 25])
    rows = np.zeros((len(gaps), 5))
    rows[:, 2] = gaps
    found = ALGORITHMS[algorithm].score(view_of(proposal_of(rows)))
    assert ranked(found).tolist() == np.argsort(-gaps).tolist()


def seed_that_draws(token: int, **rule) -> int:
    return next(s for s in range(999) if proposal_of(A, seed=s, **rule).tokens[0] == token)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"confidence": "clean"}, 0.236883),
        ({"confidence": "sampled"}, 0.117059),
        ({"confidence": "sampled", "top_p": 0.9}, 0.119203),
    ],
)
def test_confidence_of_a_token_that_was_drawn(rule, expected) -> None:
    rule = {"temperature": 0.5, **rule}
    proposal = proposal_of(A, seed=seed_that_draws(1, **rule), **rule)
    np.testing.assert_allclose(proposal.probability[0], expected, **CLOSE)


@pytest.mark.parametrize(
    ("logits", "temperature", "top_p", "top_k", "expected"),
    [
        (A, 2, 0.8, 0, [0.506480, 0.307196, 0.186324, 0]),
        ([3, 1, 1, 0], 1, 1, 2, [0.786986, 0.106507, 0.106507, 0]),
    ],
)
def test_filters(logits, temperature, top_p, top_k, expected) -> None:
    found = softmax(filtered(np.array(logits, float), temperature, top_p, top_k))
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_gumbel_scores() -> None:
    z, u = np.array([1, 2, 0.5]), np.array([0.9, 0.2, 0.5])
    scores = gumbel_scores(z, u, 0.7)
    np.testing.assert_allclose(scores, [2.575257, 1.666881, 0.756559], **CLOSE)
    np.testing.assert_allclose(softmax(z)[scores.argmax()], 0.231224, **CLOSE)


def test_gumbel_noise_chooses_the_token_and_nothing_else() -> None:
    z = np.array([[1, 2, 0.5, -1]], np.float32)
    for seed in range(20):
        rule = ProposalRule(temperature=0.7, gumbel=True, seed=seed)
        proposal = propose(z, None, np.array([3]), 0, rule)
        clean = softmax(z[0].astype(float))
        np.testing.assert_allclose(proposal.probability, clean[proposal.tokens], rtol=1e-6)
        np.testing.assert_allclose(proposal.entropy, -(clean * np.log(clean)).sum(), rtol=1e-6)


def counts(schedule: str, masks: int, steps: int, eps: float = 1e-3) -> list[int]:
    block, left, taken = Block(0, masks, steps, masks), masks, []
    for step in range(steps):
        taken.append(SCHEDULES[schedule].quota(step, block, left, eps))
        left -= taken[-1]
    assert left == 0
    return taken


@pytest.mark.parametrize(
    ("schedule", "masks", "steps", "expected"),
    [
        ("timestep", 96, 8, [11, 12, 12, 12, 12, 12, 12, 13]),
        ("timestep", 10, 4, [2, 2, 2, 4]),
        ("timestep", 5, 3, [1, 1, 3]),
        ("timestep", 5, 8, [0, 0, 0, 0, 1, 1, 1, 2]),
        ("timestep", 32, 4, [7, 8, 8, 9]),
        ("timestep", 100, 10, [9] + [10] * 8 + [11]),
        ("timestep", 64, 64, [0] + [1] * 62 + [2]),
        ("timestep", 16, 64, [0] * 49 + [1] * 14 + [2]),
        ("block", 10, 4, [3, 3, 2, 2]),
        ("block", 32, 5, [7, 7, 6, 6, 6]),
        ("block", 3, 8, [1, 1, 1, 0, 0, 0, 0, 0]),
        ("block", 28, 16, [2] * 12 + [1] * 4),
        ("linear", 96, 8, [12] * 8),
        ("linear", 10, 4, [3, 2, 3, 2]),
        ("linear", 7, 3, [3, 2, 2]),
    ],
)
def test_masks_a_step(schedule, masks, steps, expected) -> None:
    assert counts(schedule, masks, steps) == expected


@pytest.mark.parametrize("eps", [1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5])
def test_timesteps_are_exact(eps) -> None:
    """floor(m d / (1 - i d)) for d = (1 - eps) / N, in whole numbers: eps = a / 1000."""
    rest = 1000 - round(1000 * eps)
    for steps in range(1, 41):
        block = Block(0, 40, steps, 40)
        for step in range(steps - 1):
            for masked in range(1, 41):
                wanted = masked * rest // (1000 * steps - step * rest)
                assert SCHEDULES["timestep"].quota(step, block, masked, eps) == wanted


def test_timesteps_that_divide() -> None:
    """13 masks in step 17: 13 * 0.9 / (27 - 17 * 0.9) is 1, and in floating point a little less."""
    assert counts("timestep", 16, 27, eps=0.1) == [0] * 14 + [1] * 12 + [4]


def test_guidance() -> None:
    conditional, unconditional = np.array([1.0, 2, 3]), np.array([0.5, 2.5, 1])
    np.testing.assert_allclose(guide(conditional, unconditional, 0.5), [1.25, 1.75, 4])
    strong = guide(conditional, unconditional, 1.5)
    np.testing.assert_allclose(strong, [1.75, 1.25, 6])
    np.testing.assert_allclose(softmax(strong), [0.013945, 0.008458, 0.977597], **CLOSE)


@pytest.mark.parametrize(("confidence", "taken"), [([0.95, 0.92, 0.5], 2), ([0.5, 0.4, 0.3], 0)])
def test_threshold(confidence, taken) -> None:
    assert accepted("threshold", (0.9,), sureness(confidence)) == list(range(taken))


@pytest.mark.parametrize(
    ("confidence", "taken"),
    [
        ([0.99, 0.95, 0.7, 0.6], 2),
        ([0.99, 0.95, 0.9, 0.6], 3),
        ([0.5, 0.4], 1),
        ([0.99, 0.95, 0.9, 0.85], 4),
        ([0.3], 1),
    ],
)
def test_factor(confidence, taken) -> None:
    together = range(taken) if taken > 1 else []  # the first alone is the algorithm's choice
    assert accepted("factor", (1.0,), sureness(confidence)) == list(together)
    backwards = [len(confidence) - 1 - i for i in reversed(together)]
    assert accepted("factor", (1.0,), sureness(confidence[::-1])) == backwards


def test_alg_temp_weights_and_draws_without_replacement() -> None:
    confidence = np.array([-0.1, -0.5, -2.0])
    weights = softmax(confidence / 0.5)
    np.testing.assert_allclose(weights, [0.679486, 0.305313, 0.015201], **CLOSE)
    draws, included = 40_000, np.zeros(3)
    for step in range(draws):
        scores = perturbed(confidence, 0.5, np.arange(3), step, 7)
        included[ranked(scores)[:2]] += 1
    # Four standard errors of the rarest inclusion.
    np.testing.assert_allclose(included / draws, [0.988607, 0.957287, 0.054107], atol=0.0046)


def test_rules_of_entropy() -> None:
    joint = sureness([0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 1])
    assert accepted("entropy_bound", (0.31,), joint) == [0, 1, 2]
    unsure = sureness([0.6, 0.9, 0.3, 0.2], [0.2, 1.6, 1.4, 3])
    assert accepted("entropy_threshold", (1.5,), unsure) == [0, 2]
    assert accepted("entropy_exit", (1.5,), unsure) == [0, 1]  # as many, the most probable


def test_divergence() -> None:
    now, before = np.array([A, A]), np.array([[1.9, 1.1, 0, -1], A])
    movement = Movement(2, 5)
    assert np.isinf(movement.note(np.array([1, 3]), before)).all()
    moved = movement.note(np.array([1, 3]), now)
    assert np.isinf(moved[0]).all()
    np.testing.assert_allclose(moved[1], [0.003662, 0], **CLOSE)
    later = movement.note(np.array([3]), now[1:])
    np.testing.assert_allclose(later, [[0], [0]], **CLOSE)
    assert np.isinf(movement.note(np.array([1]), now[:1])[1])  # out of question in between


def test_what_is_impossible_does_not_diverge() -> None:
    row = log_softmax(np.array([1.0, -np.inf, 2.0]))
    assert divergence(row, row) == 0


def test_what_has_settled_is_confident_and_still() -> None:
    moved = [[0.001, 0.02, 0.001], [0.001, 0.001, 0.001]]
    assert accepted("klass", (0.9, 0.01), sureness([0.95, 0.95, 0.5]), moved) == [0]


def test_random_numbers_are_reproducible_and_distinct() -> None:
    numbers = uniform(keys(3, Stream.DRAW, 5, np.arange(1000)))
    np.testing.assert_array_equal(numbers, uniform(keys(3, Stream.DRAW, 5, np.arange(1000))))
    assert len(np.unique(numbers)) == 1000
    assert uniform(keys(3, Stream.DRAW, 5, [17]))[0] == numbers[17]
    for other in ((4, Stream.DRAW, 5), (3, Stream.ORIGIN, 5), (3, Stream.DRAW, 6)):
        assert not np.isin(uniform(keys(*other, np.arange(1000))), numbers).any()
