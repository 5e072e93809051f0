"""Environment variables: each is in a table, and those that are in none are told."""

from __future__ import annotations

import re
from pathlib import Path

import hoshikage_cli
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.variables import OTHERS, unknown_variables


def test_variables_that_nothing_reads_are_told():
    said = list(unknown_variables({"HOSHIKAGE_STEPS": "4", "DIFFUSION_STEP": "4", "PATH": ""}))
    assert [line.rpartition(" ")[2] for line in said] == ["DIFFUSION_STEPS?", "DIFFUSION_STEPS?"]
    assert list(unknown_variables({"DIFFUSION_STEPS": "4", "DIFFUSION_HOME": "/x"})) == []
    assert list(unknown_variables({"HOSHIKAGE_STOCK_KERNELS": "1", "HOSHIKAGE_MODELS": ""})) == []


def test_every_variable_that_the_package_names_is_in_a_table():
    package = Path(hoshikage_cli.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    named = set(re.findall(r"(?<!_)HOSHIKAGE_[A-Z]+(?:_[A-Z]+)*", text))
    known = {d.env for d in declarations().values()}
    assert set(OTHERS) <= named <= set(OTHERS) | known
    assert not set(OTHERS) & known
