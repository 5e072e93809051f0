"""What is drawn at random, against the probabilities that it should have. Fixed seeds; the bounds
are such that a temperature wrong by 5 % fails."""

from __future__ import annotations

import numpy as np
import pytest

from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.proposal import ProposalRule, filtered, propose, softmax
from hoshikage_cli.decoding.randomness import Stream, keys, uniform
from hoshikage_cli.decoding.selection import independently
from hoshikage_cli.decoding.together import diffuse

DRAWS = 60_000
LOGITS = np.array([2.5, 2.0, 1.2, 0.4, 0.0, -0.6, -1.5, -2.5])


def drawn(rule: ProposalRule, chunk: int = 2_000) -> np.ndarray:
    """How often each token is proposed, over as many positions as there are draws."""
    rows = np.repeat(LOGITS[None, :].astype(np.float32), chunk, axis=0)
    counts = np.zeros(len(LOGITS))
    for start in range(0, DRAWS, chunk):
        proposal = propose(rows, None, np.arange(start, start + chunk), start, rule)
        counts += np.bincount(proposal.tokens, minlength=len(LOGITS))
    return counts


def chi_square(counts: np.ndarray, p: np.ndarray) -> float:
    """Pearson's statistic; infinite where something impossible was drawn."""
    if counts[p == 0].any():
        return np.inf
    kept = p > 0
    wanted = counts.sum() * p[kept]
    return float(((counts[kept] - wanted) ** 2 / wanted).sum())


PERCENTILES = {3: 16.27, 4: 18.47, 5: 20.52, 6: 22.46, 7: 24.32}
"""The 99.9th percentile of chi-square, by degrees of freedom."""


RULES = {
    "temperature 0.7": ProposalRule(temperature=0.7, seed=1),
    "temperature 1.6": ProposalRule(temperature=1.6, seed=2),
    "top-k": ProposalRule(temperature=0.9, top_k=4, seed=3),
    "top-p": ProposalRule(temperature=1.1, top_p=0.9, seed=4),
    "both": ProposalRule(temperature=1.1, top_p=0.95, top_k=5, seed=5),
    "gumbel": ProposalRule(temperature=0.8, gumbel=True, seed=6),
}


def expected(rule: ProposalRule, factor: float = 1.0) -> np.ndarray:
    return softmax(filtered(LOGITS, rule.temperature * factor, rule.top_p, rule.top_k))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_proposals_follow_the_distribution(rule) -> None:
    counts = drawn(rule)
    limit = PERCENTILES[np.count_nonzero(expected(rule)) - 1]
    assert chi_square(counts, expected(rule)) < limit
    for factor in (0.95, 1.05):
        assert chi_square(counts, expected(rule, factor)) > limit


def test_random_confidences_are_uniform() -> None:
    u = uniform(keys(1, Stream.RANDOM, 3, np.arange(DRAWS)))
    counts = np.bincount((u * 20).astype(int), minlength=20)
    assert chi_square(counts, np.full(20, 1 / 20)) < 45  # 99.9th percentile at 19: 43.8


def test_origin_unmasks_each_position_independently() -> None:
    share, positions = 0.3, np.arange(6)
    chosen = np.zeros((20_000, 6), bool)
    for step in range(len(chosen)):
        chosen[step, independently(share, positions, step, 9)] = True
    np.testing.assert_allclose(chosen.mean(0), share, atol=0.015)
    correlation = np.corrcoef(chosen.T) - np.eye(6)
    assert np.abs(correlation).max() < 0.03
    counts = np.bincount(chosen.sum(1), minlength=7)
    binomial = (
        [1, 6, 15, 20, 15, 6, 1] * share ** np.arange(7) * (1 - share) ** np.arange(6, -1, -1)
    )
    assert chi_square(counts, binomial) < 25


def test_origin_follows_the_timesteps_on_average() -> None:
    """After i of N steps a share 1 - i/N of the masks is left, to a little eps."""
    left = np.zeros(4)
    for seed in range(60):
        tokens = np.full(200, 5, np.int32)
        plan = DiffusionPlan(steps=5, algorithm="origin", rule=ProposalRule(banned=(5,), seed=seed))
        masked = {step.index: step.masked for step in diffuse(_Flat(), tokens, 1, plan)}
        left += [masked[i] / 200 for i in range(4)]
    np.testing.assert_allclose(left / 60, [0.8, 0.6, 0.4, 0.2], atol=0.02)


class _Flat:
    mask_token, has_cache, max_sequences = 5, False, 1

    def logits(self, queries):
        return [np.zeros((len(query.positions), 6), np.float32) for query in queries]
