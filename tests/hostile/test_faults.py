"""Faults of a machine: disks that are full, folders that are closed, neighbours, too little memory.

None ends in a traceback, a signal or a hang, and none costs what was there before.
"""

from __future__ import annotations

import errno
import json
import os
import pty
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hoshikage_cli.cli.errors import report
from hoshikage_cli.models.catalogue import shipped_path
from program import PROGRAM

SHORT = ("-q", "--steps", "2", "-n", "4", "--seed", "1")


def told(process: subprocess.CompletedProcess[str]) -> str:
    """What was said: a few lines, none of them a traceback."""
    assert process.returncode in (0, 1, 2), process
    assert "Traceback" not in process.stderr
    assert "internal error" not in process.stderr
    return process.stderr


@pytest.fixture
def limited(environment, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the program in the folder of the test under a limit, as of `resource`."""

    def run(*arguments: str, stdin: Any = "", **limits: int):
        def limit() -> None:
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, name), (value, value))

        given = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
        return subprocess.run(
            [*PROGRAM, *arguments], preexec_fn=limit, cwd=tmp_path, env=environment,
            capture_output=True, text=True, timeout=120, check=False, **given,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> Path:
    """A run that was written down."""
    path = tmp_path_factory.mktemp("trace") / "run.jsonl"
    command = [*PROGRAM, "generate", "Hi", *SHORT, "--trace", str(path)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return path


# ------------------------------------------------------------------------------ a full disk

FULL = "File too large"  # what a limit on the size of files is told as


@pytest.mark.parametrize("size", [0, 150])
def test_results_of_a_batch(limited, tmp_path, size):
    (tmp_path / "p.txt").write_text("one\ntwo\n")
    run = limited("batch", "p.txt", "-o", "out", *SHORT, RLIMIT_FSIZE=size)
    assert f"cannot write out: {FULL}" in told(run)
    assert run.returncode == 1
    assert limited("batch", "p.txt", "-o", "out", *SHORT).returncode == 0
    found = [json.loads(line)["line"] for line in (tmp_path / "out").read_text().splitlines()]
    assert found == [1, 2]


def test_a_trace(limited):
    run = limited("generate", "Hi", *SHORT, "--trace", "t", RLIMIT_FSIZE=2000)
    assert f"cannot write the trace to t: {FULL}" in told(run)
    assert (run.returncode, run.stdout) == (1, limited("generate", "Hi", *SHORT).stdout)


@pytest.mark.parametrize("kind", ["html", "svg", "cast"])
def test_an_export(limited, tmp_path, trace, kind):
    (tmp_path / f"run.{kind}").write_text("old")
    run = limited("export", str(trace), "-o", f"run.{kind}", RLIMIT_FSIZE=100)
    assert told(run) == f"hoshikage: cannot write run.{kind}: {FULL}\n"
    assert (tmp_path / f"run.{kind}").read_text() == "old"
    assert os.listdir(tmp_path) == [f"run.{kind}"]


@pytest.mark.parametrize(
    "change",
    [("config", "set", "steps", "4"), ("models", "add", "name", str(shipped_path("hoshi-tiny")))],
    ids=lambda change: change[0],
)
def test_the_small_files(limited, tmp_path, change):
    assert "stands for" in limited("models", "add", "old", str(shipped_path("hoshi-tiny"))).stderr
    assert limited("config", "set", "seed", "7").returncode == 0
    folder = tmp_path / "config" / "hoshikage"
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert FULL in told(limited(*change, RLIMIT_FSIZE=3))
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_a_labelled_model(limited, tmp_path):
    shutil.copy(shipped_path("hoshi-tiny"), tmp_path / "m.gguf")
    before = (tmp_path / "m.gguf").read_bytes()
    label = ("models", "label", "m.gguf", "--family", "llada", "--in-place")
    assert "cannot write" in told(limited(*label, RLIMIT_FSIZE=100_000))
    assert (tmp_path / "m.gguf").read_bytes() == before
    assert os.listdir(tmp_path) == ["m.gguf"]


def test_what_a_cache_cannot_keep_costs_nothing(limited):
    run = limited("generate", "Hi", *SHORT, "--cache", "active", RLIMIT_FSIZE=0)
    assert (told(run), run.returncode) == ("", 0)


def test_a_conversation_that_cannot_be_saved_goes_on(limited, tmp_path):
    lines = "Hi\n/save talk.json\nHo\n"
    run = limited("chat", *SHORT, stdin=lines, RLIMIT_FSIZE=10)
    assert f"cannot write talk.json: {FULL}" in told(run)
    assert run.stdout.count("\n") == 2
    assert os.listdir(tmp_path) == []


# --------------------------------------------------------------------- without the rights to

CLOSED = "closed"
DENIED = "Permission denied"
REFUSED = {
    "batch": ("batch", "p.txt", "-o", "closed/out", *SHORT),
    "trace": ("generate", "Hi", *SHORT, "--trace", "closed/run"),
    "export": ("export", "run.jsonl", "-o", "closed/run.html"),
    "export over": ("export", "run.jsonl", "-o", "mine.html"),
    "config": ("config", "set", "steps", "4"),
    "models add": ("models", "add", "a", "m.gguf"),
    "models rm": ("models", "rm", "a"),
    "label": ("models", "label", "m.gguf", "--family", "llada", "-o", "closed/l.gguf"),
    "label itself": ("models", "label", "m.gguf", "--family", "llada", "--in-place"),
}


@pytest.fixture
def someones(trace) -> Iterator[Path]:
    """A folder of somebody's, with files and folders in it that may only be read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(trace, folder / "run.jsonl")
        shutil.copy(shipped_path("hoshi-tiny"), folder / "m.gguf")
        (folder / "p.txt").write_text("one\n")
        (folder / "mine.html").write_text("old")
        for each in (CLOSED, "config", "cache", "state"):
            (folder / each).mkdir()
        if os.getuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, 65_534, 65_534)
        for path in folder.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o755)


