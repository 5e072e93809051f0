"""A sample of `tools/long_runs.py`: memory and open files stay where they are."""

from __future__ import annotations

import pytest

from long_runs import RUNS

SHORT = {"generations": 60, "records": 120, "turns": 40}
LEEWAY = 4 << 20
"""Bytes that an allocator may be apart from itself."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    # What a conversation of 40 turns holds on to has not been told apart from what is lost.
    [pytest.param(n, marks=pytest.mark.xfail(strict=False)) if n == "turns" else n for n in RUNS],
)
def test_nothing_grows(tmp_path, name):
    found = RUNS[name][0](SHORT[name], tmp_path)
    assert found.second.resident < found.first.resident + LEEWAY, found
    assert found.second.files <= found.first.files, found
