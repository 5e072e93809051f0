"""How threads wait, in our process and in those that we measure."""

from __future__ import annotations

import os

import pytest

from hoshikage_cli.llama import openmp


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for name in openmp.DEFAULTS:
        monkeypatch.delenv(name, raising=False)


def test_what_nobody_has_set_is_ours_and_is_kept_from_others():
    openmp.prefer_short_waits()
    assert openmp.DEFAULTS.items() <= os.environ.items()
    assert not openmp.DEFAULTS.keys() & openmp.environment_of_others().keys()


@pytest.mark.parametrize("name", openmp.DEFAULTS)
def test_what_the_user_has_set_stays(monkeypatch, name):
    monkeypatch.setenv(name, "as I say")
    openmp.prefer_short_waits()
    assert os.environ[name] == "as I say"
    assert openmp.environment_of_others()[name] == "as I say"
    assert len(openmp.DEFAULTS.keys() & openmp.environment_of_others().keys()) == 1
