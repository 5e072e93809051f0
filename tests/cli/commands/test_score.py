"""`hoshikage score`, run for real."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time

import pytest

from hoshikage_cli.cli.commands.score import READ_BY, ScoreFlags
from hoshikage_cli.engines.scoring import METHODS
from hoshikage_cli.generation.scoring import DRAWS
from hoshikage_cli.settings.declared import declarations, declared_in
from program import PROGRAM

QUESTION = "What is the capital of Japan?"
RIGHT, WRONG = "The capital of Japan is Tokyo.", "The capital of Japan is Paris."
AR = ("-m", "hoshi-tiny-ar")
FIGURES = re.compile(
    r"log-likelihood (-?[\d.]+)( ± [\d.]+)? nats, perplexity \S+, [\d.]+ bits per byte "
    r"\((\d+) tokens?, (\d+) bytes?\)\n"
)


def test_one_line_of_figures(hoshikage):
    told = hoshikage("score", "-q", "-p", QUESTION, WRONG, "--samples", "32", "-s", "1")
    found = FIGURES.fullmatch(told.stdout)
    assert found
    assert found[2]  # an estimate has an error
    assert int(found[4]) == len(WRONG)
    assert (told.returncode, told.stderr) == (0, "")
    exact = FIGURES.fullmatch(hoshikage("score", "-q", *AR, "-p", QUESTION, WRONG).stdout)
    assert exact
    assert not exact[2]


def test_every_way_to_give_the_text(hoshikage, tmp_path):
    text = "Mia 🙂 had a 凧.\r\n"
    file = tmp_path / "text.txt"
    file.write_bytes(text.encode())
    runs = [
        hoshikage("score", "-q", *AR, text),
        hoshikage("score", "-q", *AR, "-f", file),
        hoshikage("score", "-q", *AR, "-", stdin=text),
        hoshikage("score", "-q", *AR, stdin=text),
    ]
    assert len({run.stdout for run in runs}) == 1
    assert f"{len(text.encode())} bytes" in runs[0].stdout


@pytest.mark.parametrize("prompt", ["日本の首都は？", "🙂🙂", "a\nb", "--"])
def test_json_is_the_text_token_by_token(hoshikage, prompt):
    told = json.loads(
        hoshikage("score", "-p", prompt, "--json", "-s", "3", "--samples", "4", "東京 🗼").stdout
    )
    assert "".join(token["text"] for token in told["tokens"]) == told["text"] == "東京 🗼"
    assert told["samples"] == 4
    assert told["method"] == "monte-carlo"
    assert told["settings"]["seed"] == 3
    assert told["standard_error"] > 0
    exact = json.loads(hoshikage("score", *AR, "-p", prompt, "--json", "東京 🗼").stdout)
    total = sum(token["logprob"] for token in exact["tokens"])
    assert exact["log_likelihood"] == pytest.approx(total)


def test_the_same_seed_gives_the_same_figures_on_any_number_of_threads(hoshikage):
    runs = [
        hoshikage("score", "-q", "-s", "7", "--samples", "20", WRONG, HOSHIKAGE_THREADS=threads)
        for threads in ("1", "2", "1")
    ]
    assert runs[0].stdout == runs[2].stdout
    assert FIGURES.match(runs[0].stdout)[1] == FIGURES.match(runs[1].stdout)[1]


def test_choices_are_ranked(hoshikage, tmp_path):
    file = tmp_path / "choices.txt"
    file.write_text(f"{WRONG}\n\n{RIGHT}\n", encoding="utf-8")
    flags = ("score", "-q", "-p", QUESTION, "--method", "order")
    typed = hoshikage(*flags, "--choices", WRONG, "--choice", RIGHT)
    assert typed.stdout == hoshikage(*flags, "--choices-file", file).stdout
    assert typed.stdout == hoshikage(*flags, "--choices-file", "-", stdin=file.read_text()).stdout
    first, second = typed.stdout.splitlines()
    assert first.startswith("1. ")
    assert first.endswith(RIGHT)
    assert second.endswith(WRONG)
    told = json.loads(hoshikage(*flags, "--choices", WRONG, "--choices", RIGHT, "--json").stdout)
    assert [choice["text"] for choice in told["choices"]] == [RIGHT, WRONG]
    assert told["likeliest"] == told["likeliest_per_byte"] == RIGHT


def test_the_view_is_on_stderr(hoshikage):
    plain = hoshikage("score", "-q", *AR, "a\tb\nc")
    visual = hoshikage("score", "-q", *AR, "--visual", "a\tb\nc")
    assert plain.stdout == visual.stdout
    lines = visual.stderr.splitlines()
    assert all(re.match(r" *-[\d.]+  ", line) for line in lines)
    assert "\x1b" not in visual.stderr
    assert "⏎" in visual.stderr


def test_what_has_no_effect_is_told(hoshikage):
    told = hoshikage("score", "--steps", "3", "--temp", "1", "--samples", "1", "x").stderr
    assert (
        "--steps and --temperature have no effect on a likelihood by the method monte-carlo" in told
    )
    told = hoshikage("score", "--steps", "3", "--temp", "1", "--method", "order", "x").stderr
    assert "effect" not in told
    told = hoshikage("score", *AR, "--steps", "3", "--top-k", "1", "x").stderr
    assert "--steps has no effect on an autoregressive model" in told
    assert "--top-k has no effect on a likelihood by the method exact" in told


WRONG_CALLS = [
    (("",), 2, "an empty text has no likelihood"),
    ((), 2, "no text: type one, as in hoshikage score"),
    (("x", "-f", "y"), 2, "give one of them"),
    (("-f", "/nowhere.txt"), 2, "cannot read the text"),
    (("x", "--choices", "y"), 2, "exclude each other"),
    (("--choices", "x", "--choices-file", "y"), 2, "exclude each other"),
    (("--choices", ""), 2, "give at least one character"),
    (("--choices-file", "/dev/null"), 2, "no texts to rank"),
    (("x", "--samples", "0"), 2, "from 1 to"),
    (("x", "--method", "guess"), 2, "monte-carlo or order"),
    ((*AR, "x", "--method", "order"), 2, "they have exact"),
    (("-c", "9", "Mia had a red kite and Ben had a blue one."), 1, "exceeds the context of 9"),
    (("-c", "9", "-p", QUESTION, WRONG), 1, "tokens behind a prompt of"),
    (("x", "-p", "What is <|mask|>?", "--parse-special"), 2, "mask token"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG_CALLS)
def test_what_is_typed_wrongly_is_told_in_one_line(hoshikage, arguments, code, words):
    told = hoshikage("score", "-q", *arguments)
    assert told.returncode == code
    assert words in told.stderr
    assert told.stderr.count("\n") == 1
    assert told.stdout == ""


def test_an_interrupt_leaves_no_figures(environment):
    process = subprocess.Popen(
        [*PROGRAM, "score", "-q", "--samples", "1000000", "--visual", RIGHT],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert told in ("", "hoshikage: interrupted: no figures\n")


def test_the_flags_know_what_the_methods_are():
    known = declared_in(ScoreFlags)
    assert {*known["method"].option.choices, "exact"} == set(METHODS) == set(READ_BY)
    assert known["samples"].default == DRAWS
    assert {name for names in READ_BY.values() for name in names} <= set(declarations())
