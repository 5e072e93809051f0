"""The config file: where it is, what it says, how it is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit

from hoshikage_cli.errors import SettingsError
from hoshikage_cli.files import parse_toml
from hoshikage_cli.settings.file import (
    check,
    config_path,
    read_config,
    template,
    with_setting,
    without_setting,
)


@pytest.fixture
def environ(tmp_path):
    """environ("steps = 4") names a config file that says so."""

    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return {"HOSHIKAGE_CONFIG": str(path)}

    return write


def test_a_variable_names_another_file(environ):
    assert config_path({"HOSHIKAGE_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    assert read_config(environ("steps = 4\nalgorithm = 'margin'")) == {
        "steps": 4,
        "algorithm": "margin",
    }


def test_what_is_wrong_with_a_file(environ, tmp_path):
    broken = environ("steps = ")
    with pytest.raises(SettingsError, match="^the config file .*config.toml is not valid TOML: "):
        read_config(broken)
    Path(broken["HOSHIKAGE_CONFIG"]).write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="^cannot read the config file .*config.toml: "):
        read_config(broken)
    with pytest.raises(SettingsError, match="^HOSHIKAGE_CONFIG: no file .*nowhere"):
        read_config({"HOSHIKAGE_CONFIG": str(tmp_path / "nowhere")})


def test_a_key_is_put_in_as_the_file_spells_it_and_taken_out_again():
    document = tomlkit.parse("max_tokens = 40  # short\n")
    with_setting(document, "max-tokens", "20")
    with_setting(document, "seed", "-1")
    assert document.as_string() == "max_tokens = 20  # short\nseed = -1\n"
    without_setting(document, "max-tokens")
    assert document.as_string() == "seed = -1\n"
    with pytest.raises(SettingsError, match="max-tokens is not in the config file"):
        without_setting(document, "max-tokens")
    with pytest.raises(SettingsError, match="did you mean steps"):
        with_setting(document, "stpes", "3")


def test_every_default_of_the_template_is_valid():
    lines = [line for line in template().splitlines() if line.startswith("# ") and " = " in line]
    assert len(lines) > 20
    for line in lines:
        if not line.endswith("…"):
            check(parse_toml(line.removeprefix("# "), "template"))
