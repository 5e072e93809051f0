"""Whole runs over a table: end tokens, early stop, skipped steps, caches, parallel commits."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import TableDenoiser
from hoshikage_cli.decoding.autoregressive import extend
from hoshikage_cli.decoding.cache import MODES, CachePlan
from hoshikage_cli.decoding.diffusion import DiffusionPlan
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.schedule import SCHEDULES
from hoshikage_cli.decoding.selection import ALGORITHMS
from hoshikage_cli.decoding.together import diffuse

MASK, END = 11, 0


def canvas(prompt: int = 4, generated: int = 12) -> np.ndarray:
    tokens = np.full(prompt + generated, MASK, np.int32)
    tokens[:prompt] = np.arange(1, prompt + 1)
    return tokens


def run(denoiser, tokens=None, prompt=4, **plan):
    rule = ProposalRule(**{"banned": (MASK,), **plan.pop("rule", {})})
    tokens = canvas() if tokens is None else tokens
    return list(diffuse(denoiser, tokens, prompt, DiffusionPlan(rule=rule, **plan)))


class Scripted:
    """Wants a fixed token at each position, with a fixed sureness; remembers what was asked."""

    n_vocab, mask_token, shift_logits, max_sequences = 12, MASK, False, 2

    def __init__(self, tokens, sureness, has_cache=False) -> None:
        self.has_cache = has_cache
        self.asked: list = []
        self._rows = np.zeros((len(tokens), 12), np.float32)
        self._rows[np.arange(len(tokens)), tokens] = sureness

    def logits(self, queries):
        self.asked += [(query.tokens.copy(), query.positions) for query in queries]
        return [self._rows[query.positions] for query in queries]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("steps", [0, 1, 5, 40])
def test_no_mask_is_left_and_nothing_given_changes(algorithm, schedule, temperature, steps) -> None:
    tokens = canvas(6, 10)
    tokens[2] = MASK
    plan = {"algorithm": algorithm, "schedule": schedule, "steps": steps, "block_length": 4}
    results = run(TableDenoiser(), tokens, 6, rule={"temperature": temperature}, **plan)
    assert MASK not in results[-1].canvas
    assert results[-1].masked == 0
    given = tokens != MASK
    np.testing.assert_array_equal(results[-1].canvas[given], tokens[given])
    committed = [commit.position for step in results for commit in step.commits]
    assert sorted(committed) == np.flatnonzero(~given).tolist()


def test_one_token_a_step() -> None:
    for schedule in SCHEDULES:
        results = run(TableDenoiser(), schedule=schedule, steps=0, block_length=5)
        assert [len(step.commits) for step in results] == [1] * 12


def test_only_what_a_step_needs_is_asked_for() -> None:
    denoiser = Scripted([1] * 16, np.linspace(1, 2, 16))
    run(denoiser, schedule="block", steps=6, block_length=6)
    for tokens, positions in denoiser.asked:
        assert (tokens[positions] == MASK).all()
        assert np.ptp(positions) < 6


def test_a_step_that_commits_nothing_costs_no_pass() -> None:
    denoiser = TableDenoiser()
    results = run(denoiser, canvas(4, 5), steps=8)  # 0 0 0 0 1 1 1 2
    assert denoiser.passes == len(results) == 4
    assert [step.index for step in results] == [4, 5, 6, 7]
    assert all(step.nfe == 1 for step in results)


def test_guidance_asks_for_both_canvases_at_once() -> None:
    denoiser = TableDenoiser()
    results = run(denoiser, steps=4, rule={"guidance": 1.5})
    assert denoiser.passes == len(results)
    assert all(step.nfe == 2 for step in results)


def test_the_run_stops_when_the_answer_is_complete() -> None:
    wanted, sure = [1] * 16, np.arange(16, 0, -1.0)
    wanted[7] = END
    denoiser = Scripted(wanted, sure)
    results = run(denoiser, steps=0, end_tokens=frozenset({END}))
    assert len(results) == 4  # positions 4, 5, 6 and the end token at 7
    assert results[-1].masked == 8
    exhaustive = run(denoiser, steps=0, end_tokens=frozenset({END}), early_stop=False)
    np.testing.assert_array_equal(results[-1].canvas[:8], exhaustive[-1].canvas[:8])


def test_an_end_token_with_masks_before_it_does_not_stop_the_run() -> None:
    wanted = [1] * 16
    wanted[9] = END
    results = run(Scripted(wanted, np.arange(16.0) + 1), steps=0, end_tokens=frozenset({END}))
    assert results[-1].masked == 0


def test_an_end_token_in_the_prompt_never_counts() -> None:
    tokens = canvas()
    tokens[1] = END
    results = run(Scripted([1] * 16, np.ones(16)), tokens, end_tokens=frozenset({END}))
    assert results[-1].masked == 0


def test_suppressed_end_tokens_are_never_proposed() -> None:
    rule = {"banned": (MASK, END)}
    results = run(Scripted([END] * 16, np.ones(16)), rule=rule, eos_policy="suppress")
    assert END not in results[-1].canvas[4:]


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_end_tokens_come_last(temperature) -> None:
    wanted, sure = [1] * 16, np.full(16, 8.0)
    wanted[10:] = [END] * 6
    sure[10:] = 40.0
    plan = {"eos_policy": "last", "end_tokens": frozenset({END}), "early_stop": False}
    results = run(Scripted(wanted, sure), steps=0, rule={"temperature": temperature}, **plan)
    order = [step.commits[0].position for step in results]
    assert set(order[:6]) == set(range(4, 10))


def test_a_runner_up_is_named() -> None:
    (step,) = run(TableDenoiser(), canvas(4, 1), steps=1)
    commit = step.commits[0]
    assert commit.runner_up not in (commit.token, MASK)


def test_steps_are_snapshots() -> None:
    results = run(TableDenoiser(), steps=4)
    assert results[0].masked == (results[0].canvas == MASK).sum()
    with pytest.raises(ValueError, match="read-only"):
        results[0].canvas[0] = 1


# ---------------------------------------------------------------------------------- caches


class CachingDenoiser(TableDenoiser):
    """A table whose rows come from what was last evaluated: what is not recomputed is stale."""

    has_cache = True

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self._seen: dict[int, np.ndarray] = {}

    def _wanted(self, query) -> np.ndarray:
        seen = self._seen.get(query.sequence)
        rows = np.asarray(query.positions)
        rows = np.maximum(rows - 1, 0) if self.shift_logits else rows
        if query.recompute is None:
            seen = query.tokens.copy()
        else:
            window = np.union1d(query.recompute, rows)
            seen = seen.copy()
            seen[window] = query.tokens[window]
        self._seen[query.sequence] = seen
        return self.rows(seen)[rows]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_a_refresh_in_every_step_is_exact(mode, schedule, shift, guidance) -> None:
    plan = {"schedule": schedule, "steps": 9, "block_length": 5, "rule": {"guidance": guidance}}
    exact = run(TableDenoiser(shift=shift), **plan)
    cached = run(CachingDenoiser(shift=shift), cache=CachePlan(mode, 6, refresh=1), **plan)
    for left, right in zip(exact, cached, strict=True):
        np.testing.assert_array_equal(left.canvas, right.canvas)


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("shift", [False, True])
def test_a_cache_always_sees_what_was_committed(mode, shift) -> None:
    """Nothing between two full passes is evaluated with a token that has since changed."""
    denoiser = CachingDenoiser(shift=shift)
    seen = []

    def watch(queries, evaluate=denoiser.logits):
        rows = evaluate(queries)
        seen.append((queries[0].tokens.copy(), denoiser._seen[0]))
        return rows

    denoiser.logits = watch
    schedule = "timestep" if mode == "active" else "block"
    run(denoiser, schedule=schedule, steps=0, block_length=6, cache=CachePlan(mode))
    for tokens, evaluated in seen:
        np.testing.assert_array_equal(tokens, evaluated)


def test_a_cache_evaluates_less() -> None:
    plan = {"schedule": "block", "steps": 0, "block_length": 4}
    cost = {}
    for mode in MODES:
        results = run(CachingDenoiser(), cache=CachePlan(mode), **plan)
        cost[mode] = sum(step.positions_decoded for step in results)
    assert cost["active"] <= cost["dual"] < cost["prefix"] < cost["none"]


def test_without_a_cache_below_every_pass_is_full() -> None:
    results = run(TableDenoiser(), schedule="block", steps=0, cache=CachePlan("dual"))
    assert {step.positions_decoded for step in results} == {16}


# ------------------------------------------------------------------------ parallel commits


def test_a_threshold_takes_what_is_sure_and_at_least_one() -> None:
    sure = np.full(16, 0.5)
    sure[4:9] = 12.0
    results = run(Scripted([1] * 16, sure), steps=0, threshold=0.9)
    assert [len(step.commits) for step in results] == [5] + [1] * 7


@pytest.mark.parametrize("rule", [{"threshold": 0.9}, {"factor": 1.0}, {"entropy_bound": 0.1}])
def test_steps_are_a_maximum_for_parallel_commits(rule) -> None:
    for steps in (3, 6):
        unsure = run(Scripted([1] * 16, np.full(16, 0.1)), steps=steps, **rule)
        assert len(unsure) <= steps
        assert unsure[-1].masked == 0
    assert len(run(Scripted([1] * 16, np.full(16, 30.0)), steps=6, **rule)) == 1


# ------------------------------------------------------------------------- autoregression


class Counting:
    """Says 5, 6, 7, … and the end token at the sixth."""

    def __init__(self) -> None:
        self.evaluated: list[int] = []

    def prefill(self, tokens) -> None:
        self.evaluated += tokens.tolist()

    def sample(self):
        count = len(self.evaluated)
        return (END if count == 8 else count + 2), 0.5

    def append(self, token) -> None:
        self.evaluated.append(token)


def test_extending_stops_at_the_end_token() -> None:
    source = Counting()
    steps = list(extend(source, np.array([1, 2, 3], np.int32), 20, frozenset({END})))
    assert steps[-1].canvas.tolist() == [1, 2, 3, 5, 6, 7, 8, 9, END]
    assert source.evaluated == [1, 2, 3, 5, 6, 7, 8, 9]
    assert [step.positions_decoded for step in steps] == [3, 1, 1, 1, 1, 1]


def test_extending_stops_at_the_limit() -> None:
    source = Counting()
    steps = list(extend(source, np.array([1, 2, 3], np.int32), 2, frozenset({END})))
    assert [step.commits[0].token for step in steps] == [5, 6]
    assert source.evaluated == [1, 2, 3, 5]
