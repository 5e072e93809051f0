"""What files and models say reaches no terminal as a command."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

import random_model
from fuzz.gguf_file import STRING, Entry, string, take_apart
from hoshikage_cli.cli import streams
from hoshikage_cli.cli.app import run

EVIL = "\x1b]0;title\x07\x1b[31mred\x9b2J\r\x7f"
SEEN = "\\u001b]0;title\\u0007\\u001b[31mred\\u009b2J\\u000d\\u007f"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def evil_model(tmp_path_factory):
    """A model whose name, template and file name are escape sequences."""
    folder = tmp_path_factory.mktemp("models")
    good = take_apart(random_model.write_model(folder / "m", random_model.Shape()).read_bytes())
    good.entries = [entry for entry in good.entries if entry.key != b"general.name"]
    template = "{{ raise_exception('" + EVIL.replace("\r", "") + "') }}"
    for key, text in (("general.name", EVIL), ("tokenizer.chat_template", template)):
        good.entries.append(Entry(key.encode(), STRING, string(text.encode())))
    path = folder / "\x1b[31mred.gguf"
    path.write_bytes(good.written())
    return path


def test_controls_are_spelled_out():
    assert streams.visible(EVIL) == SEEN
    assert streams.visible("a\tb\nc\r\n日é") == "a\tb\nc\r\n日é"


def test_text_to_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    streams.write(f"a{EVIL}\n")
    assert sys.stdout.getvalue() == f"a{SEEN}\n"


def test_text_to_a_pipe_is_left_alone(capsys):
    streams.write(EVIL)
    assert capsys.readouterr().out == EVIL


@pytest.mark.parametrize("command", [["generate", "Hi", "-m"], ["models", "rm"], ["inspect"]])
def test_lines_on_stderr(evil_model, capfd, command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    word = str(evil_model) if command != ["inspect"] else str(evil_model) + "x"
    assert run([*command, word]) != 0
    found = capfd.readouterr().err
    # A typed name is quoted as Python does it.
    assert "\\u001b[31mred" in found or "\\x1b[31mred" in found
    assert not streams.CONTROL.search(found)


def test_a_terminal_sees_no_escapes(evil_model):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hoshikage_cli", "inspect", str(evil_model)]
    subprocess.run(command, stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    found = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert SEEN in found
    assert not streams.CONTROL.search(found)
