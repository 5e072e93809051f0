"""`hoshikage bench --tasks`, on both kinds of model."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from program import PROGRAM

SHORT = ("-n", "16", "--steps", "4")
ITEMS = [
    {"prompt": "What is 1 + 2?", "answer": ["1 + 2 = 3", "3"], "task": "sums"},
    {"prompt": "What is 2 + 3?", "contains": "5", "task": "sums", "id": "five"},
    {"prompt": "Say anything.", "regex": ".*", "settings": {"steps": 2, "seed": 7}},
    {"prompt": "Say what you never say.", "answer": "§"},
    {"prompt": "A prompt to be left alone."},
]


@pytest.fixture
def tasks(tmp_path):
    """tasks(…) writes a file of these records, lines as they are."""

    def write(*records):
        path = tmp_path / "tasks.jsonl"
        lines = (each if isinstance(each, str) else json.dumps(each) for each in records)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


def test_the_figures_of_a_grid(hoshikage, tasks):
    vary = ("--vary", "threshold=0.1,0.9", "--vary", "cache=none,dual")
    run = hoshikage("bench", *SHORT, "--tasks", tasks(*ITEMS), *vary, "--json", "--details")
    assert run.returncode == 0, run.stderr
    assert "1 record says nothing to check against" in run.stderr
    rows = json.loads(run.stdout)
    assert [row["varied"] for row in rows] == [
        {"threshold": threshold, "cache": cache}
        for threshold in (0.1, 0.9)
        for cache in ("none", "dual")
    ]
    assert rows[0]["settings"] == "threshold=0.1 cache=none"
    for row in rows:
        answers = row["answers"]
        assert [each["line"] for each in answers] == [1, 2, 3, 4]
        assert [each["right"] for each in answers][2:] == [True, False]
        assert row["right"] == sum(each["right"] for each in answers)
        assert row["accuracy"] == row["right"] / 4
        assert row["points_lost"] == pytest.approx(100 * (rows[0]["accuracy"] - row["accuracy"]))
        assert row["nfe_per_prompt"] == sum(each["nfe"] for each in answers) / 4
        assert {name: each["count"] for name, each in row["tasks"].items()} == {
            "sums": 2,
            "no task": 2,
        }
        assert row["seconds_per_prompt"] > 0


def test_answers_are_those_of_generate(hoshikage, tasks):
    item = {"prompt": "What is 1 + 2?", "regex": ".*", "settings": {"steps": 3}}
    options = ("-n", "16", "--temp", "1", "--seed", "5")
    run = hoshikage("bench", *options, "--tasks", tasks(item), "--json", "--details")
    alone = hoshikage("generate", "What is 1 + 2?", *options, "--steps", "3", "-q")
    (row,) = json.loads(run.stdout)
    assert row["answers"][0]["text"] == alone.stdout.removesuffix("\n")


def test_a_table_of_an_autoregressive_model(hoshikage, tasks):
    options = ("-m", "hoshi-tiny-ar", "-n", "8", "--vary", "temp=0,1", "--vary", "threshold=0.5")
    run = hoshikage("bench", *options, "--tasks", tasks(*ITEMS))
    assert run.returncode == 0, run.stderr
    assert "--threshold has no effect on an autoregressive model" in run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    first, second = [
        cells for cells in lines if cells[:1] in (["temperature=0"], ["temperature=1"])
    ][:2]
    assert first[2].endswith("/4")
    assert first[3].endswith("%")
    assert second[4][0] in "+-"
    assert "sums" in run.stdout


def test_a_prompt_that_does_not_fit_is_wrong(hoshikage, tasks):
    long = {"prompt": "word " * 600, "answer": "x"}
    run = hoshikage("bench", *SHORT, "--tasks", tasks(ITEMS[0], long), "--json")
    (row,) = json.loads(run.stdout)
    assert (run.returncode, row["prompts"], row["errors"]) == (0, 2, 1)
    assert "1 of 2 could not be answered (line 2: a prompt of" in run.stderr


GOOD = json.dumps(ITEMS[0])


@pytest.mark.parametrize(
    ("lines", "arguments", "words"),
    [
        ((GOOD, "{"), (), "line 2: not JSON"),
        ((GOOD, '{"prompt": "x", "regex": "(" }'), (), "line 2: regex: '(' is no regular"),
        ((), (), "no record has an answer"),
        (('{"prompt": "x"}',), (), "no record has an answer"),
        (('{"prompt": "x", "anser": "x"}',), (), "did you mean answer?"),
        (
            ('{"prompt": "x", "answer": "x", "settings": {"steps": "many"}}',),
            (),
            "line 1: --steps: 'many'",
        ),
        (
            ('{"prompt": "x", "answer": "x", "threshold": 0.5}',),
            ("--vary", "threshold=0.7,0.9"),
            "line 1: its settings go against --vary threshold",
        ),
        (
            ('{"prompt": "x", "answer": "x", "settings": {"factor": 1}}',),
            ("--vary", "threshold=0.7"),
            "line 1: its settings go against --vary threshold",
        ),
        ((GOOD,), ("--compare", "/bin/true"), "--compare cannot be given with --tasks"),
        ((GOOD,), ("-r", "2"), "--repetitions cannot be given with --tasks"),
        ((GOOD,), ("Hello!",), "a prompt cannot be given with --tasks"),
        ((GOOD,), ("--plot", "x.pdf"), "must end in .svg or .png"),
        ((GOOD,), ("--plot", "/no/such/folder/x.svg"), "there is no folder"),
        ((GOOD,), ("--details",), "--details belongs to --json"),
        ((GOOD,), ("--vary", "model=a,b"), "no setting 'model' to vary"),
    ],
)
def test_one_clear_line(hoshikage, tasks, lines, arguments, words):
    run = hoshikage("bench", "-m", "hoshi-tiny", "--tasks", tasks(*lines), *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.count("\n") == 1
    assert words in run.stderr


@pytest.mark.parametrize("arguments", [("--plot", "x.svg"), ("--at-once", "2"), ("--details",)])
def test_what_belongs_to_tasks(hoshikage, arguments):
    run = hoshikage("bench", *arguments)
    assert run.returncode == 2
    assert f"{arguments[0]} belongs to --tasks" in run.stderr


def test_a_plot(hoshikage, tasks, tmp_path):
    pytest.importorskip("matplotlib")
    target = tmp_path / "plot.svg"
    options = ("--tasks", tasks(*ITEMS[:1]), "--vary", "threshold=0.1,0.9", "--plot", target)
    assert hoshikage("bench", *SHORT, *options).returncode == 0
    assert "<!-- threshold=0.9 -->" in target.read_text()


def test_ctrl_c(environment, tasks):
    path = tasks(*(f'{{"prompt": "{n} + 1", "answer": "x"}}' for n in range(400)))
    command = [*PROGRAM, "bench", "--tasks", str(path), "-m", "hoshi-tiny"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("hoshikage: interrupted")
