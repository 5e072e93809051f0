"""docs/schema says what the commands print: every key of real output, and nothing besides.

The schemas let unknown keys pass, as a reader of a later version must; here none may be unknown.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import schemas

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
TRACES = Path(__file__).parents[1] / "golden" / "traces"
SHORT = ("-q", "-n", "8", "--steps", "4", "--seed", "3")
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))
HOLES = ("infill", "-q", "--steps", "4", "--json", "Mia had a [MASK:2] kite.")


def strict(schema: Any) -> Any:
    """The schema without room for keys that it does not name."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(each) for key, each in schema.items()}
    if isinstance(found.get("properties"), dict) and "object" in found.get("type", ()):
        found.setdefault("additionalProperties", False)
    return found


@cache
def registry() -> Registry[Any]:
    loaded = {name: json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in NAMES}
    return Registry().with_resources(
        (name, Resource.from_contents(strict(schema))) for name, schema in loaded.items()
    )


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(registry().contents(name), registry=registry())


def complaints(name: str, value: Any) -> list[str]:
    """What of a value is not as the schema says, and where."""
    found = []
    for error in validator(name).iter_errors(value):
        deeper = sorted(error.context or (), key=lambda each: -len(each.absolute_path))
        found += [f"{each.json_path}: {each.message[:200]}" for each in (error, *deeper[:5])]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name):
    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert (schema["$id"], schema["$schema"]) == (name, schemas.DIALECT)


def test_what_follows_from_the_declarations_is_current():
    for path, text in schemas.schemas().items():
        assert path.read_text(encoding="utf-8") == text, "make docs"


PRINTED = [
    ("generate.json", ("generate", *SHORT, "--json", "Hello!")),
    ("generate.json", ("generate", *SHORT, "--json", "-N", "2", "--logprobs", "2", "Hello!")),
    ("generate.json", ("generate", "--steps", "2", "--json", "--stop", "o", "-ub", "90", "Hi")),
    (
        "generate.json",
        ("generate", "-m", "hoshi-tiny-ar", *SHORT, "--json", "--logprobs", "1", "Hi"),
    ),
    ("show-settings.json", ("generate", "--show-settings", "--json")),
    (
        "show-settings.json",
        ("generate", "--show-settings", "--json", "--fast", "--visual", "-ub", "9"),
    ),
    ("infill.json", (*HOLES, "--logprobs", "1")),
    ("infill.json", (*HOLES, "--show", "holes")),
    ("batch.json", ("batch", *SHORT)),
    ("batch.json", ("batch", *SHORT, "--logprobs", "2")),
    ("score.json", ("score", "-q", "--json", "--samples", "4", "Hello!")),
    ("score.json", ("score", "-q", "--json", "-m", "hoshi-tiny-ar", "Hello!")),
    ("score.json", ("score", "-q", "--json", "--method", "order", "Hello!")),
    ("score.json", ("score", "-q", "--json", "--choices", "4", "--choices", "5", "-p", "2 + 2 =")),
    ("bench.json", ("bench", *SHORT[:-2], "-r", "1", "--json", "--vary", "cache=none,active")),
    (
        "bench.json",
        ("bench", *SHORT, "--json", "--details", "--tasks", "tasks.jsonl", "--vary", "steps=1,2"),
    ),
    ("inspect.json", ("inspect", "hoshi-tiny", "--json")),
    ("inspect.json", ("inspect", "hoshi-tiny-ar", "--json")),
    ("models.json", ("models", "--json")),
    ("config.json", ("config", "show", "--json")),
    ("doctor.json", ("doctor", "--json")),
    ("doctor.json", ("doctor", "--json", "-m", "hoshi-tiny-ar")),
    ("doctor.json", ("doctor", "--json", "-m", "nothing")),
]
RECORDS = '{"prompt": "Hello!", "id": 7, "author": "Mia"}\nWhat is 1 + 2?\n{"prompt": 3}\n"Hi"\n'
TASKS = (
    '{"prompt": "Hello!", "answer": "Hi", "task": "a", "id": "x"}\n{"prompt": "Hi", "regex": "b"}\n'
)


@pytest.mark.parametrize(("name", "command"), PRINTED, ids=[" ".join(c) for _, c in PRINTED])
def test_what_a_command_prints_is_as_its_schema_says(
    name, command, hoshikage, tmp_path, config_file
):
    config_file('steps = 4\nseed = -1\nstop = ["x"]\ntemp = 0\nmodel = "hoshi-tiny"\n')
    (tmp_path / "tasks.jsonl").write_text(TASKS, encoding="utf-8")
    placed = [str(tmp_path / word) if word == "tasks.jsonl" else word for word in command]
    run = hoshikage(*placed, stdin=RECORDS)
    assert run.stdout, run.stderr
    for line in run.stdout.splitlines():
        assert complaints(name, json.loads(line)) == []


def test_models_of_all_sorts(hoshikage, tmp_path, model_file):
    hoshikage("models", "add", "mine", model_file("dream"))
    hoshikage("models", "add", "blocks", model_file("llada2"), "--family", "llada2.1")
    hoshikage("models", "add", "gone", model_file("rnd1"))
    for name, command in (
        ("models.json", ("models", "--json")),
        ("inspect.json", ("inspect", "mine", "--json")),
        ("inspect.json", ("inspect", "blocks", "--json")),
        ("generate.json", ("generate", "-m", "blocks", *SHORT, "--json", "Hello!")),
    ):
        run = hoshikage(*command)
        assert run.returncode == 0, run.stderr
        assert complaints(name, json.loads(run.stdout)) == []


WRITING = [
    ("generate", *SHORT, "--trace-proposals", "3", "Hello!"),
    ("generate", *SHORT, "-m", "hoshi-tiny-ar", "--trace-proposals", "3", "こんにちは"),
    ("infill", *SHORT[:1], *SHORT[3:], "Mia had a [MASK:2] kite."),
]


@pytest.mark.parametrize("command", WRITING, ids=[c[0] for c in WRITING])
def test_a_trace_is_as_its_schema_says(command, hoshikage, tmp_path):
    hoshikage(*command, "--trace", tmp_path / "run.jsonl")
    records = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [record["record"] for record in records][:: len(records) - 1] == ["run", "end"]
    for record in records:
        assert complaints("trace.json", record) == []


def test_a_wrong_word_is_seen():
    """What these tests would say of a key that no schema names."""
    assert complaints("models.json", [{"name": "x"}])
    assert complaints("settings.json", {"stpes": 3})
