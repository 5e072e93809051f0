"""Blocks, one rule at a time: what is asked, what is written, when it ends. That families write as
their own code does is shown in tests/reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import BlockTable
from hoshikage_cli.decoding.areas import blind_spot
from hoshikage_cli.decoding.blocks import BlockPlan, Blocks
from hoshikage_cli.decoding.parallel import RULES, ParallelRule
from hoshikage_cli.decoding.profile import PROFILES, Profile
from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.decoding.selection import ALGORITHMS
from hoshikage_cli.decoding.together import all_at_once, alone, together
from hoshikage_cli.llama.block_attention import attention_of

MASK, END = 11, 0
IN_BLOCKS = {name: profile for name, profile in PROFILES.items() if profile.block_length}
EDITING = Profile(4, quota="one", parallel=ParallelRule("threshold", (0.9,)), edit_threshold=0.5)


class Told:
    """Wants what `wants(position, text)` says: a token, or a token and how sure it is of it."""

    mask_token, has_cache, max_sequences = MASK, True, 2

    def __init__(self, wants) -> None:
        self.wants = wants
        self.asked: list = []

    def logits(self, queries):
        self.asked += [replace(query, tokens=query.tokens.copy()) for query in queries]
        return [np.stack([self.row(at, q.tokens) for at in q.positions]) for q in queries]

    def row(self, position, tokens) -> np.ndarray:
        token, sure = np.broadcast_to(self.wants(int(position), tokens), 2)
        row = np.zeros(12, np.float32)
        row[int(token)] = sure if sure != token else 9
        return row


def in_turn(position, tokens):
    """The digits 1 to 9 along the text, surest at the end of it."""
    return position % 9 + 1, 9 + position / 10


def canvas(prompt: int, generated: int) -> np.ndarray:
    tokens = np.full(prompt + generated, MASK, np.int32)
    tokens[:prompt] = np.arange(prompt) % 9 + 1
    return tokens


def run(denoiser, profile, prompt=6, generated=9, tokens=None, **plan) -> list:
    tokens = canvas(prompt, generated) if tokens is None else tokens
    plan = {"end_tokens": frozenset({END})} | plan
    return list(alone(denoiser, Blocks(denoiser, tokens, prompt, BlockPlan(profile, **plan))))


def table(profile: Profile, **options) -> BlockTable:
    reads = (profile.text_attention, profile.block_attention, profile.shift, profile.first_token)
    return BlockTable(profile.block_length, *reads, **options)


def at(steps) -> list[list[int]]:
    return [[commit.position for commit in step.commits] for step in steps]


# ------------------------------------------------------------------------------ where blocks are


@pytest.mark.parametrize(
    ("prompt", "borders"),
    [(3, [0, 4, 8]), (4, [4, 8]), (5, [4, 8]), (7, [4, 8, 12]), (8, [8, 12])],
)
def test_blocks_lie_on_the_grid_of_prompt_and_answer(prompt, borders) -> None:
    denoiser = Told(in_turn)
    run(denoiser, Profile(4), prompt, 6)
    seen = {(len(query.tokens), query.origin) for query in denoiser.asked}
    assert seen == {(border + 4, 0) for border in borders}
    for query in denoiser.asked:
        assert query.recompute is None
        assert len(query.tokens) - 4 <= query.positions[0]
        assert query.positions[-1] < len(query.tokens)


def test_blocks_may_begin_where_the_prompt_ends() -> None:
    denoiser = Told(in_turn)
    run(denoiser, Profile(4, grid="prompt end"), 6, 6)
    assert {(len(query.tokens), query.origin) for query in denoiser.asked} == {(10, 6), (14, 6)}
    denoiser = Told(in_turn)
    run(denoiser, Profile(4, grid="prompt end", last_block="short"), 6, 6)
    assert {len(query.tokens) for query in denoiser.asked} == {10, 12}


def test_a_moving_block_begins_at_the_last_token() -> None:
    denoiser = Told(lambda position, tokens: (5, 0.1 if position in (8, 11) else 9))
    steps = run(denoiser, PROFILES["sdlm"], 6, 6)
    # One at least, and none behind one that is not sure.
    assert at(steps) == [[6, 7], [8], [9, 10], [11]]
    assert [(query.origin, len(query.tokens)) for query in denoiser.asked] == [
        (5, 9),
        (7, 11),
        (8, 12),
        (10, 14),
    ]
    assert denoiser.asked[0].positions.tolist() == [6, 7, 8, 9]


def test_what_exceeds_the_answer_is_cut_and_not_waited_for() -> None:
    steps = run(Told(in_turn), Profile(8), 6, 4)
    # The surest are those that are cut: six steps of which nothing is seen.
    assert at(steps) == [[7], [6], *[[]] * 6, [9], [8]]
    assert all(len(step.canvas) == 10 for step in steps)
    assert steps[-1].masked == 0
    assert steps[-1].block == (8, 10)
    sure_at_once = Profile(8, parallel=ParallelRule("threshold", (0.9,)))
    assert at(run(Told(lambda position, tokens: (5, 9 - position / 10)), Profile(8), 8, 2)) == [
        [8],
        [9],
    ]
    assert at(run(Told(in_turn), sure_at_once, 8, 2)) == [[9, 8]]


# ------------------------------------------------------------------------------ what is written


def test_the_last_step_fills_the_block() -> None:
    steps = run(Told(in_turn), Profile(8, steps=3), 8, 8)
    assert at(steps) == [[15, 14, 13], [12, 11, 10], [9, 8]]
    profile = Profile(8, steps=3, quota="one")
    assert [len(step.commits) for step in run(Told(in_turn), profile, 8, 8)] == [1, 1, 6]


def test_quotas_are_of_the_masks_that_there_are() -> None:
    # Two of four are the prompt's: a step each, and none is asked for the rest of four steps.
    steps = run(Told(in_turn), Profile(4, steps=4), 6, 6)
    assert at(steps) == [[7], [6], [11], [10], [9], [8]]


def test_from_left_to_right() -> None:
    profile = Profile(4, order="left to right")
    assert at(run(Told(in_turn), profile, 4, 4)) == [[4], [5], [6], [7]]
    unsure = Told(lambda position, tokens: (5, 0.1 if position == 6 else 9))
    profile = replace(profile, parallel=ParallelRule("threshold", (0.9,)))
    assert at(run(unsure, profile, 4, 4)) == [[4, 5], [6], [7]]


def test_the_mask_is_never_proposed() -> None:
    steps = run(Told(lambda position, tokens: (MASK, 20)), Profile(4), 4, 4, early_stop=False)
    assert MASK not in steps[-1].canvas


def test_masks_of_the_prompt_are_filled_and_the_rest_of_it_stays() -> None:
    tokens = canvas(9, 3)
    tokens[[2, 8]] = MASK
    denoiser = Told(lambda position, tokens: 10)
    steps = run(denoiser, replace(EDITING, edit_threshold=0.0), 9, tokens=tokens)
    given = [1, 2, 10, 4, 5, 6, 7, 8, 10, 10, 10, 10]
    assert steps[-1].canvas.tolist() == given
    # Behind the hole comes the next block that has one, and not the finished one between.
    assert {len(query.tokens) for query in denoiser.asked} == {4, 12}


def test_first_tokens_come_from_the_text_before() -> None:
    profile = Profile(4, first_token="autoregressive", shift="in block")
    denoiser = Told(lambda position, tokens: (position % 9 + 1, 0.5))
    steps = run(denoiser, profile, 6, 7, rule=ProposalRule(temperature=50.0))
    firsts = [step for step in steps if step.commits[0].position % 4 == 0]
    assert [step.commits[0].position for step in firsts] == [8, 12]
    # The likeliest, whatever the temperature.
    assert [step.commits[0].token for step in firsts] == [9, 4]
    assert [query.positions.tolist() for query in denoiser.asked if query.positions[0] == 8] == [
        [8]
    ]
    # What is read for it: the block that has just been finished.
    assert [step.positions_decoded for step in firsts] == [4, 4]


def test_without_a_prompt_the_first_token_is_denoised() -> None:
    profile = Profile(4, first_token="autoregressive")
    denoiser = Told(in_turn)
    run(denoiser, profile, 0, 8)
    assert denoiser.asked[0].positions.tolist() == [0, 1, 2, 3]
    assert [4] in [query.positions.tolist() for query in denoiser.asked]


def test_the_parts_of_a_block_are_filled_in_turn() -> None:
    profile = Profile(8, sub_block=3)
    steps = run(Told(in_turn), profile, 8, 8)
    assert [step.block for step in steps] == [(8, 11)] * 3 + [(11, 14)] * 3 + [(14, 16)] * 2
    assert at(steps) == [[10], [9], [8], [13], [12], [11], [15], [14]]


def test_a_part_alone_is_evaluated_once_its_first_token_stands() -> None:
    profile = replace(PROFILES["fast-dllm-v2"], block_length=8, sub_block=4, parallel=None)
    denoiser = Told(lambda position, tokens: (5, 20 - position / 10))
    steps = run(denoiser, profile, 8, 16, block_cache=True)
    windows = [None if q.recompute is None else q.recompute.tolist() for q in denoiser.asked]
    first, second = [8, 9, 10, 11], [12, 13, 14, 15]
    # The first token, the whole block, its part; the next part's first token is new.
    assert windows[:9] == [None, None, first, first, None, second, second, second, None]
    assert [step.positions_decoded for step in steps[:9]] == [8, 8, 4, 4, 8, 4, 4, 4, 8]
    denoiser.has_cache, denoiser.asked = False, []
    run(denoiser, profile, 8, 16, block_cache=True)
    assert all(query.recompute is None for query in denoiser.asked)


# --------------------------------------------------------------------------------------- edits


def test_tokens_that_flip_for_ever_are_left_after_so_many_steps() -> None:
    def flipping(position, tokens):
        return 5 if tokens[position] in (MASK, 6) else 6

    profile = replace(EDITING, edit_threshold=0.0, max_post_steps=16)
    steps = run(Told(flipping), profile, 4, 4)
    assert len(steps) == 1 + 16
    assert [commit.replaced for commit in steps[1].commits] == [5] * 4
    assert steps[-1].masked == 0
    assert len(run(Told(flipping), replace(profile, max_post_steps=0), 4, 4)) == 1


def test_a_filled_block_is_looked_at_once_more_and_read_no_further() -> None:
    steps = run(Told(in_turn), EDITING, 4, 8)
    assert [len(step.commits) for step in steps] == [4, 0, 4, 0]
    # The prompt and a block; the block again; and so the next one: its cells are the text's.
    assert [step.positions_decoded for step in steps] == [8, 4, 4, 4]


def test_masks_and_tokens_change_in_one_step() -> None:
    def wants(position, tokens):
        if position == 4:
            return (5, 9) if tokens[6] == MASK else (7, 9)
        return 6, 9 if position == 6 or tokens[6] != MASK else 0.1

    steps = run(Told(wants), EDITING, 4, 4)
    assert at(steps) == [[4, 6], [5, 7, 4], []]
    assert [commit.replaced for commit in steps[1].commits] == [None, None, 5]


def test_a_token_is_replaced_where_the_other_is_sure_enough() -> None:
    def wants(position, tokens):
        return (5, 9) if tokens[position] == MASK else (6, 1.0)  # 1.0: a probability of 0.2

    assert run(Told(wants), EDITING, 4, 4)[-1].canvas[4:].tolist() == [5] * 4
    profile = replace(EDITING, edit_threshold=0.19, max_post_steps=1)
    assert run(Told(wants), profile, 4, 4)[-1].canvas[4:].tolist() == [6] * 4


def test_parts_may_be_edited() -> None:
    profile = replace(EDITING, block_length=6, sub_block=3)
    steps = run(Told(in_turn), profile, 6, 6)
    assert [(step.block, len(step.commits)) for step in steps] == [
        ((6, 9), 3),
        ((6, 9), 0),
        ((9, 12), 3),
        ((9, 12), 0),
    ]
    assert [step.positions_decoded for step in steps] == [12, 6, 6, 6]


# -------------------------------------------------------------------------------- where it ends


def test_an_end_token_first_in_a_block_ends_the_run() -> None:
    def wants(position, tokens):
        return (END, 20) if position == 8 else (5, 9)

    for profile in (Profile(4), replace(EDITING, edit_threshold=None)):
        steps = run(Told(wants), profile, 6, 10)
        assert steps[-1].canvas[8] == END
        assert steps[-1].block == (8, 12)
    assert len(run(Told(wants), Profile(4), 6, 10)) == 3
    assert len(run(Told(wants), Profile(4), 6, 10, early_stop=False)) == 10


def test_an_end_token_that_may_be_replaced_does_not_end_the_run() -> None:
    def wants(position, tokens):
        return END if tokens[position] == MASK else 5

    steps = run(Told(wants), EDITING, 4, 8)
    assert steps[-1].canvas.tolist() == [1, 2, 3, 4, *[5] * 8]
    steps = run(Told(lambda position, tokens: END), EDITING, 4, 8)
    assert steps[-1].canvas[4:].tolist() == [*[END] * 4, *[MASK] * 4]
    assert len(steps) == 2  # the block is final when nothing in it changes


def test_an_end_token_beyond_the_answer_is_none() -> None:
    steps = run(Told(lambda position, tokens: (END if position > 9 else 5, 9)), Profile(8), 8, 2)
    assert steps[-1].masked == 0


def test_the_end_may_be_asked_for() -> None:
    denoiser = Told(in_turn)
    blocks = Blocks(denoiser, canvas(4, 8), 4, BlockPlan(Profile(4)))
    steps = alone(denoiser, blocks)
    next(steps)
    blocks.end()
    assert list(steps) == []


def test_end_tokens_may_come_last() -> None:
    def wants(position, tokens):
        return (END, 20) if position == 4 else (5, 9 + position)

    profile = Profile(4, parallel=ParallelRule("threshold", (0.9,)))
    assert at(run(Told(wants), profile, 4, 4, eos_policy="last")) == [[7, 6, 5], [4]]
    assert at(run(Told(wants), profile, 4, 4)) == [[4, 7, 6, 5]]


# ------------------------------------------------------------------------------ what always holds

SHAPES = {
    "name": st.sampled_from(sorted(IN_BLOCKS)),
    "size": st.integers(2, 9),
    "prompt": st.integers(1, 12),
    "generated": st.integers(1, 14),
    "seed": st.integers(0, 3),
}


def resized(name: str, size: int, **changes) -> Profile:
    profile = IN_BLOCKS[name]
    part = min(3, size) if profile.sub_block else 0
    return replace(profile, block_length=size, sub_block=part, **changes)


@settings(deadline=None, max_examples=150)
@given(**SHAPES)
def test_nothing_that_is_settled_changes(name, size, prompt, generated, seed) -> None:
    profile = resized(name, size)
    denoiser = table(profile, seed=seed, sharpness=2.0)
    blocks = Blocks(denoiser, canvas(prompt, generated), prompt, BlockPlan(profile))
    settled, text = prompt, canvas(prompt, generated)[:prompt]
    for step in alone(denoiser, blocks):
        np.testing.assert_array_equal(step.canvas[:settled], text)
        assert blocks.settled >= settled
        settled, text = blocks.settled, step.canvas[: blocks.settled]
        assert MASK not in text
    assert settled == prompt + generated


@settings(deadline=None, max_examples=100)
@given(**SHAPES, temperature=st.sampled_from((0.0, 1.0)))
def test_side_by_side_as_alone(name, size, prompt, generated, seed, temperature) -> None:
    profile = resized(name, size)
    plan = BlockPlan(profile, rule=ProposalRule(temperature=temperature, seed=seed))
    denoiser = table(profile, seed=seed)

    def begun():
        return [
            Blocks(denoiser, canvas(length, generated), length, plan)
            for length in (prompt, prompt + 3, prompt + 1)
        ]

    wanted = [[step.canvas.tolist() for step in alone(denoiser, each)] for each in begun()]
    runs = begun()
    found: dict = {each: [] for each in runs}
    for each, step in together(denoiser, all_at_once(runs)):
        found[each] += [] if step is None else [step.canvas.tolist()]
    assert list(found.values()) == wanted


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", IN_BLOCKS)
def test_every_algorithm(name, algorithm) -> None:
    profile = resized(name, 5, algorithm=algorithm)
    if algorithm == "origin" and profile.order == "free":
        profile = replace(profile, parallel=None, edit_threshold=None)
    rule = ProposalRule(temperature=0.7, seed=3)
    steps = run(table(profile), profile, 6, 14, rule=rule, alg_temp=0.5, end_tokens=frozenset())
    assert steps[-1].masked == 0
    again = run(table(profile), profile, 6, 14, rule=rule, alg_temp=0.5, end_tokens=frozenset())
    assert [step.commits for step in steps] == [step.commits for step in again]


@pytest.mark.parametrize("rule", [name for name in RULES if name != "klass"])
def test_every_parallel_rule(rule) -> None:
    profile = Profile(8, quota="one", parallel=ParallelRule(rule, (0.8,)))
    steps = run(table(profile, sharpness=3.0), profile, 6, 20, end_tokens=frozenset())
    assert steps[-1].masked == 0
    assert len(steps) < 20


def test_a_rule_that_remembers() -> None:
    profile = Profile(8, quota="one", parallel=ParallelRule("klass", (0.1, 9.0)))
    steps = run(table(profile), profile, 8, 8, end_tokens=frozenset())
    assert [len(step.commits) for step in steps[:2]] == [1, 1]
    assert len(steps) < 8


def test_an_algorithm_and_a_rule_of_ones_own() -> None:
    profile = Profile(
        8, algorithm=lambda view: -view.positions, parallel=lambda view: view.positions == 15
    )
    assert at(run(Told(in_turn), profile, 8, 8))[:2] == [[8, 15], [9]]


# --------------------------------------------------------------------------------- what is refused


def test_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match="guidance is not defined"):
        BlockPlan(Profile(4), rule=ProposalRule(guidance=1.0))
    with pytest.raises(ValueError, match="at least one position"):
        BlockPlan(PROFILES["open-dcoder"])
    with pytest.raises(ValueError, match="origin decides by itself"):
        BlockPlan(Profile(4, algorithm="origin", edit_threshold=0.5))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"grid": "relative"}, "grid is one of absolute, prompt end, moving, not 'relative'"),
        ({"steps": -1}, "steps is 0 or more"),
        ({"sub_block": 8}, "a part of 8 exceeds a block of 4"),
        ({"grid": "moving"}, "left to right"),
        ({"grid": "moving", "block_length": 1}, "at least two positions"),
    ],
)
def test_what_a_profile_cannot_be(changed, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Profile(4), **changed)


def test_a_run_is_asked_and_answered_in_turn() -> None:
    blocks = Blocks(Told(in_turn), canvas(4, 4), 4, BlockPlan(Profile(4)))
    with pytest.raises(RuntimeError, match="after it began"):
        blocks.ask()
    with pytest.raises(RuntimeError, match="after it has asked"):
        blocks.answer([])
    blocks.begin(0)
    blocks.ask()
    with pytest.raises(RuntimeError, match="once a step"):
        blocks.ask()


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_a_profile_says_how_its_model_reads(name) -> None:
    profile = PROFILES[name]
    attention = attention_of(profile)
    assert attention.length == profile.block_length
    # Nothing a loop asks for lies outside of what the context's reckoning allows.
    denoiser = Told(in_turn)
    run(denoiser, profile, 37, 70)
    for query in denoiser.asked:
        start = attention.border(len(query.tokens) - 1, query.origin)
        assert start <= query.positions[0]
        assert query.positions[-1] <= len(query.tokens) - (profile.shift != "row before")


# ------------------------------------------------------- masks in the middle of known text


texts = st.lists(st.booleans(), min_size=1, max_size=24)


def blind(profile: Profile, masked: np.ndarray, prompt: int) -> list[int]:
    """Masked positions that are filled without a look at all that is known, by running the loop."""
    denoiser = Told(lambda position, tokens: (position % 9 + 1, 1 + position / 10))
    tokens = np.where(masked, MASK, 5).astype(np.int32)
    last = max(np.flatnonzero(~masked), default=-1)
    found = []
    plan = BlockPlan(profile, early_stop=False)
    for step in alone(denoiser, Blocks(denoiser, tokens, prompt, plan)):
        (query,) = denoiser.asked[-1:]
        begins = max(0, len(query.tokens) - profile.block_length)
        foretold = profile.first_token == "autoregressive"
        for commit in step.commits:
            place = commit.position
            seen = place if foretold and place > 0 and place == begins else len(query.tokens)
            if seen <= last and place < last:
                found.append(place)
    return sorted(set(found))


@pytest.mark.parametrize("name", IN_BLOCKS)
@settings(deadline=None, max_examples=50)
@given(masked=texts, prompt=st.integers(0, 12))
def test_a_blind_spot_is_a_position_that_is_filled_blindly(name, masked, prompt) -> None:
    profile, flags = resized(name, 4), np.array(masked)
    if profile.last_block == "short":
        profile = resized(name, 4, last_block="whole")
    prompt = min(prompt, len(flags))
    found, spot = blind(profile, flags, prompt), blind_spot(profile, flags, prompt)
    if profile.grid == "moving":
        # Its block begins anew at each mask; whoever comes first is judged by what it saw.
        assert bool(found) <= (spot is not None)
        return
    assert spot == (found[0] if found else None)


def test_no_text_behind_is_no_reason() -> None:
    profile = Profile(4)
    assert blind_spot(profile, np.array([False] * 3 + [True] * 9), 0) is None
    assert blind_spot(profile, np.array([False, True, False, False]), 0) is None
    assert blind_spot(profile, np.array([False, True, False, False, False]), 0) == 1
    assert blind_spot(profile, np.array([True, True]), 0) is None
