"""MODULE:FUNCTION on the command line, and nowhere else."""

from __future__ import annotations

import json
import subprocess

import pytest

from program import PROGRAM

RULES = """
import numpy as np
from hoshikage_cli import Decision

LIMIT = 0.9
print("imported", file=open("imported", "a"))

def score(view):
    return -view.positions

def quota(step, block, masked, eps):
    return 2

def sure(view):
    return view.proposal.probability > LIMIT

def doubting(view):
    masked = np.flatnonzero(view.masked)
    best = masked[np.argsort(-view.proposal.probability[masked], kind="stable")]
    settled = np.flatnonzero(~view.masked)
    return Decision(best[: view.quota + 1], settled[:1] if view.step % 2 else settled[:0])

def boom(view):
    return 1 / 0

def without(): pass

class Cautious:
    @staticmethod
    def score(view):
        return -view.proposal.entropy
"""
PROMPT = "What is the capital of Japan?"
SHORT = ("-q", "-n", "12", "--steps", "6", "--seed", "1")


@pytest.fixture
def folder(tmp_path):
    """A current directory with the user's module in it."""
    made = tmp_path / "mine"
    made.mkdir()
    (made / "my_rules.py").write_text(RULES, encoding="utf-8")
    (made / "broken.py").write_text("import json\n\ndef f(view)\n    pass\n", encoding="utf-8")
    (made / "failing.py").write_text("\nx = {}['none']\n", encoding="utf-8")
    (made / "lacking.py").write_text("import no_such_thing\n", encoding="utf-8")
    (made / "leaving.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    return made


@pytest.fixture
def run(folder, environment):
    def run(*arguments, stdin="", **variables):
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            input=stdin,
            cwd=folder,
            env={**environment, **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )

    return run


@pytest.fixture
def never_imported(folder):
    yield
    assert not (folder / "imported").exists()


def test_every_kind_of_function_runs(run):
    done = run("generate", *SHORT, "--algorithm", "my_rules:score", "--json", PROMPT)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["settings"]["algorithm"] == "my_rules:score"
    for flags in (
        ("--schedule", "my_rules:quota", "--rule", "my_rules:sure"),
        ("--algorithm", "my_rules:Cautious.score"),
    ):
        done = run("generate", *SHORT, *flags, PROMPT)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_is_taken_back_is_told_and_played_again_without_the_code(run, folder):
    step = ("--step", "my_rules:doubting")
    done = run("generate", *SHORT, *step, "--visual", "--trace", "run.jsonl", PROMPT)
    assert done.returncode == 0
    lines = [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("step")]
    assert lines[:3] == [
        "step 1/6, 10 masked",
        "step 2/6, 9 masked, 1 taken back",
        "step 3/6, 6 masked",
    ]
    assert lines[-1].startswith("step 6/6, 0 masked")
    (folder / "my_rules.py").unlink()
    (folder / "imported").unlink()
    played = run("replay", "run.jsonl", "--visual", "--speed", "1000")
    assert played.stdout == done.stdout
    # A replay tells the figures, which -q has left out before.
    assert played.stderr.splitlines()[:-1] == done.stderr.splitlines()
    for name in ("run.html", "run.svg", "run.cast"):
        assert run("export", "run.jsonl", "-o", name).returncode == 0
        assert "my_rules:doubting" in (folder / name).read_text(encoding="utf-8")
    assert not (folder / "imported").exists()


def test_settings_are_shown_by_name(run):
    flags = ("--step", "my_rules:doubting", "--schedule", "my_rules:quota")
    shown = run("generate", "--show-settings", *flags).stdout
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert rows["step"] == ["my_rules:doubting", "flag"]
    assert rows["schedule"] == ["my_rules:quota", "flag"]
    told = json.loads(run("generate", "--show-settings", "--json", *flags).stdout)
    assert told["step"] == {"value": "my_rules:doubting", "source": "flag"}


def test_a_batch_and_a_bench_take_them(run):
    done = run("batch", "-", *SHORT, "--rule", "my_rules:sure", stdin="Hello!\nSort 3 1 2.\n")
    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(answer["text"] for answer in answers)
    vary = ("--vary", "algorithm=entropy,my_rules:score", "-r", "1", "--json")
    done = run("bench", *SHORT, *vary)
    assert done.returncode == 0, done.stderr
    names = [row["settings"] for row in json.loads(done.stdout)]
    assert names == ["algorithm=entropy", "algorithm=my_rules:score"]


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--algorithm", "no_rules:f"), 2, "no module no_rules here or where Python looks"),
        (("--algorithm", "my_rules.sub:f"), 2, "no module my_rules.sub here"),
        (("--algorithm", "./my_rules.py:f"), 2, "is no name of a module"),
        (("--algorithm", "my_rules:scor"), 2, "no scor in my_rules; did you mean score?"),
        (("--algorithm", "my_rules:"), 2, "no function in my_rules"),
        (("--algorithm", "my_rules:LIMIT"), 2, "LIMIT cannot be called: it is of type float"),
        (("--algorithm", "my_rules:without"), 2, "cannot be called with (view)"),
        (("--algorithm", "my_rules:boom"), 1, "ZeroDivisionError: division by zero (my_rules.py"),
        (("--rule", "my_rules:score"), 1, "int64 of shape (12,): expected True or False"),
        (("--step", "my_rules:sure"), 1, "of type ndarray: expected a Decision"),
        (("--step", "16"), 2, "'16' is no function: give MODULE:FUNCTION; did you mean --steps?"),
        (("--rule", "sure"), 2, "'sure' is no function: give MODULE:FUNCTION"),
        (("--algorithm", "broken:f"), 1, "SyntaxError: expected ':' (broken.py, line 3)"),
        (("--algorithm", "failing:f"), 1, "KeyError: 'none' (failing.py, line 2)"),
        (("--algorithm", "lacking:f"), 1, "No module named 'no_such_thing' (lacking.py, line 1)"),
        (("--algorithm", "leaving:f"), 1, "SystemExit: 0 (leaving.py, line 1)"),
        (("--step", "my_rules:doubting", "--threshold", "0.9"), 2, "leave out --threshold"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_goes_wrong_is_one_line(run, flags, code, message):
    done = run("generate", *SHORT, *flags, PROMPT)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"hoshikage: {flags[0]}")
    assert message in line


def test_debug_shows_where_a_function_failed(run):
    done = run("generate", *SHORT, "--debug", "--algorithm", "my_rules:boom", PROMPT)
    assert done.returncode == 1
    assert "return 1 / 0" in done.stderr


def test_a_step_function_leaves_the_algorithm_without_effect(run):
    flags = ("-n", "8", "--steps", "4", "--algorithm", "entropy", "--step", "my_rules:doubting")
    told = run("generate", *flags, PROMPT).stderr
    assert "--algorithm has no effect with --step" in told


@pytest.mark.usefixtures("never_imported")
class TestNoFileNamesCode:
    def test_a_record(self, run):
        records = [
            {"prompt": "a", "algorithm": "my_rules:score"},
            {"prompt": "a", "settings": {"schedule": "my_rules:quota"}},
            {"prompt": "a", "settings": {"rule": "my_rules:sure"}},
            {"prompt": "a", "settings": {"step": "my_rules:doubting"}},
        ]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        done = run("batch", "-", *SHORT, stdin=lines)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == 4
        assert all("would run code" in answer["error"] for answer in answers[:2])
        assert all("no setting '" in answer["error"] for answer in answers[2:])

    def test_a_csv(self, run, folder):
        (folder / "table.csv").write_text("prompt,algorithm\na,my_rules:score\n")
        done = run("batch", "table.csv", *SHORT)
        assert "would run code" in json.loads(done.stdout)["error"]

    def test_tasks_of_a_bench(self, run, folder):
        task = {"prompt": "a", "answer": "b", "settings": {"algorithm": "my_rules:score"}}
        (folder / "tasks.jsonl").write_text(json.dumps(task) + "\n")
        done = run("bench", *SHORT, "--tasks", "tasks.jsonl")
        assert done.returncode == 2
        assert "would run code" in done.stderr

    def test_the_config_file(self, run, config_file):
        config_file('algorithm = "my_rules:score"\n')
        done = run("generate", *SHORT, PROMPT)
        assert done.returncode == 2
        assert done.stderr.startswith("hoshikage: config file: algorithm: 'my_rules:score' would")
        assert run("config", "set", "schedule", "my_rules:quota").returncode == 2
        for name in ("step", "rule"):
            assert run("config", "set", name, "my_rules:sure").returncode == 2

    def test_variables(self, run):
        done = run("generate", *SHORT, PROMPT, DIFFUSION_ALGORITHM="my_rules:score")
        assert done.returncode == 2
        assert "DIFFUSION_ALGORITHM: 'my_rules:score' would run code" in done.stderr
        done = run("generate", "-n", "8", PROMPT, HOSHIKAGE_STEP="my_rules:doubting")
        assert "HOSHIKAGE_STEP is not a variable that Hoshikage reads" in done.stderr

    def test_a_chat(self, run):
        done = run("chat", *SHORT, stdin="/set algorithm my_rules:score\n")
        assert "would run code" in done.stderr
