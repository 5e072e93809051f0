"""`hoshikage models`, and names in place of paths."""

from __future__ import annotations

import json

import pytest

from hoshikage_cli.models.catalogue import shipped_path

SHORT = ("--steps", "1", "-n", "2", "-q", "--seed", "1")


@pytest.fixture
def folder(tmp_path):
    """A folder of models: the shipped one under other names."""
    made = tmp_path / "models"
    (made / "nested").mkdir(parents=True)
    for name in ("one.gguf", "nested/two.gguf", "big-00001-of-00002.gguf"):
        (made / name).symlink_to(shipped_path("hoshi-tiny"))
    (made / "big-00002-of-00002.gguf").write_text("later part")
    (made / "broken.gguf").write_text("no model")
    return made


def names(run):
    return [line.split()[0] for line in run.stdout.splitlines()[1:]]


def test_shipped_models_are_listed(hoshikage):
    run = hoshikage("models")
    assert run.returncode == 0
    assert names(run) == ["hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar"]
    head, first = run.stdout.splitlines()[:2]
    assert head.split() == ["NAME", "KIND", "SIZE", "FILE"]
    assert first.split()[1] == "diffusion"
    assert all(len(line) <= 80 for line in run.stdout.splitlines())
    assert hoshikage("models", "list").stdout == run.stdout


def test_a_folder_of_models(hoshikage, folder):
    run = hoshikage("models", HOSHIKAGE_MODELS=str(folder))
    assert names(run)[3:] == ["big-00001-of-00002", "broken", "two", "one"]
    assert "not readable" in run.stdout
    told = json.loads(hoshikage("models", "--json", HOSHIKAGE_MODELS=str(folder)).stdout)
    two = next(model for model in told if model["name"] == "two")
    assert (two["source"], two["kind"]) == ("folder", "diffusion")
    for name in ("two", "one.gguf"):
        run = hoshikage("generate", "-m", name, "hi", *SHORT, HOSHIKAGE_MODELS=str(folder))
        assert (run.returncode, run.stderr) == (0, "")


def test_names_are_given_used_and_taken_away(hoshikage, folder):
    added = hoshikage("models", "add", "mine", folder / "one.gguf")
    assert added.returncode == 0, added.stderr
    assert "mine stands for" in added.stderr
    assert "mine" in names(hoshikage("models"))
    named = hoshikage("generate", "-m", "mine", "hi", *SHORT)
    assert named.stdout == hoshikage("generate", "-m", folder / "one.gguf", "hi", *SHORT).stdout
    assert hoshikage("inspect", "mine").returncode == 0
    again = hoshikage("models", "add", "mine", folder / "nested" / "two.gguf")
    assert "no longer for" in again.stderr
    assert hoshikage("models", "rm", "mine").returncode == 0
    gone = hoshikage("models", "rm", "mine")
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)


def test_a_name_whose_file_is_gone(hoshikage, folder):
    hoshikage("models", "add", "mine", folder / "one.gguf")
    (folder / "one.gguf").unlink()
    run = hoshikage("generate", "-m", "mine", "hi")
    assert run.returncode == 2
    assert "which is not there" in run.stderr
    assert "not there" in hoshikage("models").stdout


@pytest.mark.parametrize(
    ("name", "file", "code", "words"),
    [
        ("hoshi-tiny", "one.gguf", 2, "is a shipped model"),
        ("a/b", "one.gguf", 2, "no name for a model"),
        ("x.gguf", "one.gguf", 2, "no name for a model"),
        ("-x", "one.gguf", 2, ""),
        ("mine", "none.gguf", 2, "no model"),
        ("mine", "broken.gguf", 1, "is not a GGUF file"),
    ],
)
def test_what_cannot_be_named(hoshikage, folder, name, file, code, words):
    run = hoshikage("models", "add", name, folder / file)
    assert (run.returncode, run.stderr.count("\n")) == (code, 1)
    assert words in run.stderr
    assert len(names(hoshikage("models"))) == 3


def test_an_unknown_model_is_told_what_there_is(hoshikage, folder):
    hoshikage("models", "add", "mine", folder / "one.gguf")
    told = hoshikage("generate", "-m", "nope", "hi").stderr
    assert "hoshi-tiny, hoshi-tiny-block, hoshi-tiny-ar, mine" in told


def test_a_broken_list_of_names_is_told_from_the_config_file(hoshikage, tmp_path):
    file = tmp_path / "config" / "hoshikage" / "models.toml"
    file.parent.mkdir(parents=True)
    file.write_text("mine = ")
    for arguments in (("models",), ("models", "add", "other", shipped_path("hoshi-tiny"))):
        run = hoshikage(*arguments)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1)
        assert f"the list of names {file} is not valid TOML" in run.stderr


def test_a_shipped_name_cannot_go(hoshikage):
    run = hoshikage("models", "rm", "hoshi-tiny")
    assert (run.returncode, run.stdout) == (2, "")
    assert "hoshi-tiny is shipped with the program" in run.stderr
