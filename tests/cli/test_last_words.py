"""Where llama.cpp gives up: one line, exit code 70, and nothing lost of what there was."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hoshikage_cli.cli.last_words import in_short
from program import PROGRAM
from terminal import Terminal

from .giving_up import WAYS
from .test_signals import cursor_is_shown

ASSERTED = r"GGML_ASSERT\(n_tokens_all <= cparams\.n_batch\) failed \(llama-context\.cpp:\d+\)"
REASONS = {
    "assert": ASSERTED,
    "throw": r"vector::_M_range_check: .*1000000.*",
    "thread": "std::terminate",
}
PROMPT = "Tell a story about Mia and a kite."
STORY = ("generate", PROMPT, "-q", "-s", "1", "-n", "24", "--steps", "12")


def program(how: str, passes: int) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("giving_up.py")), how, str(passes)]


def given_up(environment, how, passes, *arguments, **given):
    return subprocess.run(
        [*program(how, passes), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        **given,
    )


def line(reason):
    said = "please report it with `hoshikage --version`, as SECURITY.md says"
    return rf"hoshikage: llama\.cpp gave up: {reason}; {said}\n"


def records(path):
    return [json.loads(each) for each in path.read_text().splitlines()]


@pytest.mark.parametrize("how", REASONS)
def test_what_there_is_is_told(environment, tmp_path, how):
    trace = tmp_path / "trace.jsonl"
    found = given_up(environment, how, 6, *STORY, "--trace", str(trace))
    assert found.returncode == 70
    assert re.fullmatch(line(REASONS[how]), found.stderr), found.stderr
    *_, last, end = records(trace)
    assert (last["index"], end["stop_reason"]) == (5, "interrupted")
    assert found.stdout == end["text"] + "\n" != "\n"


def test_as_json(environment):
    found = given_up(environment, "assert", 6, *STORY, "--json")
    told = json.loads(found.stdout)
    assert (found.returncode, told["stop_reason"], told["steps"]) == (70, "interrupted", 6)


@pytest.mark.parametrize(("model", "passes"), [("hoshi-tiny-ar", 9), ("hoshi-tiny-block", 3)])
def test_text_that_streams_is_told_once(environment, model, passes):
    options = ("-q", "-s", "1", "-n", "40", "-m", model)
    whole = subprocess.run(
        [*PROGRAM, "generate", PROMPT, *options],
        env=environment,
        capture_output=True,
        text=True,
    ).stdout
    found = given_up(environment, "assert", passes, "generate", PROMPT, *options)
    assert found.returncode == 70
    assert re.fullmatch(line(ASSERTED), found.stderr)
    assert whole.startswith(found.stdout.rstrip("\n"))
    assert found.stdout.endswith("\n")


def test_holes_that_are_filled_so_far(environment):
    text = "Mia found a [MASK:6]. Ben loved the red kite too."
    found = given_up(environment, "assert", 1, "infill", "-q", "--steps", "4", text)
    assert found.returncode == 70
    assert re.fullmatch(line(ASSERTED), found.stderr)
    assert found.stdout.startswith("Mia found a ")
    assert found.stdout.endswith(". Ben loved the red kite too.\n")


def test_answers_that_are_finished(environment):
    options = ("-q", "-N", "3", "-n", "30", "-m", "hoshi-tiny-ar", "--json")
    found = given_up(environment, "assert", 40, "generate", PROMPT, *options)
    assert found.returncode == 70
    assert re.fullmatch(line(ASSERTED), found.stderr)
    assert 1 <= len(json.loads(found.stdout)) < 3


def test_a_batch_goes_on_where_it_was(environment, tmp_path):
    prompts, results = tmp_path / "prompts.txt", tmp_path / "results.jsonl"
    prompts.write_text("".join(f"What is {n} + 2?\n" for n in range(1, 9)))
    command = ("batch", str(prompts), "-o", str(results), "-q", "-n", "8", "-m", "hoshi-tiny-ar")
    found = given_up(environment, "assert", 20, *command)
    assert found.returncode == 70
    assert re.fullmatch(line(ASSERTED), found.stderr)
    before = records(results)
    assert 1 <= len(before) < 8
    again = subprocess.run([*PROGRAM, *command], env=environment, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, "")
    assert [each["line"] for each in records(results)] == list(range(1, 9))
    assert records(results)[: len(before)] == before


def test_a_chat(environment):
    said = f"{PROMPT}\n{PROMPT}\n"
    found = given_up(environment, "assert", 4, "chat", "-q", "--steps", "6", "-n", "8", input=said)
    assert found.returncode == 70
    assert re.fullmatch(line(ASSERTED), found.stderr)
    assert found.stdout.strip()


def test_while_it_tells(environment):
    """A second fault is the end, and still a line."""
    found = given_up(environment, "twice", 3, *STORY)
    assert (found.returncode, found.stdout) == (70, "")
    assert re.fullmatch(r"hoshikage: llama\.cpp gave up: \S+: GGML_ASSERT.* failed\n", found.stderr)


def test_where_nobody_can_tell_any_more(environment):
    """Python's lock never comes free; then nothing is waited for but the alarm."""
    began = time.monotonic()
    found = given_up(environment, "locked", 1, *STORY)
    assert (found.returncode, found.stdout) == (70, "")
    assert found.stderr == "hoshikage: llama.cpp gave up: std::terminate\n"
    assert time.monotonic() - began < 120


@pytest.mark.parametrize("visual", [[], ["--visual"]], ids=["bar", "view"])
def test_the_terminal_is_left_as_it_was(environment, visual):
    options = [*(each for each in STORY if each != "-q"), *visual]
    terminal = Terminal(options, environment, stdout=None, program=program("assert", 6))
    code, _ = terminal.end()
    assert code == 70
    assert cursor_is_shown(terminal)
    assert terminal.seen.count(b"\x1b[?1049h") == terminal.seen.count(b"\x1b[?1049l")
    before, _, told = "".join(terminal.screen()).partition("hoshikage: llama.cpp gave up: ")
    assert re.fullmatch(line(ASSERTED), f"hoshikage: llama.cpp gave up: {told}\n")
    assert "kite" in before


def test_a_chat_gives_the_terminal_back(environment):
    terminal = Terminal(
        ["chat"], environment, stdout=None, stdin=None, program=program("assert", 3)
    )
    terminal.wait_for(b"\x1b[?2004h")
    terminal.type(PROMPT.encode() + b"\r")
    assert terminal.process.wait(timeout=120) == 70
    assert terminal.echoes
    terminal.end()
    assert cursor_is_shown(terminal)


def test_no_way_is_untried():
    assert set(WAYS) == {*REASONS, "locked", "twice"}


def test_in_short():
    assert in_short("/a/b/llama-batch.cpp:40: GGML_ASSERT(n > 0) failed") == (
        "GGML_ASSERT(n > 0) failed (llama-batch.cpp:40)"
    )
    assert in_short("x.c:1: two\nlines") == "two lines (x.c:1)"
    assert in_short("bad_alloc") == "bad_alloc"
