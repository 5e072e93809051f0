"""Environment variables: each is in a table, and those that are in none are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hoshikage_cli
from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.variables import OTHERS, unknown_variables

from .given import told


def test_variables_that_nothing_reads_are_told():
    said = list(unknown_variables({"HOSHIKAGE_STPES": "4", "DIFFUSION_STEP": "4", "PATH": ""}))
    assert [line.rpartition(" ")[2] for line in said] == ["HOSHIKAGE_STEPS?", "DIFFUSION_STEPS?"]
    assert list(unknown_variables({"DIFFUSION_STEPS": "4", "DIFFUSION_HOME": "/x"})) == []
    assert list(unknown_variables({"HOSHIKAGE_STOCK_KERNELS": "1", "HOSHIKAGE_MODELS": ""})) == []


def test_every_variable_that_the_package_names_is_in_a_table():
    package = Path(hoshikage_cli.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    named = set(re.findall(r"(?<!_)HOSHIKAGE_[A-Z]+(?:_[A-Z]+)*", text))
    known = {name for d in declarations().values() for name in d.variables}
    assert set(OTHERS) <= named <= set(OTHERS) | known
    assert not set(OTHERS) & known


def test_a_setting_is_read_from_any_of_its_variables():
    for variable in ("DIFFUSION_STEPS", "HOSHIKAGE_STEPS"):
        assert told("steps", environ={variable: "3"}) == (3, "environment")
    assert told("temperature", environ={"HOSHIKAGE_TEMP": "0.5"}) == (0.5, "environment")
    assert told("steps", environ={"DIFFUSION_STEPS": "3", "HOSHIKAGE_STEPS": "3"})[0] == 3


def test_two_variables_of_one_setting_that_differ_are_refused():
    with pytest.raises(SettingsError) as caught:
        told("steps", environ={"DIFFUSION_STEPS": "3", "HOSHIKAGE_STEPS": "4"})
    assert str(caught.value) == (
        "DIFFUSION_STEPS and HOSHIKAGE_STEPS are one setting: set one of them"
    )


def test_what_is_wrong_is_told_of_the_variable_that_says_it():
    with pytest.raises(SettingsError, match="HOSHIKAGE_STEPS: 'x' is not a whole number"):
        told("steps", environ={"HOSHIKAGE_STEPS": "x"})
