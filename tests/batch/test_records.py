"""What a line of the input means."""

from __future__ import annotations

import io

import pytest

from hoshikage_cli.batch.records import BadRecord, Record, Shard, parse_shard, read_records, sharded
from hoshikage_cli.errors import UsageError


def read(text, form="auto", name="-"):
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_records(io.BytesIO(data), form, name))


def test_plain_lines():
    assert read("one\n\n  two \r\nthree") == [
        Record(1, "one"),
        Record(3, "  two "),
        Record(4, "three"),
    ]


def test_json_lines_are_known_by_their_first_character():
    assert read('\ufeff{"prompt": "a"}\n\n{"prompt": "b", "id": 7}\n') == [
        Record(1, "a"),
        Record(3, "b", 7),
    ]


def test_json_texts_and_settings_and_what_is_handed_on():
    records = read('"a"\n{"prompt": "b", "top-k": 3, "settings": {"temp": 1}, "x": [1]}', "jsonl")
    assert records == [
        Record(1, "a"),
        Record(2, "b", settings={"top_k": 3, "temperature": 1}, data={"x": [1]}),
    ]


BAD = [
    ("{", "not JSON"),
    ("[1]", "neither an object"),
    ('{"prompt": 3}', "is not text"),
    ('{"prompt": " "}', "is empty"),
    ('{"text": "a"}', "no prompt"),
    ('{"prompt": "a", "id": [1]}', "neither text nor a whole number"),
    ('{"prompt": "a", "id": true}', "neither text nor a whole number"),
    ('{"prompt": "a", "settings": {"stpes": 1}}', "did you mean steps"),
    ('{"prompt": "a", "settings": {"model": "x"}}', "no setting 'model'"),
    ('{"prompt": "a", "settings": 4}', "not an object"),
    ("[" * 100_000, "not JSON"),
]


@pytest.mark.parametrize(("line", "words"), BAD)
def test_bad_lines_are_told_and_the_rest_goes_on(line, words):
    first, bad, last = read(f'"a"\n{line}\n"b"\n', "jsonl")
    assert (first.prompt, last.prompt) == ("a", "b")
    assert isinstance(bad, BadRecord)
    assert bad.line == 2
    assert words in bad.error


def test_bytes_that_are_not_text():
    assert read(b"a\n\xff\xfe\nb\n")[1] == BadRecord(2, "not UTF-8 text")
    assert read(b"prompt,id\na,1\n\xff,2\n", "csv")[1] == BadRecord(3, "not UTF-8 text")


def test_a_bad_record_keeps_its_id():
    assert read('{"id": "k", "prompt": ""}')[0].key == 'id "k"'


def test_an_id_counts_once():
    records = read('{"prompt": "a", "id": 1}\n{"prompt": "b", "id": 1}\n{"prompt": "c", "id": "1"}')
    assert [type(record) for record in records] == [Record, BadRecord, Record]
    assert "line 1" in records[1].error
    assert len({record.key for record in records}) == 3


def test_csv_with_line_breaks_settings_and_other_columns():
    text = 'id,prompt,steps,note\n1,"a\nb",4,x\n2,"c, d",,\n'
    assert read(text, name="table.csv") == [
        Record(2, "a\nb", "1", {"steps": "4"}, {"note": "x"}),
        Record(4, "c, d", "2"),
    ]


def test_tabs_and_rows_that_do_not_fit():
    records = read("prompt\tid\na\t1\nb\n", name="table.tsv")
    assert records == [Record(2, "a", "1"), BadRecord(3, "1 fields where the header has 2")]


def test_a_csv_without_prompts_is_refused():
    with pytest.raises(UsageError, match="no column prompt"):
        read("a,b\n1,2\n", "csv")


@pytest.mark.parametrize("form", ["auto", "jsonl", "lines", "csv"])
def test_nothing_is_nothing(form):
    assert read("", form) == []


def test_shards_are_all_of_it_and_do_not_meet():
    records = read("\n".join("abcdefgh"))
    parts = [list(sharded(records, Shard(i, 3))) for i in (1, 2, 3)]
    assert sorted(sum(parts, []), key=lambda r: r.line) == records
    assert [len(part) for part in parts] == [3, 3, 2]


@pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "1", "1/2/3", "-1/2", "1/0"])
def test_shards_that_are_none(text):
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)
