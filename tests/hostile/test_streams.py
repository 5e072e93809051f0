"""Every command with a stdout that is closed or full, and a stdin that is closed: an answer that
cannot be told is a failure, in one line, and no file takes a stream's place."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

import pytest

from hoshikage_cli.cli.app import COMMANDS
from program import PROGRAM

SHORT = ("-n", "8", "--steps", "2", "-s", "1", "-q")


@dataclass(frozen=True)
class Asked:
    """A command line that has something to say on stdout."""

    arguments: tuple[str, ...]
    stdin: str = ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("streams")
    (made / "config.toml").write_text("steps = 3\n")
    (made / "tasks.jsonl").write_text('{"prompt": "What is 2 + 3?", "answer": "5"}\n')
    return made


def every_command(folder) -> dict[str, list[Asked]]:
    tasks = str(folder / "tasks.jsonl")
    trace = str(folder / "run.jsonl")
    return {
        "generate": [
            Asked(("generate", "Hi", *SHORT)),
            Asked(("generate", "Hi", "-m", "hoshi-tiny-ar", "-n", "4", "-q")),
            Asked(("generate", "Hi", "--json", *SHORT)),
            Asked(("generate", "Hi", "-N", "2", *SHORT)),
            Asked(("generate", "--show-settings")),
        ],
        "replay": [Asked(("replay", trace, "-q"))],
        "doctor": [Asked(("doctor", "-m", "hoshi-tiny"))],
        "export": [Asked(("export", "--help"))],
        "infill": [
            Asked(("infill", "2 + 3 = [MASK]", "-q")),
            Asked(("infill", "2 + 3 = [MASK]", "-q", "--json")),
            Asked(("infill", "2 + 3 = [MASK]", "-q", "--show", "holes")),
        ],
        "score": [Asked(("score", "Hi", "-q", "--samples", "2"))],
        "chat": [
            Asked(("chat", *SHORT), stdin="Hi\n"),
            Asked(("chat", "-m", "hoshi-tiny-ar", "-n", "4", "-q"), stdin="Hi\n"),
        ],
        "batch": [Asked(("batch", "-", *SHORT), stdin="Hi\n"), Asked(("batch", tasks, *SHORT))],
        "bench": [
            Asked(("bench", "-n", "8", "--steps", "2", "-r", "1", "-q")),
            Asked(("bench", "-n", "8", "--steps", "2", "-r", "1", "-q", "--json")),
            Asked(("bench", "--tasks", tasks, *SHORT)),
        ],
        "inspect": [Asked(("inspect", "hoshi-tiny"))],
        "models": [Asked(("models",)), Asked(("models", "--json"))],
        "config": [
            Asked(("config",)),
            Asked(("config", "path")),
            Asked(("config", "show")),
            Asked(("config", "show", "--json")),
        ],
        # Their answer is a file.
        "convert": [],
        "quantize": [],
        "pull": [Asked(("pull",))],
        "": [Asked(("--version",)), Asked(("-V",)), Asked(("--help",))],
    }


@pytest.fixture
def shell(folder, environment):
    """shell(asked, ">&-") runs a command line with what a shell would be told behind it."""
    variables = {**environment, "HOSHIKAGE_CONFIG": str(folder / "config.toml")}

    def run(asked: Asked, redirected: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {redirected}', "sh", *PROGRAM, *asked.arguments],
            input=asked.stdin,
            capture_output=True,
            text=True,
            env=variables,
            timeout=300,
        )

    return run


@pytest.fixture
def trace(folder, shell):
    if not (folder / "run.jsonl").exists():
        made = shell(Asked(("generate", "Hi", *SHORT, "--trace", str(folder / "run.jsonl"))))
        assert made.returncode == 0


def clean(found: subprocess.CompletedProcess[str]) -> str:
    """What was said on stderr, which is lines of ours alone."""
    for unwanted in ("Traceback", "internal error", "Exception ignored", "Fatal"):
        assert unwanted not in found.stderr
    return found.stderr


def test_every_command_is_here(folder):
    assert set(every_command(folder)) == {*COMMANDS, ""}


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"], ids=["closed", "full"])
@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_an_answer_that_is_lost_is_a_failure(folder, shell, trace, command, redirected):
    for asked in every_command(folder)[command]:
        found = shell(asked, redirected)
        assert found.returncode == 1, asked
        assert "cannot write the answer to stdout" in clean(found), asked
        assert found.stdout == ""


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_nobody_reads(folder, environment, trace, command):
    """A reader that has gone away is told by the code of SIGPIPE, and by nothing else."""
    variables = {**environment, "HOSHIKAGE_CONFIG": str(folder / "config.toml")}
    for asked in every_command(folder)[command]:
        reading, writing = os.pipe()
        os.close(reading)
        found = subprocess.run(
            [*PROGRAM, *asked.arguments],
            input=asked.stdin,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
            timeout=300,
        )
        os.close(writing)
        said = "\n".join(line for line in found.stderr.splitlines() if "no --model" not in line)
        assert (found.returncode, said) == (141, ""), asked


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate",),
        ("generate", "-"),
        ("infill",),
        ("infill", "-"),
        ("score", "-"),
        ("chat", "-q"),
        ("batch",),
        ("batch", "-"),
        ("score", "--choices-file", "-"),
    ],
    ids=" ".join,
)
def test_a_stdin_that_is_closed_is_something_to_type_differently(shell, arguments):
    found = shell(Asked(arguments), "<&-")
    assert (found.returncode, found.stdout) == (2, "")
    assert clean(found).count("\n") == 1
    assert found.stderr.startswith("hoshikage: no ")


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_an_answer_comes_without_anybody_to_tell(shell, redirected, tmp_path):
    plain = shell(Asked(("generate", "Hi", *SHORT))).stdout
    trace = tmp_path / "trace.jsonl"
    line = ("generate", "Hi", *SHORT[:-1], "--debug", "--trace", str(trace))
    found = shell(Asked(line), redirected)
    assert (found.returncode, found.stdout) == (0, plain)
    # Nothing but the trace is in its file, which would be the next to be opened as stderr.
    assert all(line.startswith("{") for line in trace.read_text().splitlines())
