"""What holds for every test, whichever file is run, in whatever order."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

import pytest

from program import PROGRAM, clean_environment

# As the program itself does, before the library is loaded: threads that spin while they wait take
# the processors from the other processes of a parallel run.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A shell ignores some signals for what it starts in the background, and the programs that tests
# start would ignore them in turn.
with suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ignored in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(ignored, signal.SIG_DFL)


@pytest.fixture
def environment(tmp_path):
    """An environment without settings, and with a config folder that is empty."""
    return clean_environment(tmp_path)


@pytest.fixture
def hoshikage(environment):
    """hoshikage("generate", "x", stdin="…", STEPS="…") runs it; keywords are variables."""

    def run(*arguments, stdin="", text=True, **variables):
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            input=stdin if text else stdin.encode(),
            capture_output=True,
            text=text,
            encoding="utf-8" if text else None,
            env={**environment, **variables},
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def config_file(tmp_path):
    """config_file("steps = 4") writes the config file of this test."""

    def write(text):
        folder = tmp_path / "config" / "hoshikage"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(text, encoding="utf-8")

    return write


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """The file of a model with random weights, `model_file("dream")`, made once a process."""
    from random_models import RandomModels

    return RandomModels(tmp_path_factory.mktemp("models"))
