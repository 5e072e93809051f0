"""Whole runs over a table: end tokens, early stop, skipped steps, caches, parallel commits."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import CachingDenoiser, TableDenoiser
from hoshikage_cli.decoding.autoregressive import extend
from hoshikage_cli.decoding.cache import MODES, CachePlan
from hoshikage_cli.decoding.diffusion import Diffusion, DiffusionPlan
from hoshikage_cli.decoding.parallel import RULES, ParallelRule
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.schedule import SCHEDULES
from hoshikage_cli.decoding.selection import ALGORITHMS
from hoshikage_cli.decoding.together import all_at_once, diffuse, together

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

    mask_token, has_cache, max_sequences = MASK, False, 2

    def __init__(self, tokens, sureness) -> None:
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
        seen.append((queries[0].tokens.copy(), denoiser.seen[0]))
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


@pytest.mark.parametrize("mode", ["prefix", "dual", "active"])
@pytest.mark.parametrize("ahead", [None, 0, 3])
def test_a_block_that_begins_evaluates_what_it_can_reach(mode, ahead) -> None:
    plan = {"schedule": "block", "steps": 0, "block_length": 4, "look_ahead": ahead}
    near = run(CachingDenoiser(), canvas(4, 16), cache=CachePlan(mode, reach=2), **plan)
    begins = [step for step, last in zip(near[1:], near, strict=False) if step.block != last.block]
    for step in begins:
        end = 20 if ahead is None else min(20, step.block[1] + ahead)
        assert step.positions_decoded == end - (step.block[0] - 2)
    assert near[0].positions_decoded == (20 if ahead is None else 8 + ahead)


@pytest.mark.parametrize("mode", ["prefix", "dual", "active"])
@pytest.mark.parametrize("ahead", [None, 0, 3])
def test_a_reach_over_everything_is_a_full_pass(mode, ahead) -> None:
    plan = {"schedule": "block", "steps": 0, "block_length": 4, "look_ahead": ahead}
    found = [
        run(CachingDenoiser(), canvas(4, 16), cache=CachePlan(mode, reach=reach), **plan)
        for reach in (None, 16)
    ]
    for left, right in zip(*found, strict=True):
        np.testing.assert_array_equal(left.canvas, right.canvas)


def test_a_short_reach_still_has_full_passes_when_they_are_due() -> None:
    cache = CachePlan("dual", reach=0, refresh=6)
    plan = {"schedule": "block", "steps": 0, "block_length": 4, "cache": cache}
    steps = run(CachingDenoiser(), canvas(4, 16), **plan)
    full = [step.index for step in steps if step.positions_decoded == 20]
    assert full == [0, 6, 12]


def test_known_text_behind_a_block_is_never_dropped() -> None:
    tokens = canvas(4, 16)
    tokens[12] = 5
    asked = []
    denoiser = CachingDenoiser()

    def watch(queries, evaluate=denoiser.logits):
        asked.extend(len(query.tokens) for query in queries)
        return evaluate(queries)

    denoiser.logits = watch
    run(denoiser, tokens, schedule="block", steps=0, block_length=4, look_ahead=1)
    assert asked == [13] * 8 + [17] * 3 + [20] * 4


# ------------------------------------------------------------------------ parallel commits

SURE = {
    "threshold": (0.9,),
    "factor": (1.0,),
    "entropy_bound": (0.1,),
    "entropy_threshold": (0.1,),
    "entropy_exit": (0.1,),
}


def sureness_of(probabilities) -> np.ndarray:
    """Logits that give the wanted token this probability among the eleven that are not banned."""
    p = np.array(probabilities)
    return np.log(10 * p / (1 - p))


def test_a_threshold_takes_what_is_sure_and_at_least_one() -> None:
    sure = np.full(16, 0.5)
    sure[4:9] = 12.0
    results = run(Scripted([1] * 16, sure), steps=0, parallel=ParallelRule("threshold", (0.9,)))
    assert [len(step.commits) for step in results] == [5] + [1] * 7


@pytest.mark.parametrize("name", SURE)
def test_steps_are_a_maximum_for_parallel_commits(name) -> None:
    rule = ParallelRule(name, SURE[name])
    for steps in (3, 6):
        unsure = run(Scripted([1] * 16, np.full(16, 0.1)), steps=steps, parallel=rule)
        assert len(unsure) <= steps
        assert unsure[-1].masked == 0
    assert len(run(Scripted([1] * 16, np.full(16, 30.0)), steps=6, parallel=rule)) == 1


@pytest.mark.parametrize("name", SURE)
def test_end_tokens_that_come_last_do_not_count_for_a_rule(name) -> None:
    """However sure the model is of the end, it says nothing of the text before it."""
    sure = sureness_of([0.5] * 4 + [0.3, 0.25, 0.99, 0.98])
    denoiser = Scripted([1] * 6 + [END] * 2, sure)
    plan = {"eos_policy": "last", "end_tokens": frozenset({END}), "early_stop": False}
    rule = ParallelRule(name, SURE[name])
    results = run(denoiser, canvas(4, 4), steps=0, parallel=rule, **plan)
    assert [[c.position for c in step.commits] for step in results] == [[4], [5], [6], [7]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SURE)
def test_a_rule_reads_the_probability_and_not_the_noise_that_orders(name, seed) -> None:
    denoiser = Scripted([1] * 16, sureness_of(np.linspace(0.4, 0.55, 16)))
    rule = ParallelRule(name, SURE[name])
    plan = {"steps": 0, "alg_temp": 0.1, "rule": {"seed": seed}}
    results = run(denoiser, parallel=rule, **plan)
    assert [len(step.commits) for step in results] == [1] * 12
    sure = run(Scripted([1] * 16, np.full(16, 30.0)), parallel=rule, **plan)
    assert len(sure) == 1


@pytest.mark.parametrize("name", SURE)
@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "origin"])
def test_rules_work_with_every_order(algorithm, name) -> None:
    sure = np.full(16, 0.1)
    sure[4:9] = 30.0
    rule = ParallelRule(name, SURE[name])
    first = run(Scripted([1] * 16, sure), steps=0, algorithm=algorithm, parallel=rule)[0]
    assert {commit.position for commit in first.commits} >= set(range(4, 9))
    assert len(first.commits) <= 6


@pytest.mark.parametrize("name", RULES)
def test_origin_takes_no_rule(name) -> None:
    with pytest.raises(ValueError, match="origin decides by itself"):
        DiffusionPlan(algorithm="origin", parallel=ParallelRule(name, SURE.get(name, (0.9, 0.01))))


# ------------------------------------------------------------------------------ side by side


def diffusion(denoiser, generated=6, **plan) -> Diffusion:
    rule = ProposalRule(banned=(MASK,), **plan.pop("rule", {}))
    return Diffusion(denoiser, canvas(4, generated), 4, DiffusionPlan(rule=rule, **plan))


def test_too_few_sequences_are_refused() -> None:
    denoiser = TableDenoiser()
    denoiser.max_sequences = 1
    run = diffusion(denoiser, rule={"guidance": 1.0})
    with pytest.raises(ValueError, match="needs 2 sequences"):
        list(together(denoiser, all_at_once([run]), run.sequences_needed))


def test_a_run_that_was_ended_makes_no_more_steps() -> None:
    denoiser, made = TableDenoiser(), 0
    run = diffusion(denoiser, steps=0)
    for _, step in together(denoiser, all_at_once([run])):
        made += step is not None
        run.end()
    assert made == 1


def test_a_run_is_asked_and_answered_in_turn() -> None:
    denoiser = TableDenoiser()
    one = diffusion(denoiser, 2, steps=0)
    with pytest.raises(RuntimeError, match="after it began"):
        one.ask()
    one.begin(0)
    with pytest.raises(RuntimeError, match="after it has asked"):
        one.answer([])
    while not one.over:
        queries = one.ask()
        with pytest.raises(RuntimeError, match="once a step"):
            one.ask()
        one.answer(denoiser.logits(queries))
    with pytest.raises(RuntimeError, match="before its end"):
        one.ask()


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
