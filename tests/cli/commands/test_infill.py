"""`hoshikage infill`, run for real."""

from __future__ import annotations

import json

import pytest

STORY = "Mia had a [MASK:2] kite.\r\n  Ben loved the [MASK] kite too.\n\n"


def test_every_way_to_give_the_text(hoshikage, tmp_path):
    file = tmp_path / "story.txt"
    file.write_bytes(STORY.encode())
    runs = [
        hoshikage("infill", STORY, text=False),
        hoshikage("infill", "-f", file, text=False),
        hoshikage("infill", "-", stdin=STORY, text=False),
        hoshikage("infill", stdin=STORY, text=False),
    ]
    assert [run.returncode for run in runs] == [0] * 4
    assert len({run.stdout for run in runs}) == 1
    before, middle, after = STORY.replace("[MASK:2]", "[MASK]").encode().split(b"[MASK]")
    assert runs[0].stdout.startswith(before)
    assert middle in runs[0].stdout
    assert runs[0].stdout.endswith(after)


def test_an_argument_gets_a_newline_and_a_file_keeps_its_ending(hoshikage):
    typed = hoshikage("infill", "a [MASK]", text=False).stdout
    piped = hoshikage("infill", stdin="a [MASK]", text=False).stdout
    assert typed == piped + b"\n"


def test_only_the_holes(hoshikage):
    told = json.loads(hoshikage("infill", STORY, "--json").stdout)
    assert told["text"].endswith(" kite too.\n\n")
    holes = json.loads(hoshikage("infill", STORY, "--json", "--show", "holes").stdout)
    assert holes == told["holes"]
    assert [hole["length"] for hole in holes] == [2, 1]
    for hole in holes:
        assert told["text"][hole["start"] : hole["end"]] == hole["text"]
        assert all(0 <= token["confidence"] <= 1 for token in hole["tokens"])
    lines = hoshikage("infill", STORY, "--show", "holes").stdout
    assert lines.count("\n") == 2


def test_another_marker(hoshikage):
    result = hoshikage("infill", "--mask-marker", "_", "Sudoku:\n12_4\n3_12\n2143\n432_")
    lines = result.stdout.splitlines()
    assert lines[0] == "Sudoku:"
    assert lines[3] == "2143"
    assert "_" not in result.stdout


def test_the_view_is_on_stderr(hoshikage):
    plain = hoshikage("infill", STORY, text=False)
    visual = hoshikage("infill", STORY, "--visual", text=False)
    assert plain.stdout == visual.stdout
    assert b"masked: Mia had a" in visual.stderr


WRONG = [
    (("no hole",), 2, "write [MASK]"),
    (("[MASK:0]",), 2, "no tokens"),
    (("[MASK:999]",), 1, "exceed the context"),
    (("[MASK]", "--show", "all"), 2, "choose text or holes"),
    (("[MASK]", "-f", "x"), 2, "give one of them"),
    (("-f", "/nowhere.txt"), 2, "cannot read the text"),
    ((), 2, "no text"),
    (("[MASK]", "--steps", "x"), 2, "not a whole number"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
def test_one_clear_line(hoshikage, arguments, code, words):
    result = hoshikage("infill", *arguments)
    said = [line for line in result.stderr.splitlines() if "no --model given" not in line]
    assert (result.returncode, result.stdout, len(said)) == (code, "", 1)
    assert words in said[0]


def test_an_autoregressive_model_cannot(hoshikage, model_file):
    result = hoshikage("infill", "-m", model_file("llama"), "a [MASK] b")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "cannot see what follows a hole" in result.stderr
