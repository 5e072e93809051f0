"""Which file a name means, and what a file advises."""

from __future__ import annotations

import pytest

from hoshikage_cli.errors import UsageError
from hoshikage_cli.models import registry
from hoshikage_cli.models.catalogue import CATALOGUE, shipped_path
from hoshikage_cli.models.find import advice, find_model


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of models, which is where they are looked for; names are kept beside it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOSHIKAGE_MODELS", str(tmp_path / "models"))
    made = tmp_path / "models"
    (made / "below").mkdir(parents=True)
    for name in (
        "one.gguf",
        "below/two.gguf",
        "big-00001-of-00002.gguf",
        "big-00002-of-00002.gguf",
    ):
        (made / name).touch()
    return made


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_shipped_model(name):
    assert find_model(name) == shipped_path(name)


def test_the_default_is_shipped():
    assert find_model(None) == shipped_path("hoshi-tiny")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("one", "one.gguf"),
        ("one.gguf", "one.gguf"),
        ("two", "below/two.gguf"),
        ("big-00001-of-00002", "big-00001-of-00002.gguf"),
    ],
)
def test_a_file_in_a_folder_of_models(folder, name, file):
    assert find_model(name) == folder / file


def test_a_path(folder):
    assert find_model(folder / "one.gguf") == folder / "one.gguf"
    assert find_model(str(folder / "below" / "two.gguf")) == folder / "below" / "two.gguf"


def test_a_name_that_was_given_goes_before_a_folder(folder):
    assert registry.add_alias("one", folder / "below" / "two.gguf") is None
    assert find_model("one") == folder / "below" / "two.gguf"
    assert registry.add_alias("one", folder / "one.gguf") == folder / "below" / "two.gguf"
    registry.remove_alias("one")
    assert find_model("one") == folder / "one.gguf"


def test_a_name_whose_file_is_gone(folder):
    registry.add_alias("mine", folder / "gone.gguf")
    with pytest.raises(UsageError, match="models add mine FILE"):
        find_model("mine")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("three", "no model 'three': give the path of a GGUF file, or one of hoshi-tiny, "),
        ("big-00002-of-00002", "no model"),
        ("/nowhere/x.gguf", "no model '/nowhere/x.gguf'"),
        ("/", "/ is a directory"),
    ],
)
def test_what_is_not_there(name, words):
    with pytest.raises(UsageError, match=words):
        find_model(name)


@pytest.mark.parametrize("name", ["hoshi-tiny", "a b", "a/b", "~a", "-a", "a.gguf", ""])
def test_what_is_no_name(folder, name):
    with pytest.raises(UsageError):
        registry.add_alias(name, folder / "one.gguf")


def test_a_name_that_was_never_given():
    with pytest.raises(UsageError, match="no name 'mine' was given"):
        registry.remove_alias("mine")


def test_advice_is_taken_from_what_the_file_says():
    told = {"general.sampling.temp": "0.5", "hoshikage.max_tokens": 40, "general.name": "x"}
    assert advice(told) == {"temperature": 0.5, "max_tokens": 40}
