"""The file of results: what survives, what is taken off, what is refused."""

from __future__ import annotations

import json
import os

import pytest

from hoshikage_cli.batch.results import ResultsFile, ResultsStream, as_line
from hoshikage_cli.errors import UsageError


def result(line, **more):
    return {"line": line, "prompt": f"p{line}", **more}


def filled(path, lines):
    with ResultsFile(path) as results:
        for number, line in enumerate(lines):
            results.put(number, result(line))


def lines_of(path):
    return [json.loads(line)["line"] for line in path.read_text().splitlines()]


def test_what_is_there_is_known_again(tmp_path):
    path = tmp_path / "out.jsonl"
    with ResultsFile(path) as results:
        results.put(0, result(1))
        results.put(1, result(4, id="k"))
        results.put(2, {"line": 5, "error": "bad"})
    with ResultsFile(path) as results:
        assert results.done == {"line 1": "p1", 'id "k"': "p4", "line 5": None}
        assert not results.cut


def test_a_line_cut_off_anywhere_is_taken_off(tmp_path):
    path = tmp_path / "out.jsonl"
    whole = as_line(result(1)) + as_line(result(2, text="日本"))
    first = len(as_line(result(1)))
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with ResultsFile(path) as results:
            assert results.cut == (size not in (0, first, len(whole)))
            kept = (size >= first) + (size == len(whole))
            assert len(results.done) == kept
            results.put(0, result(9))
        assert lines_of(path) == [1, 2][:kept] + [9]


@pytest.mark.parametrize("content", ["notes\n", "notes", '{"a": 1}\n', "[1]\n", '{"line": "x"}\n'])
def test_a_file_of_something_else_is_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(UsageError, match="no result of hoshikage batch"):
        ResultsFile(path)
    assert path.read_text() == content


def test_overwrite_begins_anew(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("anything")
    with ResultsFile(path, overwrite=True) as results:
        assert results.done == {}


def test_two_programs_cannot_write_one_file(tmp_path):
    with ResultsFile(tmp_path / "out"), pytest.raises(UsageError, match="another program"):
        ResultsFile(tmp_path / "out")


def test_order_is_made_at_the_end_and_the_mode_kept(tmp_path):
    path = tmp_path / "out.jsonl"
    filled(path, [3, 1])
    path.chmod(0o640)
    with ResultsFile(path, in_order=True) as results:
        results.put(0, result(2))
        assert lines_of(path) == [3, 1, 2]
        results.finish()
        assert set(results.done) == {"line 1", "line 2", "line 3"}
        results.put(1, result(7))
    assert lines_of(path) == [1, 2, 3, 7]
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_as_finished_stays_so(tmp_path):
    path = tmp_path / "out.jsonl"
    filled(path, [3, 1])
    with ResultsFile(path, in_order=False) as results:
        results.finish()
    assert lines_of(path) == [3, 1]


def test_results_can_be_taken_out(tmp_path):
    path = tmp_path / "out.jsonl"
    filled(path, [1, 2, 3])
    with ResultsFile(path) as results:
        assert results.drop(lambda found: found["line"] == 2) == 1
        assert set(results.done) == {"line 1", "line 3"}
        assert results.drop(lambda found: False) == 0
    assert lines_of(path) == [1, 3]


def test_a_stream_holds_back_what_is_early():
    written = []
    stream = ResultsStream(written.append)
    for number in (2, 0, 3):
        stream.put(number, result(number))
    assert written == [as_line(result(0))]
    stream.put(1, result(1))
    assert written == [as_line(result(n)) for n in range(4)]
    stream.put(6, result(6))
    stream.finish()
    assert len(written) == 5


def test_half_a_surrogate_pair_can_be_written():
    assert json.loads(as_line({"line": 1, "prompt": "\ud83c"})) == {"line": 1, "prompt": "\ud83c"}
