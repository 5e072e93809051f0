"""The shipped models, loaded once a process; their runs give each other nothing."""

from __future__ import annotations

import pytest

import hoshikage_cli as hk

# One thread, and a window that does not depend on what passes cost here.
SMALL = {"threads": 1, "cache_window": 16, "max_tokens": 24, "seed": 7}


@pytest.fixture(scope="session")
def shipped():
    """The loaded model of a name: `shipped("hoshi-tiny")`."""
    opened: dict[str, hk.Generator] = {}

    def load(name: str) -> hk.Generator:
        if name not in opened:
            opened[name] = hk.load(name, **SMALL)
        return opened[name]

    yield load
    for each in opened.values():
        each.close()
