"""Which command a command line means."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hoshikage_cli.cli.app import COMMANDS, GLOBAL_FLAGS
from hoshikage_cli.cli.meant import in_front

PROMPT = "What is the capital of Japan?"
ANSWER = "The capital of Japan is Tokyo.\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("-q models", "models -q"),
        ("--json models list", "models --json list"),
        ("-q chat", "chat -q"),
        ("-m models generate hi", "generate -m models hi"),
        ("--model=models generate hi", "generate --model=models hi"),
        ("--visual generate hi", "generate --visual hi"),
        ("--no-visual infill x", "infill --no-visual x"),
        ("-s 3 -n 8 bench --vary steps=1,2", "bench -s 3 -n 8 --vary steps=1,2"),
        ("--vary models=1 bench", "bench --vary models=1"),
        ("-o batch batch in.txt", "batch -o batch in.txt"),
        ("-sys models generate hi", "generate -sys models hi"),
        ("-h models", "models -h"),
        ("generate models", "generate models"),
        ("--steps 4", "generate --steps 4"),
        ("-p models", "generate -p models"),
        ("-q -", "generate -q -"),
        ("-q -- models", "generate -q -- models"),
        ("-h", "-h"),
        ("--version", "--version"),
        ("--show-completion zsh", "--show-completion zsh"),
        ("fetch x", "fetch x"),
        ("-q fetch", "fetch -q"),
        ("Hello", "generate Hello"),
        ("", ""),
    ],
)
def test_the_first_word_is_the_command_wherever_flags_put_it(typed, meant):
    assert in_front(typed.split(), COMMANDS, GLOBAL_FLAGS) == meant.split()


@pytest.mark.parametrize("before", [[], ["-q"], ["-m", "hoshi-tiny"]])
def test_a_prompt_needs_no_command(hoshikage, before):
    result = hoshikage(*before, PROMPT)
    assert (result.returncode, result.stdout) == (0, ANSWER)


def test_a_flag_in_front_of_a_command(hoshikage):
    listed = hoshikage("--json", "models")
    names = [model["name"] for model in json.loads(listed.stdout)]
    assert names == ["hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar"]
    assert hoshikage("-q", "models").stdout == hoshikage("models").stdout
    assert hoshikage("--json", "models", "list").stdout == listed.stdout
    assert hoshikage("-q", "generate", PROMPT).stdout == ANSWER
    silent = hoshikage("-q", "chat")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["modles"], "did you mean 'models'?"),
        (["-q", "modles"], "did you mean 'models'?"),
        (["haiku", "dream"], "a prompt is put in quotes, as in hoshikage generate"),
        (["generate", "What", "is", "2"], "a prompt is put in quotes, as in hoshikage generate"),
        (["What", "is", "2"], "a prompt is put in quotes, as in hoshikage generate"),
        (["infill", "a", "[MASK]"], "a text is put in quotes, as in hoshikage infill"),
        (["--visual", "confidence", "hi"], "write --visual=confidence"),
        (["generate", "--visual", "confidence", "hi"], "write --visual=confidence"),
    ],
)
def test_what_was_meant_is_said(hoshikage, arguments, words):
    result = hoshikage(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_only_the_named_command_is_loaded(environment):
    program = (
        "import sys; sys.argv = ['hoshikage', '-q', 'models']\n"
        "from hoshikage_cli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print([m for m in sys.modules if 'cli.commands.' in m])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert result.stdout.splitlines()[-1] == "['hoshikage_cli.cli.commands.models']"