def ordinary(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ordinary", str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOSHIKAGE_THREADS": "1"},
        input=stdin, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED)
def test_what_may_not_be_written(someones, command):
    before = {path: path.is_dir() or path.read_bytes() for path in someones.rglob("*")}
    run = ordinary(someones, *command)
    assert DENIED in told(run).splitlines()[-1]
    assert run.returncode in (1, 2)
    assert {path: path.is_dir() or path.read_bytes() for path in someones.rglob("*")} == before


def test_what_needs_no_rights(someones):
    run = ordinary(someones, "generate", "Hi", *SHORT, "--cache", "active")
    assert (told(run), run.returncode) == ("", 0)


@pytest.mark.parametrize("home", ["/dev/null", "/nonexistent", "relative", ""])
def test_homes_that_are_none(hoshikage, home):
    nowhere = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), "")
    run = hoshikage("generate", "Hi", *SHORT, HOME=home, **nowhere)
    assert (run.stderr, run.returncode) == ("", 0)
    assert "cannot write" in told(hoshikage("config", "set", "steps", "4", HOME="/dev/null",
                                            XDG_CONFIG_HOME=""))  # fmt: skip


# ----------------------------------------------------------------------- what is read is kept


def test_a_batch_is_not_fed_with_its_results(environment, tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("one\n")
    (tmp_path / "link").symlink_to(path)
    program = " ".join(PROGRAM)
    for shell in (
        f"{program} batch - --overwrite -o p.txt < p.txt",
        f"{program} batch - --overwrite -o link < p.txt",
        f"{program} batch link --overwrite -o p.txt",
        f"{program} batch - < p.txt >> p.txt",
        f"{program} batch p.txt >> p.txt",
        f"{program} generate -f p.txt --trace link",
        f"{program} generate --trace p.txt < p.txt",
        f"{program} infill -f p.txt --trace link",
    ):
        run = subprocess.run(
            shell, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert "is the input: give another file" in told(run), shell
        assert run.returncode == 2
        assert path.read_text() == "one\n"


def test_a_trace_takes_the_place_of_no_model(limited, tmp_path):
    shutil.copy(shipped_path("hoshi-tiny"), tmp_path / "m.gguf")
    before = (tmp_path / "m.gguf").read_bytes()
    run = limited("generate", "Hi", "-m", "m.gguf", "--trace", "m.gguf")
    assert "m.gguf is the input" in told(run)
    assert (tmp_path / "m.gguf").read_bytes() == before


def test_a_page_takes_the_place_of_no_trace(limited, tmp_path, trace):
    shutil.copy(trace, tmp_path / "run.html")
    assert "is the input" in told(limited("export", "run.html", "-o", "run.html"))
    assert (tmp_path / "run.html").read_bytes() == trace.read_bytes()


# -------------------------------------------------------------------------------- neighbours


def together(environment, commands: list[list[str]]) -> list[str]:
    """What each of these said that were run at once."""
    running = [
        subprocess.Popen(
            [*PROGRAM, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for command in commands
    ]
    said = [process.communicate(timeout=200) for process in running]
    assert [process.returncode for process in running] == [0] * len(running), said
    return [out for out, _ in said]


def test_names_that_are_given_at_once_are_all_kept(environment, hoshikage):
    file = str(shipped_path("hoshi-tiny"))
    together(environment, [["models", "add", f"n{i}", file] for i in range(8)])
    listed = {line.split()[0] for line in hoshikage("models").stdout.splitlines()}
    assert listed >= {f"n{i}" for i in range(8)}


def test_settings_that_are_made_at_once_are_all_kept(environment, hoshikage):
    wanted = {"steps": "4", "seed": "3", "max-tokens": "9", "temperature": "0.5"}
    together(environment, [["config", "set", key, value] for key, value in wanted.items()])
    assert json.loads(hoshikage("config", "show", "--json").stdout) == {
        key: json.loads(value) for key, value in wanted.items()
    }


def test_two_that_measure_at_once_share_a_cache(environment, tmp_path):
    own = {**environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = ["generate", "Hi", *SHORT, "-n", "40", "--cache", "active"]
    one, other = together(own, [command, command])
    assert one == other
    assert one
    (kept,) = (tmp_path / "cache" / "hoshikage" / "costs").iterdir()
    assert json.loads(kept.read_text())


# ---------------------------------------------------------------- a terminal that goes away


@pytest.mark.parametrize(
    "command",
    [("generate", "Hi", "--visual"), ("generate", "Hi"), ("batch", "p.txt", "--at-once", "1")],
    ids=" ".join,
)
def test_a_terminal_that_goes_away_costs_no_answer(environment, tmp_path, command):
    (tmp_path / "p.txt").write_text("Hi\nHo\n")
    long = ("-n", "60", "--steps", "60", "--eos-policy", "suppress", "--seed", "1")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *command, *long], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=theirs, cwd=tmp_path, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    assert os.read(ours, 1)
    os.close(ours)
    answer = process.communicate(timeout=200)[0]
    assert process.returncode == 0
    assert answer.count(b"\n") >= (2 if command[0] == "batch" else 1)


def test_a_conversation_ends_with_its_terminal(environment):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "chat"], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    assert os.read(ours, 1)
    os.close(ours)
    process.communicate(timeout=200)
    assert process.returncode in (0, 1)


# ------------------------------------------------------------------------ what has no end


@pytest.mark.parametrize(
    "command",
    [
        ("generate",),
        ("generate", "-f", "/dev/zero", "Hi"),
        ("infill",),
        ("score",),
        ("chat",),
        ("batch", "-"),
        ("batch", "-", "--format", "csv"),
        ("replay", "/dev/zero"),
        ("export", "/dev/zero", "-o", "x.html"),
        ("bench", "--tasks", "/dev/zero"),
    ],
    ids=" ".join,
)
def test_input_without_an_end(limited, command):
    with open("/dev/zero", "rb") as endless:
        run = limited(*command, stdin=endless, RLIMIT_AS=6 << 30)
    assert any(word in told(run) for word in ("is longer than", "too long", "is no model"))


# -------------------------------------------------------------------------- too little memory


def test_no_memory_for_a_context(limited):
    command = ("generate", "Hi", "-q", "-m", "hoshi-tiny-ar", "-c", "900000", "-n", "800000")
    for flags, words in {
        (): "does not fit",
        ("--force",): "no context of 800,003 positions",
    }.items():
        run = limited(*command, *flags, RLIMIT_AS=1 << 29)
        assert run.returncode == 1
        assert words in told(run)
        assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("error", [
    MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("can't start new thread"),
])  # fmt: skip
def test_no_memory_for_anything(capfd, error):
    assert report(error, []) == 1
    assert capfd.readouterr().err == "hoshikage: not enough memory\n"
