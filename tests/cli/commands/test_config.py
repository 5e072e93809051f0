"""`hoshikage config`."""

from __future__ import annotations

import json
import stat
import sys

import pytest

FILE = """\
# My settings.
steps = 12  # enough for short answers
algorithm = "margin"

# Answers are short.
max_tokens = 40
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "hoshikage" / "config.toml"


@pytest.fixture
def editor(tmp_path):
    """editor("python code on `text`") is a command that edits a file so."""

    def make(code):
        script = tmp_path / "editor.py"
        script.write_text(
            "import sys\nfrom pathlib import Path\npath = Path(sys.argv[1])\n"
            f"text = path.read_text()\n{code}\npath.write_text(text)\n"
        )
        return f"{sys.executable} {script}"

    return make


def test_path(hoshikage, path):
    assert hoshikage("config", "path").stdout == f"{path}\n"
    assert hoshikage("config", "path", HOSHIKAGE_CONFIG="/x/y.toml").stdout == "/x/y.toml\n"


def test_without_a_command_it_tells_them(hoshikage):
    run = hoshikage("config")
    assert (run.returncode, run.stderr) == (0, "")
    assert "unset" in run.stdout


def test_show(hoshikage, config_file):
    without = hoshikage("config", "show")
    assert (without.returncode, without.stdout) == (0, "")
    assert "hoshikage config set" in without.stderr
    config_file(FILE)
    assert hoshikage("config", "show").stdout == FILE
    told = json.loads(hoshikage("config", "show", "--json").stdout)
    assert told == {"steps": 12, "algorithm": "margin", "max_tokens": 40}


def test_set_makes_the_file(hoshikage, path):
    told = hoshikage("config", "set", "steps", "32")
    assert (told.returncode, told.stdout) == (0, "")
    assert told.stderr.startswith("hoshikage: steps is 32 in ")
    assert hoshikage("config", "-q", "set", "steps", "32").stderr == ""
    assert path.read_text() == "steps = 32\n"
    shown = hoshikage("generate", "--show-settings").stdout
    assert ["steps", "32", "config"] in [line.split() for line in shown.splitlines()]


def test_set_keeps_comments_order_and_mode(hoshikage, config_file, path):
    config_file(FILE)
    path.chmod(0o600)
    for key, value in (("steps", "8"), ("max-tokens", "20"), ("algorithm", "1"), ("seed", "-1")):
        run = hoshikage("config", "set", key, value)
        assert run.returncode == 0, run.stderr
    assert path.read_text() == (
        FILE.replace("12", "8").replace("40", "20").replace("margin", "entropy") + "seed = -1\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_unset(hoshikage, config_file, path):
    config_file(FILE)
    assert hoshikage("config", "unset", "algorithm").returncode == 0
    assert path.read_text() == FILE.replace('algorithm = "margin"\n', "")
    assert hoshikage("config", "unset", "algorithm").returncode == 2


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("stpes", "3", "did you mean steps"),
        ("steps", "many", "not a whole number"),
        ("max-length", "64", "exclude each other"),
        ("json", "1", "no setting"),
    ],
)
def test_what_cannot_be_set_changes_nothing(hoshikage, config_file, path, key, value, words):
    config_file(FILE)
    run = hoshikage("config", "set", key, value)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr
    assert path.read_text() == FILE


def test_a_linked_file_stays_a_link(hoshikage, path, tmp_path):
    target = tmp_path / "dotfiles.toml"
    target.write_text("steps = 4\n")
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    hoshikage("config", "set", "steps", "8")
    assert path.is_symlink()
    assert target.read_text() == "steps = 8\n"


def test_edit(hoshikage, path, editor):
    command = editor("text = text.replace('# steps = 50', 'steps = 9')")
    run = hoshikage("config", "edit", EDITOR=command)
    assert run.returncode == 0, run.stderr
    assert json.loads(hoshikage("config", "show", "--json").stdout) == {"steps": 9}
    assert "# How many are unmasked in each step." in path.read_text()


def test_an_edit_that_is_wrong_is_not_taken_over_and_not_lost(hoshikage, config_file, path, editor):
    config_file(FILE)
    bad = hoshikage("config", "edit", EDITOR=editor("text += 'stpes = 1\\n'"))
    assert (bad.returncode, bad.stderr.count("\n")) == (2, 1)
    assert "did you mean steps" in bad.stderr
    assert path.read_text() == FILE
    good = hoshikage("config", "edit", EDITOR=editor("text = text.replace('stpes', 'seed')"))
    assert good.returncode == 0, good.stderr
    assert path.read_text() == FILE + "seed = 1\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_an_editor_that_fails_or_is_not_there(hoshikage, config_file, path):
    config_file(FILE)
    failed = hoshikage("config", "edit", EDITOR="false")
    assert (failed.returncode, "nothing was changed" in failed.stderr) == (1, True)
    missing = hoshikage("config", "edit", EDITOR="no-such-editor-here")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert path.read_text() == FILE
