"""`--trace` in every command that runs a model: what it writes plays as the run went."""

from __future__ import annotations

import json

import pytest

from hoshikage_cli.generation.filled import InfillResult
from hoshikage_cli.trace import read_trace

SHORT = ("-q", "-n", "12", "--steps", "4", "--seed", "5")
STORY = "Mia had a [MASK:3] kite. Ben loved the [MASK] kite too.\n"


def replayed(path):
    """The result of a trace, played to its end."""
    recording = read_trace(path)
    assert recording.flaw is None
    run = recording.play()
    for _ in run:
        pass
    return run.result()


def test_a_filled_text_is_played_as_it_was_filled(hoshikage, tmp_path):
    path = tmp_path / "fill.jsonl"
    options = ("--steps", "4", "--seed", "1", "--trace-proposals", "2", "--trace", path)
    run = hoshikage("infill", "-q", "--json", *options, STORY)
    told = json.loads(run.stdout)
    result = replayed(path)
    assert isinstance(result, InfillResult)
    assert result.text == told["text"]
    assert [hole.to_dict()["text"] for hole in result.holes] == [h["text"] for h in told["holes"]]
    assert (result.nfe, result.probes) == (told["nfe"], told["probes"])
    steps = read_trace(path).steps
    assert told["steps"] == len(steps)
    assert told["nfe"] == told["probes"] + sum(step.nfe for step in steps)
    indices = {step.index for step in steps}
    assert {token["step"] for hole in told["holes"] for token in hole["tokens"]} <= indices
    assert steps[0].proposals
    assert hoshikage("replay", "-q", path).stdout == told["text"]
    page = tmp_path / "fill.html"
    assert hoshikage("export", path, "-o", page).returncode == 0


def test_an_end_token_in_a_hole_is_no_end_of_what_is_played(hoshikage, tmp_path):
    """The third of three tokens mostly is none: what follows the hole is shown all the same."""
    path = tmp_path / "fill.jsonl"
    hoshikage("infill", "-q", "--steps", "0", "--seed", "1", "--trace", path, STORY)
    assert replayed(path).text.endswith("kite too.\n")


@pytest.mark.parametrize("model", ["hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar"])
def test_each_of_several_answers_has_a_file(hoshikage, tmp_path, model):
    options = (*SHORT, "-m", model, "--temp", "1", "-N", "3", "--trace", tmp_path / "run.jsonl")
    told = json.loads(hoshikage("generate", "--json", *options, "Hello!").stdout)
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == [
        f"run-{number}.jsonl" for number in (1, 2, 3)
    ]
    for number, answer in enumerate(told, 1):
        result = replayed(tmp_path / f"run-{number}.jsonl")
        assert (result.text, result.seed) == (answer["text"], answer["seed"])


def test_each_record_of_a_batch_has_a_file_by_its_line(hoshikage, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    lines = ['"What is 1 + 2?"', "", '{"prompt": ""}', '{"prompt": "Hello!", "id": "../x"}']
    prompts.write_text("\n".join(lines), encoding="utf-8")
    run = hoshikage("batch", prompts, *SHORT, "--trace", tmp_path / "run.jsonl")
    told = {row["line"]: row for row in map(json.loads, run.stdout.splitlines())}
    assert sorted(path.name for path in tmp_path.glob("run*")) == ["run-1.jsonl", "run-4.jsonl"]
    for line in (1, 4):
        assert replayed(tmp_path / f"run-{line}.jsonl").text == told[line]["text"]


def test_each_turn_of_a_chat_has_a_file(hoshikage, tmp_path):
    said = "Hello!\nWhat is 2 + 3?\n"
    run = hoshikage("chat", *SHORT, "--trace", tmp_path / "talk.jsonl", stdin=said)
    texts = [replayed(tmp_path / f"talk-{turn}.jsonl").text for turn in (1, 2)]
    assert run.stdout == "".join(f"{text}\n" for text in texts)


def test_a_folder_that_is_not_there_is_told_before_anything_is_loaded(hoshikage, tmp_path):
    path = tmp_path / "no" / "run.jsonl"
    for command in (("generate", "-N", "2", "hi"), ("infill", "a [MASK]"), ("chat",), ("batch",)):
        run = hoshikage(*command, *SHORT[:1], "--trace", path, stdin="hi\n")
        assert run.returncode == 1
        assert run.stdout == ""
        assert str(path) in run.stderr


@pytest.mark.parametrize("command", [("infill", "a [MASK]"), ("chat",), ("batch",)])
def test_proposals_without_a_trace_are_refused(hoshikage, command):
    run = hoshikage(*command, "--trace-proposals", "2", stdin="hi\n")
    assert run.returncode == 2
    assert "give --trace FILE as well" in run.stderr


def test_a_variable_for_proposals_alone_is_no_error(hoshikage):
    run = hoshikage("generate", *SHORT, "hi", HOSHIKAGE_TRACE_PROPOSALS="2")
    assert (run.returncode, run.stderr) == (0, "")
