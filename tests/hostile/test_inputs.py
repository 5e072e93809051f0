"""Inputs that are nested, long or no text: one clear line each, and never an internal error."""

from __future__ import annotations

import json
import os
import struct

import pytest

import random_model
from fuzz.gguf_file import ARRAY, STRING, Entry, string, take_apart
from hoshikage_cli.cli.app import run

DEEP = "[" * 100_000
DIGITS = "9" * 5000


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("HOSHIKAGE_CONFIG", raising=False)


@pytest.fixture
def said(capfd):
    """What a command says on stderr: a line or two, none of them long or an internal error."""

    def ask(*arguments: str, code: int) -> str:
        assert run(list(arguments)) == code
        found = capfd.readouterr().err
        assert "internal error" not in found
        assert "Traceback" not in found
        assert max(map(len, found.splitlines()), default=0) < 2200
        return found

    return ask


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "model.gguf"
    return take_apart(random_model.write_model(path, random_model.Shape()).read_bytes())


def with_key(good, path, key: str, kind: int, payload: bytes, item: int = 0, count: int = 0) -> str:
    file = good.copy()
    file.entries.append(Entry(key.encode(), kind, payload, item, count))
    path.write_bytes(file.written())
    return str(path)


@pytest.mark.parametrize(("kind", "payload"), [
    (STRING, string(b"hot")), (ARRAY, b""), (6, struct.pack("<f", float("inf"))), (7, b"\1"),
])  # fmt: skip
@pytest.mark.parametrize("key", ["general.sampling.top_k", "hoshikage.max_tokens"])
def test_advice_of_the_wrong_type(good, tmp_path, said, key, kind, payload):
    path = with_key(good, tmp_path / "m.gguf", key, kind, payload, item=4)
    assert key in said("generate", "-m", path, "Hi", code=1)


def test_arrays_in_arrays(good, tmp_path, said):
    deep = struct.pack("<IQ", ARRAY, 1) * 5000
    path = with_key(good, tmp_path / "m.gguf", "x", ARRAY, deep, ARRAY, 1)
    for command in (
        ["generate", "-m", path, "Hi"],
        ["inspect", path],
        ["models", "add", "a", path],
    ):
        assert "array of arrays" in said(*command, code=1)


@pytest.mark.parametrize("text", [f"steps = {DEEP}", f"steps = {DIGITS}", "steps = [" * 3000])
def test_a_config_file(tmp_path, said, monkeypatch, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    monkeypatch.setenv("HOSHIKAGE_CONFIG", str(path))
    for command in (["generate", "Hi"], ["config", "show"], ["config", "set", "steps", "3"]):
        assert "not valid TOML" in said(*command, code=2)


def test_a_config_file_that_is_a_pipe(tmp_path, said, monkeypatch):
    os.mkfifo(tmp_path / "config.toml")
    monkeypatch.setenv("HOSHIKAGE_CONFIG", str(tmp_path / "config.toml"))
    assert "no regular file" in said("config", "show", code=2)


@pytest.mark.parametrize("text", [f"a = {DEEP}", f"a = {DIGITS}"])
def test_the_list_of_names(tmp_path, said, text):
    path = tmp_path / "config" / "hoshikage" / "models.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    for command in (["models"], ["models", "rm", "a"]):
        assert "not valid TOML" in said(*command, code=2)


def test_pipes_among_the_models(tmp_path, said, monkeypatch, capfd):
    os.mkfifo(tmp_path / "pipe.gguf")
    monkeypatch.setenv("HOSHIKAGE_MODELS", str(tmp_path))
    assert run(["models"]) == 0
    assert "not readable" in capfd.readouterr().out
    for command in (["generate", "-m", str(tmp_path / "pipe.gguf"), "Hi"], ["inspect", "pipe"]):
        assert "no regular file" in said(*command, code=1)


@pytest.mark.parametrize("record", [
    DEEP, '{"prompt": ' * 50_000, f'{{"prompt": "x", "steps": {DIGITS}}}',
    f'{{"prompt": "x", "steps": {"9" * 4000}}}', f'{{"prompt": "x", "top_p": {"9" * 4000}}}',
    f'{{"prompt": "x", "id": {"9" * 4000}, "steps": 0.5}}', f'{{"prompt": {"[" * 500}{"]" * 500}}}',
    f'{{"prompt": "x", "schedule": {"[" * 500}{"]" * 500}}}',
    f'{{"prompt": "x", "schedule": "{"1" * 9999}"}}', f'{{"prompt": "x", "steps": "{"y" * 9999}"}}',
])  # fmt: skip
def test_records_of_a_batch(tmp_path, said, record):
    prompts, results = tmp_path / "p.jsonl", tmp_path / "r.jsonl"
    prompts.write_text(record + "\n")
    said("batch", str(prompts), "-o", str(results), "-q", code=0)
    (result,) = map(json.loads, results.read_text().splitlines())
    assert len(result["error"]) < 2200


def test_results_that_are_nested(tmp_path, said):
    (tmp_path / "p.jsonl").write_text('{"prompt": "x"}\n')
    (tmp_path / "r.jsonl").write_text('{"line": ' + DEEP + "\n")
    found = said("batch", str(tmp_path / "p.jsonl"), "-o", str(tmp_path / "r.jsonl"), code=2)
    assert "no result of hoshikage batch" in found


def test_csv_with_bare_returns(tmp_path, said):
    (tmp_path / "p.csv").write_bytes(b"prompt\rHi\rHo\r")
    assert "not CSV" in said("batch", str(tmp_path / "p.csv"), "-o", str(tmp_path / "r"), code=2)


@pytest.mark.parametrize("arguments", [
    ["generate", "--steps", DIGITS, "Hi"], ["generate", "--schedule", DIGITS, "Hi"],
    ["generate", "--temp", DIGITS, "Hi"], ["generate", "-m", "x" * 200_000, "Hi"],
    ["generate", "--algorithm", "x" * 200_000, "Hi"], ["generate", "--" + "x" * 200_000],
    ["infill", f"a [MASK:{DIGITS}] b"], ["infill", f"a [MASK:{'0' * 5000}] b"],
    ["batch", "p", "--shard", f"1/{DIGITS}"], ["x" * 200_000],
    ["config", "set", "x" * 200_000, "1"], ["bench", "--vary", "x" * 200_000],
    ["models", "rm", "x" * 200_000],
])  # fmt: skip
def test_long_arguments_are_not_repeated(said, arguments):
    found = said(*arguments, code=2)
    assert len(found) < 3000


@pytest.mark.parametrize("arguments", [
    ["config", "set", "system-prompt", "a\udcffb"], ["config", "set", "a\udcffb", "1"],
    ["config", "set", "model", "a\udcffb"], ["models", "rm", "a\udcffb"],
])  # fmt: skip
def test_arguments_that_are_no_text(said, arguments):
    code = run(arguments)
    assert code in (1, 2)


def test_a_file_name_that_is_no_text(good, tmp_path, said):
    path = tmp_path / os.fsdecode(b"m\xff.gguf")
    path.write_bytes(good.written())
    assert "not UTF-8" in said("models", "add", "a", str(path), code=1)
