"""A sample of `tools/long_runs.py`: memory and open files stay where they are."""

from __future__ import annotations

import pytest

from long_runs import RUNS

SHORT = {"generations": 240, "records": 120, "turns": 120}
"""Runs. The lengths of generations go round every 60; a conversation grows until the context is
full, after some thirty turns."""
LEEWAY = 4 << 20
"""Bytes that an allocator may be apart from itself."""


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_nothing_grows(tmp_path, name):
    found = RUNS[name][0](SHORT[name], tmp_path)
    assert found.second.resident < found.first.resident + LEEWAY, found
    assert found.second.files <= found.first.files, found
