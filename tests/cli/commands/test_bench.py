"""`hoshikage bench`, with the peer played by a script where it is about the words alone."""

from __future__ import annotations

import json
import stat

import pytest

SHORT = ("-r", "1", "--steps", "3", "-n", "8")


def test_a_table_of_every_combination(hoshikage):
    done = hoshikage("bench", *SHORT, "--vary", "cache=none,dual", "--vary", "block-length=4,8")
    assert done.returncode == 0, done.stderr
    for name in ("cache=none block-length=4", "cache=dual block-length=8"):
        assert name in done.stdout


def test_json_adds_up(hoshikage):
    (row,) = json.loads(hoshikage("bench", *SHORT, "--json").stdout)
    parts = row["decode"] + row["reduce"] + row["overhead"]
    assert row["total"] == pytest.approx(parts)
    assert row["nfe"] == row["steps"] == 3
    assert row["tokens"] == 8
    assert row["peak_bytes"] > 1 << 20


def test_the_peer_runs_the_same_canvas(hoshikage, tmp_path):
    peer = tmp_path / "llama-diffusion-cli"
    peer.write_text(
        '#!/bin/sh\necho "$@" > "$0.asked"\n'
        'echo "total time: 60.00ms, time per step: 20.00ms, sampling time per step: 1.00ms"\n'
    )
    peer.chmod(peer.stat().st_mode | stat.S_IXUSR)
    (row,) = json.loads(hoshikage("bench", *SHORT, "--json", "--compare", peer, "Hello!").stdout)
    assert row["ratio"] == pytest.approx(0.06 / row["total"])
    assert row["peer"]["ms_per_step"] == pytest.approx(20)
    asked = peer.with_suffix(".asked").read_text().split()
    assert asked[asked.index("--diffusion-steps") + 1] == "3"
    canvas = int(asked[asked.index("-ub") + 1])
    assert row["positions"] == 3 * canvas


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary", "cash=1"), "did you mean cache?"),
        (("--vary", "cache"), "NAME=VALUE"),
        (("--vary", "cache=none,often"), "'often' is unknown"),
        (("--compare", "/no/such/program"), "no program"),
        (("-r", "0"), "a whole number from 1"),
    ],
)
def test_usage(hoshikage, arguments, words):
    done = hoshikage("bench", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_peer_that_fails(hoshikage):
    done = hoshikage("bench", *SHORT, "--compare", "/bin/false")
    assert done.returncode == 1
    assert "failed with exit code 1" in done.stderr
