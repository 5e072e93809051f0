"""What steps tell where it is asked for, against a softmax of the raw rows in double precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fakes import BlockTable, TableDenoiser
from hoshikage_cli.decoding.blocks import BlockPlan, Blocks
from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.guidance import guide, unconditional_canvas
from hoshikage_cli.decoding.profile import PROFILES
from hoshikage_cli.decoding.proposal import ProposalRule, filtered, softmax
from hoshikage_cli.decoding.selection import ALGORITHMS
from hoshikage_cli.decoding.telling import kept
from hoshikage_cli.decoding.together import alone, diffuse
from hoshikage_cli.decoding.view import Decision

MASK, PROMPT, LENGTH = 11, 4, 14
IN_BLOCKS = [name for name, profile in PROFILES.items() if profile.block_length]

RULES = {
    "greedy": {},
    "guided": {"guidance": 1.5},
    "no ends": {"banned": (MASK, 0)},
    "clean, drawn": {"temperature": 0.9},
    "sampled": {"temperature": 0.9, "top_k": 4, "confidence": "sampled"},
    "noisy": {"temperature": 0.9, "gumbel": True, "confidence": "sampled"},
}


def canvas() -> np.ndarray:
    tokens = np.full(LENGTH, MASK, np.int32)
    tokens[:PROMPT] = np.arange(1, PROMPT + 1)
    return tokens


def steps(rule: ProposalRule, **plan):
    plan = {"steps": 5, "early_stop": False, **plan}
    return list(diffuse(TableDenoiser(), canvas(), PROMPT, DiffusionPlan(rule=rule, **plan)))


def probabilities(tokens: np.ndarray, rule: ProposalRule) -> np.ndarray:
    """(L, n_vocab) of the softmax that confidences are read from."""
    denoiser = TableDenoiser()
    z = denoiser.rows(tokens).astype(float)
    if rule.guidance:
        twin = unconditional_canvas(tokens, canvas() != MASK, MASK)
        z = guide(z, denoiser.rows(twin).astype(float), rule.guidance)
    z[:, list(rule.banned)] = -np.inf
    if rule.confidence == "clean":
        return np.stack([softmax(row) for row in z])
    return np.stack([softmax(filtered(row, rule.temperature, 1.0, rule.top_k)) for row in z])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("options", RULES.values(), ids=RULES.keys())
def test_what_is_told_is_the_softmax_of_the_rows(options, algorithm) -> None:
    rule = ProposalRule(**{"banned": (MASK,), "seed": 5, **options})
    before = canvas()
    for step in steps(rule, algorithm=algorithm, trace_proposals=3, logprobs=2):
        p = probabilities(before, rule)
        assert {commit.position for commit in step.commits} <= {c.position for c in step.proposals}
        for found in step.proposals:
            assert before[found.position] == MASK
            row = p[found.position]
            order = np.argsort(-row, kind="stable")[:3]
            assert found.top == tuple((t, pytest.approx(row[t])) for t in order if row[t] > 0)
            assert found.entropy == pytest.approx(-(row[row > 0] * np.log(row[row > 0])).sum())
        for commit in step.commits:
            row = p[commit.position]
            order = np.argsort(-row, kind="stable")[:2]
            assert commit.logprob == pytest.approx(np.log(row[commit.token]))
            assert commit.alternatives == tuple((t, pytest.approx(np.log(row[t]))) for t in order)
        before = step.canvas


def test_a_step_that_looks_at_all_masked_positions_tells_of_all() -> None:
    before = canvas()
    for step in steps(ProposalRule(banned=(MASK,)), trace_proposals=1):
        looked = [found.position for found in step.proposals]
        assert looked == np.flatnonzero(before == MASK).tolist()
        before = step.canvas


def test_telling_changes_nothing_that_is_done() -> None:
    rule = ProposalRule(temperature=0.8, banned=(MASK,), seed=3)
    plain, told = steps(rule), steps(rule, trace_proposals=20, logprobs=20)
    for one, other in zip(plain, told, strict=True):
        np.testing.assert_array_equal(one.canvas, other.canvas)
        assert [c.confidence for c in one.commits] == [c.confidence for c in other.commits]


def test_nothing_is_told_that_was_not_asked_for() -> None:
    rule = ProposalRule(banned=(MASK,))
    for step in steps(rule):
        assert step.proposals is None
        assert {(c.logprob, c.alternatives) for c in step.commits} == {(None, ())}
    for step in steps(rule, trace_proposals=2):
        assert {(c.logprob, c.alternatives) for c in step.commits} == {(None, ())}
    for step in steps(rule, logprobs=0):
        assert step.proposals is None
        assert all(c.logprob is not None and c.alternatives == () for c in step.commits)


def test_a_step_function_may_ask_for_the_likeliest_itself() -> None:
    seen = []

    def decide(view):
        seen.append(view.proposal.likeliest.tokens.shape)
        return Decision(np.flatnonzero(view.masked)[:2])

    told = steps(ProposalRule(banned=(MASK,), keep=3), decide=decide, logprobs=1)
    assert {width for _, width in seen} == {3}
    assert all(len(c.alternatives) == 1 for step in told for c in step.commits)


def test_as_many_are_kept_as_any_tells() -> None:
    assert kept(None, None) is None
    assert kept(None, 0) == 0
    assert kept(3, None, 5) == 5


# ------------------------------------------------------------------------------ texts in blocks


class Noting(BlockTable):
    """A table that remembers the rows it gave last, by position."""

    def logits(self, queries):
        found = super().logits(queries)
        (self.given,) = (
            dict(zip(q.positions.tolist(), r, strict=True))
            for q, r in zip(queries, found, strict=True)
        )
        return found


def written(name: str, prompt: int = 6, generated: int = 21, **plan):
    """(rows by position, canvas before, step) of a run in blocks."""
    profile = replace(PROFILES[name], block_length=4, sub_block=0)
    reads = (profile.text_attention, profile.block_attention, profile.shift, profile.first_token)
    denoiser = Noting(4, *reads, sharpness=3.0)
    tokens = np.full(prompt + generated, MASK, np.int32)
    tokens[:prompt] = np.arange(1, prompt + 1)
    before = tokens
    rule = ProposalRule(
        confidence=profile.confidence, temperature=profile.temperature, top_p=profile.top_p
    )
    for step in alone(
        denoiser, Blocks(denoiser, tokens, prompt, BlockPlan(profile, rule=rule, **plan))
    ):
        yield denoiser.given, before, step
        before = step.canvas


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_blocks_tell_the_softmax_of_their_rows(name) -> None:
    profile = PROFILES[name]
    edits = 0
    for given, before, step in written(name, trace_proposals=3, logprobs=2):
        looked = [found.position for found in step.proposals]
        assert looked == [p for p in given if p < len(before)]
        assert {commit.position for commit in step.commits} <= set(looked)
        p = {}
        for position, row in given.items():
            z = row.astype(float)
            z[MASK] = -np.inf
            clean = profile.confidence == "clean"
            p[position] = softmax(
                z if clean else filtered(z, profile.temperature, profile.top_p, 0)
            )
        for found in step.proposals:
            row = p[found.position]
            order = np.argsort(-row, kind="stable")[:3]
            assert found.top == tuple((t, pytest.approx(row[t])) for t in order if row[t] > 0)
        for commit in step.commits:
            row = p[commit.position]
            assert commit.logprob == pytest.approx(np.log(row[commit.token]))
            assert len(commit.alternatives) == 2
            edits += commit.replaced is not None
    assert (edits > 0) == (profile.edit_threshold is not None)


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_blocks_tell_nothing_unasked_and_are_not_changed_by_it(name) -> None:
    plain, told = list(written(name)), list(written(name, trace_proposals=5, logprobs=5))
    for (_, _, one), (_, _, other) in zip(plain, told, strict=True):
        assert one.proposals is None
        assert {(c.logprob, c.alternatives) for c in one.commits} <= {(None, ())}
        np.testing.assert_array_equal(one.canvas, other.canvas)
        assert [c.confidence for c in one.commits] == [c.confidence for c in other.commits]
