"""What a line of tasks means, and what counts as right; without a model."""

from __future__ import annotations

import json

import pytest

from hoshikage_cli.batch.records import Record
from hoshikage_cli.bench.tasks import in_chunks, item_of, read_items
from hoshikage_cli.errors import UsageError


def item(**data):
    return item_of(Record(1, "x", data=data))


@pytest.mark.parametrize(
    ("wanted", "right", "wrong"),
    [
        ({"answer": "7"}, ["7", " 7\n"], ["17", "7.", "", "seven"]),
        ({"answer": " 7 "}, ["7"], ["77"]),
        ({"answer": ["7", "seven"]}, ["7", "seven "], ["7 seven", "Seven"]),
        ({"contains": "cat"}, ["a cat", "concatenate"], ["Cat", ""]),
        ({"contains": ["a", "b"]}, ["b a"], ["a", "b"]),
        ({"regex": r"\b7\b"}, ["it is 7", "7"], ["77"]),
        ({"regex": "^a$"}, ["a"], ["ba"]),
    ],
)
def test_what_is_right(wanted, right, wrong):
    check = item(**wanted).check
    assert [check(answer) for answer in right] == [True] * len(right)
    assert [check(answer) for answer in wrong] == [False] * len(wrong)


def test_what_else_an_item_has():
    assert item(answer="7", task="sums").task == "sums"
    assert item(answer="7", source="a book").task == ""
    assert item(task="sums") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"regex": "(7"}, "regex: '(7' is no regular expression"),
        ({"regex": ["7"]}, "regex: ['7'] is not text"),
        ({"answer": 7}, "answer: 7 is not text: put it in quotes"),
        ({"answer": []}, "answer: there is nothing in it"),
        ({"contains": ["", " "]}, "contains: there is nothing in it"),
        ({"contains": ["a", None]}, "contains: None is not text"),
        ({"answer": "7", "regex": "7"}, "answer and regex in one record"),
        ({"answer": "7", "task": 3}, "task: 3 is not text"),
        ({"anwser": "7"}, "no key 'anwser'; did you mean answer?"),
        ({"answer": "7", "taks": "a"}, "no key 'taks'; did you mean task?"),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(UsageError) as refused:
        item(**data)
    assert words in str(refused.value)


@pytest.fixture
def tasks(tmp_path):
    """tasks("…", "…") writes a file of these lines."""

    def write(*lines):
        path = tmp_path / "tasks.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


SUM = json.dumps({"prompt": "1 + 2", "answer": "3", "settings": {"steps": 4}, "id": "a"})


def test_a_file(tasks):
    items, unchecked = read_items(tasks(SUM, "", '{"prompt": "Hello!"}', '"Tell a story."'))
    assert [(i.record.line, i.record.id, i.record.settings) for i in items] == [
        (1, "a", {"steps": 4})
    ]
    assert unchecked == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not JSON"),
        ('{"prompt": "x", "regex": "*"}', "line 2: regex: '*' is no regular expression"),
        ('{"answer": "x"}', "line 2: there is no prompt in it"),
        ('{"promt": "x", "answer": "x"}', "'promt' is no key; did you mean prompt?"),
        (SUM, "line 2: id 'a' is that of line 1"),
        ('{"prompt": "x", "answer": "x", "settings": {"stepz": 1}}', "did you mean steps"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tasks, line, words):
    with pytest.raises(UsageError) as refused:
        read_items(tasks(SUM, line))
    assert words in str(refused.value)


@pytest.mark.parametrize("lines", [(), ('{"prompt": "x"}',), ("plain words",)])
def test_a_file_without_anything_to_check(tasks, lines):
    with pytest.raises(UsageError, match="no record has an answer|not JSON"):
        read_items(tasks(*lines))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot read the tasks"):
        read_items(tmp_path / "none.jsonl")


def test_chunks():
    assert list(in_chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
