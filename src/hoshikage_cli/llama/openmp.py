"""How the threads of a forward pass wait for each other.

OpenMP's threads spin while they wait. On a machine that is busy with other things they spin in each
other's way: a small model then takes 40 times as long. Never to spin costs a third on a machine
that is idle; a short while costs nothing.
"""

from __future__ import annotations

import os

DEFAULTS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "5000"}


def prefer_short_waits() -> None:
    """Set what the environment does not say. OpenMP reads it when it is loaded: call this first."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def environment_of_others() -> dict[str, str]:
    """The environment without our defaults, for programs that are to be measured as they come."""
    return {name: value for name, value in os.environ.items() if DEFAULTS.get(name) != value}
