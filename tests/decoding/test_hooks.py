"""Rules of one's own: functions in place of the rows of the tables, and whole steps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import hoshikage_cli as hk
from fakes import CachingDenoiser, TableDenoiser
from hoshikage_cli.decoding.cache import MODES, CachePlan
from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.parallel import ParallelRule
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.selection import by_probability, ranked
from hoshikage_cli.decoding.together import diffuse
from hoshikage_cli.decoding.view import Decision, View

MASK, END = 11, 0
PAGE = Path(__file__).parents[2] / "docs" / "functions.md"


def run(denoiser=None, generated=12, rule=(), **plan):
    tokens = np.full(4 + generated, MASK, np.int32)
    tokens[:4] = np.arange(1, 5)
    rule = ProposalRule(banned=(MASK,), **dict(rule))
    return list(diffuse(denoiser or TableDenoiser(), tokens, 4, DiffusionPlan(rule=rule, **plan)))


def assert_same(ours, wanted) -> None:
    for left, right in zip(ours, wanted, strict=True):
        assert left.commits == right.commits
        np.testing.assert_array_equal(left.canvas, right.canvas)


def best(view: View) -> np.ndarray:
    """Indices of the quota, as the algorithm `confidence` takes them."""
    order = ranked(by_probability(view))
    return order[view.masked[order]][: view.quota]


def plainly(view: View) -> Decision:
    return Decision(best(view))


def doubting(view: View) -> Decision:
    """Takes two tokens back in every other step: those that it would least expect again."""
    settled = np.flatnonzero(~view.masked)
    order = settled[np.argsort(view.proposal.probability[settled], kind="stable")]
    return Decision(best(view), order[:2] if view.step % 2 else order[:0])


def example():
    """The step function that the documentation shows."""
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"(def second_thoughts.*?\n)\n", text, re.DOTALL)
    names: dict = {"np": np, "hk": hk}
    exec(code, names)
    return names["second_thoughts"]


def test_a_score_of_ones_own() -> None:
    def shortest_first(view: View) -> np.ndarray:
        return -view.positions.astype(float)

    found = run(steps=0, algorithm=shortest_first)
    assert [step.commits[0].position for step in found] == list(range(4, 16))
    assert_same(run(steps=5, algorithm=by_probability), run(steps=5))


def test_a_quota_of_ones_own() -> None:
    found = run(steps=4, schedule=lambda step, block, masked, eps: step)
    assert [len(step.commits) for step in found] == [1, 2, 9]
    assert [step.index for step in found] == [1, 2, 3]


def test_a_parallel_rule_of_ones_own() -> None:
    found = run(steps=0, parallel=lambda view: view.proposal.probability >= 0.3)
    assert_same(found, run(steps=0, parallel=ParallelRule("threshold", (0.3,))))
    with pytest.raises(ValueError, match="decides by itself"):
        DiffusionPlan(decide=plainly, parallel=ParallelRule("threshold", (0.9,)))


@pytest.mark.parametrize("schedule", ["timestep", "block", "linear"])
def test_a_step_that_does_what_ours_do(schedule) -> None:
    plan = {"schedule": schedule, "steps": 12, "block_length": 5}
    found = run(decide=plainly, **plan)
    assert_same([step for step in found if step.commits], run(**plan))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("schedule", ["timestep", "block"])
@pytest.mark.parametrize("guidance", [0.0, 1.0])
@pytest.mark.parametrize("shift", [False, True])
def test_taking_tokens_back(mode, schedule, guidance, shift) -> None:
    plan = {"schedule": schedule, "steps": 15, "block_length": 5, "decide": doubting}
    plan["rule"] = {"guidance": guidance}
    found = run(TableDenoiser(shift=shift), **plan)
    before = np.full(16, MASK)
    before[:4] = np.arange(1, 5)
    for step in found:
        changed = np.flatnonzero(step.canvas != before)
        named = [commit.position for commit in step.commits] + list(step.remasked)
        assert changed.tolist() == sorted(named)
        assert (step.canvas[list(step.remasked)] == MASK).all()
        assert step.masked == (step.canvas == MASK).sum()
        before = step.canvas
    assert sum(len(step.remasked) for step in found) > 4
    assert found[-1].masked == 0
    refreshed = CachePlan(mode, 6, refresh=1)
    assert_same(run(CachingDenoiser(shift=shift), cache=refreshed, **plan), found)


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("shift", [False, True])
def test_a_cache_sees_what_was_taken_back(mode, shift) -> None:
    denoiser = CachingDenoiser(shift=shift)
    seen = []

    def watch(queries, evaluate=denoiser.logits):
        rows = evaluate(queries)
        seen.append((queries[0].tokens.copy(), denoiser.seen[0]))
        return rows

    denoiser.logits = watch
    schedule = "timestep" if mode == "active" else "block"
    run(denoiser, schedule=schedule, steps=15, cache=CachePlan(mode), decide=doubting)
    for tokens, evaluated in seen:
        np.testing.assert_array_equal(tokens, evaluated)


class Wavering:
    """Proposes `first` at every position, and `second` as soon as nothing is masked."""

    mask_token, has_cache, max_sequences = MASK, False, 1

    def __init__(self, first: int, second: int) -> None:
        self.first, self.second = first, second

    def logits(self, queries):
        (query,) = queries
        rows = np.zeros((len(query.positions), 12), np.float32)
        rows[:, self.first if MASK in query.tokens else self.second] = 9
        return [rows]


def editing(view: View) -> Decision:
    """Takes every proposal, whatever stands there."""
    return Decision(np.arange(len(view.positions)))


def test_a_token_is_replaced_and_the_run_ends_when_nothing_changes() -> None:
    found = run(Wavering(5, 7), generated=3, steps=20, decide=editing)
    assert [len(step.commits) for step in found] == [3, 3, 0]
    assert found[1].canvas[4:].tolist() == [7, 7, 7]
    assert not any(step.remasked for step in found)


def test_an_end_token_that_may_be_replaced_does_not_end_the_run() -> None:
    plan = {"decide": editing, "end_tokens": frozenset({END})}
    found = run(Wavering(END, 7), generated=3, steps=20, **plan)
    assert found[-1].canvas[4:].tolist() == [7, 7, 7]
    # In a block that is done nothing changes any more.
    found = run(Wavering(END, END), steps=20, schedule="block", block_length=4, **plan)
    assert found[-1].masked == 8


def test_a_step_decides_about_a_position_once() -> None:
    def twice(view: View) -> Decision:
        return Decision(np.array([0, 0]))

    with pytest.raises(ValueError, match="each position once"):
        run(steps=5, decide=twice)


def test_the_example_of_the_documentation() -> None:
    denoiser = TableDenoiser(sharpness=6)
    found = run(denoiser, steps=30, decide=example())
    assert found[-1].masked == 0
    assert sum(len(step.remasked) for step in found) > 0
