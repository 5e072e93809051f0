"""`hoshikage batch -` while its input is still being written."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import termios
import time
from array import array

import pytest

from program import PROGRAM

SHORT = ("--steps", "2", "-n", "4")
MODELS = ("hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar")
PATIENCE = 60
"""Seconds until an answer counts as one that never comes; it takes two on an idle machine."""


class Live:
    """The program at one end of two pipes."""

    def __init__(self, environment, *arguments):
        self.process = subprocess.Popen(
            [*PROGRAM, "batch", "-", *SHORT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def ask(self, **record):
        self.write(json.dumps(record).encode() + b"\n")

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_until_read(self):
        """Until it has taken in all that was written, and so waits for more."""
        left, end = array("i", [1]), time.monotonic() + PATIENCE
        while left[0] and time.monotonic() < end:
            fcntl.ioctl(self.process.stdin.fileno(), termios.FIONREAD, left)
            time.sleep(0.01)

    def answer(self):
        """The next result."""
        end = time.monotonic() + PATIENCE
        output = self.process.stdout
        while b"\n" not in self._rest:
            assert select.select([output], [], [], max(0, end - time.monotonic()))[0], "no answer"
            read = os.read(output.fileno(), 65536)
            assert read, self.process.stderr.read().decode()
            self._rest += read
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def end(self):
        """(exit code, stderr), once there is no more input."""
        said = self.process.communicate(timeout=PATIENCE)[1].decode()
        return self.process.returncode, said

    def interrupted(self):
        """The same, with the input left open."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=PATIENCE)
        return code, self.process.stderr.read().decode()


@pytest.fixture
def live(environment):
    """live("-m", "hoshi-tiny") runs `batch -`; it ends with the test."""
    started = []

    def start(*arguments):
        started.append(Live(environment, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.__exit__()


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_does_not_wait_for_the_next_prompt(live, model):
    batch = live("-m", model, "--seed", "3")
    for number, prompt in enumerate(("Hello!", "What is 7 + 8?", "Hello!"), 1):
        batch.ask(prompt=prompt)
        assert batch.answer()["line"] == number
    code, said = batch.end()
    assert code == 0
    assert "3 answered · 0 bad · 0 skipped" in said


def test_answers_do_not_wait_for_the_rest_of_their_lot(live):
    batch = live("-m", "hoshi-tiny", "--at-once", "8")
    batch.ask(prompt="Hello!")
    batch.ask(prompt="What is 7 + 8?")
    assert [batch.answer()["line"] for _ in range(2)] == [1, 2]
    batch.ask(prompt="Bye.")
    assert batch.answer()["line"] == 3
    assert batch.end()[0] == 0


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"prompt": "word " * 2000}, "exceed the context"),
        ({"prompt": "Hello!", "settings": {"steps": "many"}}, "not a whole number"),
        ({"text": "no prompt"}, "there is no prompt"),
    ],
    ids=["too long", "a wrong setting", "no prompt"],
)
def test_a_refusal_does_not_wait_for_the_next_prompt(live, record, words):
    batch = live("-m", "hoshi-tiny")
    batch.ask(**record)
    assert words in batch.answer()["error"]
    batch.ask(prompt="Hello!")
    assert "text" in batch.answer()
    code, said = batch.end()
    assert code == 1
    assert "1 answered · 1 bad" in said


@pytest.mark.parametrize("model", MODELS)
def test_ctrl_c_while_nothing_comes(live, model):
    batch = live("-m", model)
    batch.ask(prompt="Hello!")
    batch.answer()
    time.sleep(0.3)  # by then it waits for the next
    code, said = batch.interrupted()
    assert code == 130
    assert said.splitlines()[-1] == "hoshikage: interrupted: what is finished is kept"
    assert "Fatal" not in said
    assert "Traceback" not in said


def test_ctrl_c_before_anything_has_come(live):
    batch = live("-q")
    batch.write(b"\n")  # no prompt yet
    batch.wait_until_read()
    code, said = batch.interrupted()
    assert code == 130
    assert said == "hoshikage: interrupted: what is finished is kept\n"


@pytest.mark.parametrize("arguments", [("-",), ()])
def test_a_closed_stdin_is_one_clear_line(environment, arguments):
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *PROGRAM, "batch", *arguments]
    run = subprocess.run(shell, capture_output=True, text=True, env=environment, timeout=60)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "hoshikage: no input: name a file of prompts, or - for what is piped in\n"


def test_an_empty_pipe_is_no_error(hoshikage):
    run = hoshikage("batch", "-", stdin="")
    assert (run.returncode, run.stdout) == (0, "")
    assert "0 answered" in run.stderr
