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


# ------------------------------------------------------------------- settings with a name


def test_settings_go_with_a_name(hoshikage, folder):
    add = ("models", "add", "mine", folder / "one.gguf")
    added = hoshikage(*add, "--set", "steps=4", "--set", "block-length=16")
    assert added.returncode == 0, added.stderr
    changed = hoshikage("models", "set", "mine", "top_p", "0.5")
    assert changed.stderr.endswith("mine goes with --steps 4 --block-length 16 --top-p 0.5\n")
    hoshikage("models", "set", "mine", "block-length")
    shown = hoshikage("models", "show", "mine").stdout
    assert [line.split() for line in shown.splitlines()[-2:]] == [["steps", "4"], ["top-p", "0.5"]]
    told = json.loads(hoshikage("models", "show", "mine", "--json").stdout)
    assert told["kept"] == {"steps": 4, "top_p": 0.5}
    run = hoshikage("generate", "-m", "mine", "--show-settings", "--top-p", "0.9")
    rows = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines()}
    assert rows["steps"] == ["4", "model"]
    assert rows["top-p"] == ["0.9", "flag"]
    assert rows["block-length"] == ["32", "default"]


def test_a_preset_in_show_settings(hoshikage):
    run = hoshikage("generate", "--preset", "fast-dllm", "--show-settings", "-n", "8")
    rows = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines()}
    assert rows["preset"] == ["fast-dllm", "flag"]
    assert (rows["cache"], rows["max-tokens"]) == (["dual", "preset"], ["8", "flag"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "hoshi-tiny", "steps", "4"), "hoshikage models add NAME hoshi-tiny"),
        (("set", "mien", "steps", "4"), "did you mean mine?"),
        (("set", "mine", "stpes", "4"), "did you mean steps?"),
        (("set", "mine", "seed", "4"), "is not kept with a name"),
        (("set", "mine", "algorithm", "os:abort"), "would run code"),
        (("set", "mine", "steps", "9999999"), "is out of range"),
        (("set", "mine", "family", "sdar"), "cannot be of the family sdar"),
        (("add", "other", "{file}", "--set", "steps"), "give KEY=VALUE"),
        (("add", "other", "{file}", "--set", "steps=many"), "is not a whole number"),
        (("show", "mne"), "did you mean mine?"),
    ],
)
def test_what_cannot_go_with_a_name(hoshikage, folder, arguments, words):
    hoshikage("models", "add", "mine", folder / "one.gguf")
    given = [each.format(file=folder / "one.gguf") for each in arguments]
    run = hoshikage("models", *given)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr
    assert json.loads(hoshikage("models", "show", "mine", "--json").stdout)["kept"] == {}
