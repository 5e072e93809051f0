"""Traces: what is written is what is read, and what is read is looked at with suspicion."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hoshikage_cli.decoding.step import Candidates, Commit, Step
from hoshikage_cli.engines.job import Stopwatch
from hoshikage_cli.errors import HoshikageError
from hoshikage_cli.trace import Recording, TraceError, TraceWriter, read_trace

MASK, END = 1, 0
HOSHI = "星".encode()
TEXTS = (b"", b"", b"<|user|>", b" a", HOSHI[:2], HOSHI[2:], b"\n<b>\x1b")
PIECES = dict(enumerate(TEXTS))
FACTS = {"architecture": "x", "parameters": 1, "size_bytes": 2, "n_vocab": 7}


class Vocabulary:
    end_tokens = frozenset({END})

    def piece(self, token):
        return PIECES[token]

    def text(self, token):
        return f"<{token}>"


def recording(steps, canvas=(2, MASK, MASK, MASK, MASK), mask=MASK):
    """A run that was never made, as it would be read back."""
    return Recording(
        model={"name": "m", "kind": "diffusion" if mask else "autoregressive"},
        settings={"algorithm": "confidence", "schedule": "timestep"},
        seed=7,
        total_steps=4,
        mask_token=mask,
        end_tokens=frozenset({END}),
        prompt_length=1,
        canvas=tuple(canvas),
        pieces=PIECES,
        names={},
        steps=tuple(steps),
        stop_reason="end",
        flaw=None,
    )


def step(index, *commits):
    made = tuple(Commit(position, token, sure, other) for position, token, sure, other in commits)
    return Step(index, 4, made, np.empty(0, np.int32), 4 - index, (1, 5), 5, 1, index + 0.5)


STEPS = (
    step(0, (1, 4, 0.9, 3), (3, 6, float("nan"), None)),
    step(1, (2, 5, 0.25, END)),
    step(3, (4, END, 1.0, 3)),
)


def written_by_a_model(run):
    run.words, run.model = Vocabulary(), run.model | FACTS
    return run


def written(path, steps=STEPS, end=True, **facts):
    run = written_by_a_model(recording(steps, **facts).play())
    with TraceWriter(path) as trace:
        trace.begin(run)
        for event in run:
            trace.step(event)
        if end:
            trace.end(run.result())
    return run.result()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run.jsonl"


def shown(run):
    return [(e.text, e.nfe, e.step.masked, e.step.elapsed, e.cells) for e in run]


def test_a_trace_plays_as_the_run_did(file):
    result = written(file)
    read = read_trace(file)
    assert str(shown(read.play())) == str(shown(recording(STEPS).play()))
    again = read.play()
    list(again)
    assert again.result().text == result.text == "星\n<b>\x1b"
    assert (read.flaw, read.stop_reason, read.seed, read.name) == (None, "end", 7, "m")
    assert read.names[END] == "<0>"
    assert [c.runner_up for s in read.steps for c in s.commits] == [3, None, END, 3]


def test_an_autoregressive_run_grows(file):
    steps = [step(0, (1, 3, 0.5, None)), step(1, (2, END, 0.5, None))]
    written(file, steps, canvas=(2,), mask=None)
    assert [len(e.step.canvas) for e in read_trace(file).play()] == [2, 3]


def test_every_line_is_strict_json(file):
    written(file)
    for line in file.read_text(encoding="utf-8").splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(name))


def test_half_a_character_keeps_its_bytes(file):
    written(file)
    commit = json.loads(file.read_text(encoding="utf-8").splitlines()[1])["commits"][0]
    assert (commit["piece"], commit["bytes"]) == ("\ufffd", HOSHI[:2].hex())


def test_a_trace_cut_anywhere_plays_to_its_last_whole_step(file):
    written(file)
    data = file.read_bytes()
    first = data.index(b"\n") + 1
    for cut in range(first, len(data)):
        file.write_bytes(data[:cut])
        read = read_trace(file)
        assert len(read.steps) == min(data[:cut].count(b"\n") - 1, len(STEPS))
        assert read.flaw == "the trace is cut off"
        assert read.stop_reason == "interrupted"
        list(read.play())


def test_a_head_that_is_cut_is_no_trace(file):
    written(file)
    data = file.read_bytes()
    for cut in (0, 1, 50, data.index(b"\n")):
        file.write_bytes(data[:cut])
        with pytest.raises(TraceError, match="no trace of a run"):
            read_trace(file)


def test_unknown_records_and_keys_are_passed_over(file):
    written(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    lines.insert(2, '{"record":"thought","words":3}')
    lines[1] = lines[1].replace("{", '{"new":[1],', 1)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert len(read_trace(file).steps) == len(STEPS)


def test_another_version_is_refused(file):
    written(file)
    file.write_bytes(file.read_bytes().replace(b'"version":1', b'"version":2'))
    with pytest.raises(TraceError, match="version 2, and this Hoshikage reads version 1"):
        read_trace(file)


# What was proposed: token 3 is spelled nowhere else, and 6 comes only later as a commit.
PROPOSALS = (
    Candidates(1, 0.123456789, ((4, 0.9), (3, 0.06), (6, 1.23456e-9))),
    Candidates(4, float("nan"), ((6, float("nan")),)),
    Candidates(2, 0.0, ()),
)
TOLD = (replace(STEPS[0], proposals=PROPOSALS), STEPS[1], replace(STEPS[2], proposals=()))


def records(file):
    return list(map(json.loads, file.read_text(encoding="utf-8").splitlines()))


def test_proposals_are_read_as_they_were_written(file):
    written(file, TOLD)
    first, second, third = read_trace(file).steps
    assert str(first.proposals) == str(
        (replace(PROPOSALS[0], entropy=0.12346, top=((4, 0.9), (3, 0.06), (6, 1.2346e-9))),)
        + PROPOSALS[1:]
    )
    assert (second.proposals, third.proposals) == (None, ())
    played = [event.step.proposals for event in read_trace(file).play()]
    assert str(played) == str([first.proposals, None, ()])


def test_a_trace_with_proposals_plays_as_one_without(file, tmp_path):
    other = tmp_path / "other.jsonl"
    written(file)
    written(other, TOLD)
    assert str(shown(read_trace(file).play())) == str(shown(read_trace(other).play()))
    assert "proposals" not in file.read_text(encoding="utf-8")


def test_a_proposed_token_is_spelled_once_a_file(file):
    again = replace(STEPS[1], proposals=(Candidates(2, 0.5, ((3, 0.5), (2, 0.1))),))
    unknown = (replace(STEPS[0], commits=(), proposals=PROPOSALS), again)
    written(file, unknown)
    spelled = [[item["token"] for item in record["tokens"]] for record in records(file)[1:3]]
    assert spelled == [[3, 4, 6], []]  # 2 stands on the first canvas
    assert read_trace(file).pieces[6] == PIECES[6]


def test_an_autoregressive_step_tells_of_its_own_position(file):
    found = (Candidates(1, 0.5, ((3, 0.5),)),)
    written(file, [replace(step(0, (1, 3, 0.5, None)), proposals=found)], canvas=(2,), mask=None)
    assert read_trace(file).steps[0].proposals == found


PROPOSAL_DAMAGES = [
    ('"proposals":[', '"proposals":7,"x":['),
    ('"proposals":[', '"proposals":[7,'),
    ('"position":1,"entropy"', '"position":5,"entropy"'),
    ('"position":1,"entropy"', '"position":"1","entropy"'),
    ('"position":1,"entropy"', '"entropy"'),
    ('"entropy":0.12346', '"entropy":-1'),
    ('"entropy":0.12346', '"entropy":"<b>"'),
    ("[4,0.9]", "[4,1.1]"),
    ("[4,0.9]", "[4,-0.1]"),
    ("[4,0.9]", "[4,NaN]"),
    ("[4,0.9]", '[4,"0.9"]'),
    ("[4,0.9]", "[4]"),
    ("[4,0.9]", "[4,0.9,1]"),
    ("[4,0.9]", "[true,0.9]"),
    ("[4,0.9]", '["4",0.9]'),
    ("[4,0.9]", "[99,0.9]"),
    ("[4,0.9]", "{}"),
    ('"tokens":[', '"tokens":[{},'),
    ('"tokens":[', '"tokens":{"a":['),
    ('"tokens":[', '"tokens":null,"x":['),
]


@pytest.mark.parametrize(("sound", "broken"), PROPOSAL_DAMAGES)
def test_damage_to_proposals_is_told_with_its_line(file, sound, broken):
    written(file, TOLD)
    text = file.read_text(encoding="utf-8")
    assert sound in text
    file.write_text(text.replace(sound, broken, 1), encoding="utf-8")
    with pytest.raises(TraceError, match="line 2 .*damaged") as caught:
        read_trace(file)
    assert "\n" not in str(caught.value)


DAMAGES = [
    ('"position":1', '"position":99'),
    ('"position":1', '"position":-1'),
    ('"position":1', '"position":true'),
    ('"position":1,', ""),
    ('"token":4', '"token":"4"'),
    ('"token":4', '"token":1e99'),
    ('"bytes":"e698"', '"bytes":"xx"'),
    ('"confidence":0.9', '"confidence":NaN'),
    ('"confidence":0.9', '"confidence":"<script>"'),
    ('"elapsed":0.5', '"elapsed":-1'),
    ('"elapsed":0.5', '"elapsed":Infinity'),
    ('"block":[1,5]', '"block":[1]'),
    ('"block":[1,5]', '"block":{}'),
    ('"commits":[', '"commits":[7,'),
    ('"commits":[', '"commits":{"a":['),
    ('"prompt_length":1', '"prompt_length":6'),
    ('"mask_token":1', '"mask_token":null'),
    ('"name":"m"', '"name":null'),
    ('"settings":{', '"settings":3,"x":{'),
    ('"canvas":[', '"canvas":"'),
    ('"seed":7', '"seed":[]'),
    ('"stop_reason":"end"', '"stop_reason":null'),
    ('{"record":"step"', '[{"record":"step"'),
]


@pytest.mark.parametrize(("sound", "broken"), DAMAGES)
def test_damage_is_told_with_its_line(file, sound, broken):
    written(file)
    text = file.read_text(encoding="utf-8")
    assert sound in text
    file.write_text(text.replace(sound, broken, 1), encoding="utf-8")
    with pytest.raises(TraceError) as caught:
        read_trace(file)
    assert "damaged" in str(caught.value) or "no trace" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


NO_TRACES = [b"", b"{}\n", b"[]\n", b"\x00\xff\n", b"GGUF", b"[" * 99999 + b"\n"]


@pytest.mark.parametrize("data", NO_TRACES)
def test_what_is_no_trace(file, data):
    file.write_bytes(data)
    with pytest.raises(TraceError, match="no trace of a run"):
        read_trace(file)


def test_files_that_cannot_be_opened(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(HoshikageError, match="cannot read"):
            read_trace(path)
    for path in (tmp_path, tmp_path / "missing" / "run.jsonl"):
        with pytest.raises(TraceError, match="cannot write the trace"):
            TraceWriter(path)


def test_a_full_disk_is_told():
    run = written_by_a_model(recording(STEPS).play())
    with pytest.raises(TraceError, match="No space left"):
        TraceWriter("/dev/full").begin(run)


def test_a_stopwatch_is_all_a_replay_has_of_time(file):
    written(file)
    run = read_trace(file).play()
    list(run)
    assert run.result().timings["generate"] == STEPS[-1].elapsed
    assert run.result().timings["decode"] == Stopwatch().decode


# ---------------------------------------------------------------- replaced and taken back

REVISED = (
    step(0, (1, 3, 0.9, 4), (2, 3, 0.5, None)),
    replace(step(1, (1, 6, 0.7, 3)), commits=(Commit(1, 6, 0.7, 3, replaced=3),), remasked=(2,)),
    step(2, (2, 4, 0.8, 3), (3, 5, 0.8, None), (4, END, 1.0, None)),
)


def test_what_is_replaced_or_taken_back_is_read_as_it_was_written(file):
    written(file, REVISED)
    read = read_trace(file)
    assert [s.remasked for s in read.steps] == [(), (2,), ()]
    assert [c.replaced for s in read.steps for c in s.commits] == [None, None, 3, None, None, None]
    assert str(shown(read.play())) == str(shown(recording(REVISED).play()))
    states = [[cell.state for cell in event.cells] for event in read.play()]
    assert states[1] == ["prompt", "replaced", "remasked", "masked", "masked"]
    assert [event.step.canvas.tolist()[1:3] for event in read.play()] == [[3, 3], [6, MASK], [6, 4]]


def test_a_step_without_revisions_has_no_key_for_them(file):
    written(file)
    assert b"remasked" not in file.read_bytes()
    assert b"replaced" not in file.read_bytes()


@pytest.mark.parametrize(
    "positions", ["[0]", "[5]", "[-1]", "[2,2]", "[1]", "2", '["2"]', "[true]", "null", "{}"]
)
def test_what_cannot_have_been_taken_back_is_refused(file, positions):
    written(file, REVISED)
    text = file.read_text(encoding="utf-8").replace('"remasked":[2]', f'"remasked":{positions}')
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TraceError, match="line 3 cannot be understood"):
        read_trace(file)


def test_nothing_is_taken_back_of_a_run_without_masks(file):
    written(file, [step(0, (1, 3, 0.5, None))], canvas=(2,), mask=None)
    line = file.read_text(encoding="utf-8").replace('"nfe":1,', '"nfe":1,"remasked":[0],', 1)
    file.write_text(line, encoding="utf-8")
    with pytest.raises(TraceError, match="cannot have been taken back"):
        read_trace(file)


def test_what_is_final_is_read_as_it_was_written(file):
    """A trace that calls something final which is masked is not believed."""
    written(file, [replace(STEPS[0], settled=1), *STEPS[1:]])
    text = file.read_text(encoding="utf-8")
    assert [made.settled for made in read_trace(file).steps] == [1, *[None] * (len(STEPS) - 1)]
    assert text.count('"settled":1') == 1
    for place, believed in (1, 1), (5, None):
        changed = text.replace('"settled":1', f'"settled":{place}')
        file.write_text(changed, encoding="utf-8")
        first, *_ = read_trace(file).play()
        assert (first.step.settled, first.new_text) == (believed, "")


@pytest.mark.parametrize("settled", ["-1", "true", '"1"', "1e99"])
def test_a_place_that_is_none_is_refused(file, settled):
    written(file, [replace(STEPS[0], settled=1)])
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"settled":1', f'"settled":{settled}'), encoding="utf-8")
    with pytest.raises(TraceError, match="line 2 .*damaged"):
        read_trace(file)
