"""The program around its commands: versions, help, completion."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from hoshikage_cli import __version__
from hoshikage_cli.llama.library import build_info
from hoshikage_cli.settings.declared import declarations

COMMANDS = (
    "generate infill score chat batch bench replay export inspect models pull convert quantize "
    "config doctor"
).split()


def test_version_names_llama_cpp_and_its_backends(hoshikage):
    info = build_info()
    result = hoshikage("--version")
    assert (result.returncode, result.stderr) == (0, "")
    first, second, third = result.stdout.splitlines()
    assert first == f"hoshikage {__version__}"
    assert second.startswith(f"llama.cpp {info.llama_version}, commit {info.llama_commit}, ")
    assert third == f"backends: {', '.join(info.backends)}"
    assert re.fullmatch(r"[0-9a-f]{40}", info.llama_commit) or not info.vendored
    assert "CPU" in info.backends


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version_does_not_wait_for_the_command_line(environment, flag):
    program = (
        f"import sys; sys.argv = ['hoshikage', '{flag}']\n"
        "from hoshikage_cli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print([m for m in ('typer', 'rich', 'jinja2') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_package_imports_nothing_heavy(environment):
    heavy = "('numpy', 'rich', 'cffi', 'typer', 'jinja2', '_cffi_backend')"
    program = f"import sys, hoshikage_cli; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_waits_for_nothing_heavy(environment, command):
    heavy = "('numpy', 'rich', 'jinja2', '_cffi_backend', 'hoshikage_cli.llama.library')"
    program = (
        f"import sys; sys.argv = ['hoshikage', '{command}', '--help']\n"
        "from hoshikage_cli.__main__ import main\n"
        "try: main()\n"
        f"except SystemExit: print([m for m in {heavy} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_help_shows_every_setting_and_examples(hoshikage):
    result = hoshikage("generate", "--help", COLUMNS="80")
    assert result.returncode == 0
    for known in declarations().values():
        assert f"--{known.long_name}" in result.stdout
    assert "Examples:" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_the_program(hoshikage, flag):
    result = hoshikage(flag)
    assert (result.returncode, result.stderr) == (0, "")
    listed = re.findall(r"^  (\w+)  ", result.stdout.split("Commands:")[1], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_without_a_command_the_help_is_told_as_an_error(hoshikage):
    result = hoshikage()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == hoshikage("--help").stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hoshikage gen", ["generate"]),
        ("hoshikage generate --algorithm e", ["entropy"]),
        ("hoshikage generate --schedule b", ["block"]),
        ("hoshikage generate -m hoshi", ["hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar"]),
        ("hoshikage inspect hoshi-tiny-", ["hoshi-tiny-block", "hoshi-tiny-ar"]),
        ("hoshikage config set algo", ["algorithm"]),
        ("hoshikage config set algorithm e", ["entropy"]),
    ],
)
def test_completion_in_bash(hoshikage, words, expected):
    result = hoshikage(
        _HOSHIKAGE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert result.stdout.split() == expected


def test_the_completion_of_a_shell_that_is_named(hoshikage):
    for shell, words in (("zsh", "#compdef hoshikage"), ("fish", "complete --command hoshikage")):
        shown = hoshikage("--show-completion", shell)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert words in shown.stdout
