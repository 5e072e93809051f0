"""Signals: a run that is ended says what there is, and the terminal is left as it was."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from random import Random

import pytest

from hoshikage_cli.cli.signals import CODES
from program import PROGRAM, SOURCE
from terminal import Terminal

from .test_tmux import PROMPT, SLOW, Tmux, step_shown

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
LONG = ("-n", "400", "--steps", "400", "--eos-policy", "suppress", "-s", "1")
ENDING = {"INT": 130, "TERM": 143, "HUP": 129}
# Half a second where nothing else runs; tests may share a processor with much.
SOON = 10.0


def cursor_is_shown(terminal):
    return terminal.seen.rfind(HIDE_CURSOR) < terminal.seen.rfind(SHOW_CURSOR)


def test_every_signal_that_ends_the_program_is_here():
    assert {f"SIG{name}": code for name, code in ENDING.items()} == {
        number.name: code for number, code in CODES.items()
    }


@pytest.fixture(scope="module")
def slow_model(model_file):
    """A model whose passes take seconds, in many small parts."""
    size = {"layers": 32, "width": 256, "feed_forward": 1024}
    return model_file(name="slow", quantisation="Q8_0", **size)


@pytest.mark.parametrize("visual", [[], ["--visual"]], ids=["bar", "view"])
@pytest.mark.parametrize("name", ENDING)
def test_a_pass_is_stopped_and_what_there_is_is_told(environment, slow_model, name, visual):
    options = ("-m", str(slow_model), "-n", "2000", "--steps", "8", "--json")
    terminal = Terminal(["generate", "x", *options, *visual], environment)
    terminal.wait_for(b"loading")
    time.sleep(3)
    sent = terminal.send(name)
    code, output = terminal.end()
    assert time.monotonic() - sent < SOON
    assert code == ENDING[name]
    assert b'"stop_reason": "interrupted"' in output
    assert "interrupted after 0 steps" in terminal.screen()[-1]
    assert cursor_is_shown(terminal)


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize(
    "command",
    [
        ("generate", "Tell a story.", *LONG),
        ("generate", "Tell a story.", "-m", "hoshi-tiny-ar", "-n", "400", "--visual-delay", "30"),
        ("infill", "a [MASK:300] b", *LONG[2:]),
    ],
    ids=["diffusion", "autoregressive", "infill"],
)
def test_between_steps_too(environment, command, name):
    terminal = Terminal([*command, "--visual"], environment)
    terminal.wait_for(b"NFE")
    terminal.send(name)
    code, output = terminal.end()
    assert code == ENDING[name]
    assert output.strip()
    assert "▁" not in output.decode()
    assert "interrupted after" in terminal.screen()[-1]
    assert cursor_is_shown(terminal)


@pytest.mark.parametrize("name", ENDING)
def test_a_pass_over_tens_of_thousands_of_positions(environment, name):
    """Its attention alone takes minutes, and so does the mask in front of it."""
    size = ("-c", "30000", "--max-length", "30000", "--steps", "4")
    terminal = Terminal(["generate", "x", *size, "--visual", "--json"], environment)
    terminal.wait_for(b"loading")
    time.sleep(6)
    sent = terminal.send(name)
    code, output = terminal.end()
    assert time.monotonic() - sent < SOON
    assert code == ENDING[name]
    assert b'"stop_reason": "interrupted"' in output


def test_two_hang_ups_are_one(environment):
    """A terminal that goes away says so twice: through the shell, and by itself."""
    terminal = Terminal(["generate", "Tell a story.", *LONG], environment)
    terminal.wait_for(b"masked")
    terminal.send("HUP")
    terminal.send("HUP")
    terminal.send("TERM")
    code, output = terminal.end()
    assert code == 129
    assert output.strip()


def test_an_answer_survives_its_terminal(environment, tmp_path):
    """Nothing can be drawn any more, and the text still goes where it was to go."""
    file = tmp_path / "answer.txt"
    with file.open("wb") as stdout:
        terminal = Terminal(["generate", "Tell a story.", *LONG, "--visual"], environment, stdout)
        terminal.wait_for(b"masked")
        os.close(terminal.slave)
        os.close(terminal.master)
        terminal.send("HUP")
        assert terminal.process.wait(timeout=60) == 129
    assert file.read_text().strip()


@pytest.mark.parametrize(("ignored", "code"), [("HUP", 0), ("INT", 0)])
def test_what_is_ignored_stays_ignored(environment, ignored, code):
    """As under nohup, and in the background of a script."""
    line = f'trap "" {ignored}; exec "$@"'
    options = ("-n", "100", "--steps", "100", "--eos-policy", "suppress")
    process = subprocess.Popen(
        ["sh", "-c", line, "sh", *PROGRAM, "generate", "x", *options, "--visual"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    for line in process.stderr:
        if b"step 5" in line:
            process.send_signal(getattr(signal, f"SIG{ignored}"))
            break
    output, said = process.communicate(timeout=120)
    assert process.returncode == code
    assert b"interrupted" not in said
    assert output.strip()


# ------------------------------------------------------------------------------- chat


def chat(environment, *options):
    """A chat, and its first answer under way."""
    terminal = Terminal(["chat", *options], environment, stdout=None, stdin=None)
    terminal.wait_for(b"\x1b[?2004h")
    return terminal


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("HUP", 129), ("QUIT", -3)])
@pytest.mark.parametrize("answering", [False, True], ids=["prompt", "answer"])
def test_a_chat_leaves_the_terminal_as_it_was(environment, name, code, answering):
    terminal = chat(environment, *LONG)
    if answering:
        terminal.type(b"Tell a story.\r")
        terminal.wait_for(b"masked")
    terminal.send(name)
    assert terminal.process.wait(timeout=60) == code
    assert terminal.echoes
    terminal.end()
    assert cursor_is_shown(terminal)
    assert b"Traceback" not in terminal.seen


def test_ctrl_c_ends_an_answer_and_not_a_chat(environment):
    terminal = chat(environment, *LONG)
    terminal.type(b"Tell a story.\r")
    terminal.wait_for(b"masked")
    terminal.send("INT")
    terminal.wait_for(b"stopped; what was said so far is kept")
    terminal.type(b"/quit\r")
    assert terminal.end()[0] == 0


def test_piped_messages_end_with_ctrl_c(environment):
    process = subprocess.Popen(
        [*PROGRAM, "chat", *LONG, "-m", "hoshi-tiny-ar"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    process.stdin.write(b"Tell a story.\nTell another.\n")
    process.stdin.flush()
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (130, 0)  # 0: the answers were faster
    assert b"Traceback" not in said


# ------------------------------------------------------------- stopped and brought back


def test_ctrl_backslash_gives_the_cursor_back(environment):
    for options in (["--visual"], []):
        line = ["generate", "Tell a story.", "-m", "hoshi-tiny", *LONG, *options]
        terminal = Terminal(line, environment)
        terminal.wait_for(b"masked")
        terminal.send("QUIT")
        assert terminal.end()[0] == -signal.SIGQUIT
        assert cursor_is_shown(terminal)
        assert [line for line in terminal.screen() if "this will take" not in line] == []


tmux_only = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")


@pytest.fixture
def tmux(tmp_path, environment):
    opened = Tmux(tmp_path, environment)
    yield opened
    opened("kill-server")


STORY = ("generate", "Tell a story.", *SLOW, "--visual-delay", "150")
FETCH = (f"fg; echo {PROMPT}$?", "Enter")


def begin(tmux, *arguments):
    """The program by itself: what stood behind it would go on when it is stopped."""
    tmux.type("clear; " + shlex.join([*PROGRAM, *arguments]), "Enter")


def stop(tmux):
    tmux.type("C-z")
    screen = tmux.wait(lambda screen: "Stopped" in screen)
    assert tmux.cursor_is_shown()
    assert "NFE" not in screen
    assert "▁" not in screen


def fetched(screen):
    return "NFE" in screen.partition(FETCH[0])[2]


@tmux_only
def test_a_run_is_stopped_and_brought_back(tmux):
    begin(tmux, *STORY, "--visual")
    tmux.wait(lambda screen: "NFE" in screen)
    stop(tmux)
    tmux.type(*FETCH)
    assert tmux.wait(fetched).count("NFE") == 1
    screen, code = tmux.ended()
    assert code == 0
    assert tmux.cursor_is_shown()
    assert "▁" not in screen
    assert screen.count("tokens/s") == 1


BARS = {
    "generate": ("generate", "Tell a story.", *LONG, "-m", "hoshi-tiny"),
    "samples": ("generate", "Tell a story.", *LONG[:4], "-N", "8", "-m", "hoshi-tiny"),
    "infill": ("infill", "a [MASK:400] b", "--steps", "400", "-m", "hoshi-tiny"),
    "batch": ("batch", "prompts", "-o", "answers", *LONG, "-m", "hoshi-tiny"),
}
BAR = re.compile("[━─]{3}")


@tmux_only
@pytest.mark.parametrize("width", [80, 40, 24])
@pytest.mark.parametrize("command", BARS.values(), ids=BARS)
def test_a_bar_leaves_nothing_however_it_is_disturbed(tmux, tmp_path, command, width):
    """Stopped, fetched, typed into, made narrower and interrupted, in the middle of it all."""
    (tmp_path / "prompts").write_text("Tell a story.\n" * 8)
    tmux.type(f"cd {shlex.quote(str(tmp_path))}", "Enter")
    tmux("resize-window", "-x", str(width), "-y", "24")
    begin(tmux, *command)
    tmux.wait(BAR.search)
    tmux.type("C-z")
    assert not BAR.search(tmux.wait(lambda screen: "Stopped" in screen))
    assert tmux.cursor_is_shown()
    tmux.type(*FETCH)
    tmux.wait(BAR.search)
    tmux.type("Enter", "Enter")
    tmux("resize-window", "-x", str(width - 5), "-y", "24")
    time.sleep(0.7)
    assert len(BAR.findall(re.sub("[━─]+", "━━━", tmux.screen()))) == 1
    tmux.type("C-c")
    assert tmux.ended()[1] == 130
    assert tmux.cursor_is_shown()
    assert not BAR.search(tmux("capture-pane", "-p", "-S", "-"))


PACED = """
from pathlib import Path
import time

def paced(view):
    "No step behind the third until there is a file `on`, none behind the twentieth until `end`."
    Path("steps").write_text(str(view.step))
    for step, file in ((3, "on"), (20, "end")):
        while view.step >= step and not Path(file).exists():
            time.sleep(0.02)
    return view.proposal.probability
"""


@tmux_only
def test_a_run_in_the_background_draws_nothing(tmux, tmp_path):
    (tmp_path / "ours.py").write_text(PACED)
    tmux.type(f"cd {shlex.quote(str(tmp_path))}", "Enter")
    begin(tmux, "generate", "Tell a story.", *SLOW, "--algorithm", "ours:paced", "--visual")
    tmux.wait(step_shown(2))
    stop(tmux)
    tmux.type("touch on; bg", "Enter")
    tmux.wait(lambda screen: (tmp_path / "steps").read_text() == "20")
    # It has made many steps since, and what there is to draw would be there in a moment.
    time.sleep(0.5)
    assert "NFE" not in tmux.screen()
    tmux.type(*FETCH)
    # The view has a screen of its own, on which the command is not.
    tmux.wait(step_shown(18))
    tmux.type("C-c")
    (tmp_path / "end").touch()
    screen, code = tmux.ended()
    assert code == 130
    assert tmux.cursor_is_shown()


@tmux_only
def test_a_chat_is_stopped_in_an_answer(tmux):
    begin(tmux, "chat", *SLOW, "--visual-delay", "150")
    tmux.wait(lambda screen: "\n>" in screen)
    tmux.type("Tell a story.", "Enter")
    tmux.wait(lambda screen: "NFE" in screen)
    stop(tmux)
    tmux.type("echo seen by the shell", "Enter")
    tmux.wait(lambda screen: screen.count("seen by the shell") == 2)
    tmux.type(*FETCH)
    tmux.wait(fetched)
    tmux.type("C-c")
    tmux.wait(lambda screen: "stopped; what was said so far is kept" in screen)
    tmux.type("/quit", "Enter")
    assert tmux.ended()[1] == 0


# --------------------------------------------------------------------- at the ends

EARLY = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["hoshikage", "generate", "-q", "Hi", "-n", "8", "--steps", "2"]
from hoshikage_cli.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "module",
    [
        "hoshikage_cli.cli.streams",
        "typer",
        "hoshikage_cli.cli.commands.generate",
        "numpy",
        "jinja2",
        "hoshikage_cli.llama._native",
        "hoshikage_cli.engines.diffusion",
    ],
)
def test_ctrl_c_while_something_is_imported(environment, module):
    """Whenever it comes: from our first line on there is no traceback."""
    found = subprocess.run(
        [sys.executable, "-c", EARLY.format(module=module)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert found.returncode in (-signal.SIGINT, 130)
    assert found.stderr in ("", "hoshikage: interrupted\n")
    assert found.stdout == ""


def test_ctrl_c_at_any_early_moment(environment):
    """Before our first line Python shows a traceback of its own making; of ours there is none."""
    chance, ours = Random(1), 0
    for _ in range(40):
        process = subprocess.Popen(
            [*PROGRAM, "generate", "-q", "Hi", "-n", "4", "--steps", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        if "Traceback" in said:
            ours += "hoshikage_cli" in said
        else:
            assert process.returncode in (0, 130, -signal.SIGINT)
            assert len(said.splitlines()) <= 1
    # Our first lines take a moment themselves.
    assert ours <= 1


def test_nothing_is_imported_before_ctrl_c_is_seen_to():
    """What Python has not loaded by itself takes so long that Ctrl-C falls into it."""
    code = "import sys; before = set(sys.modules); import hoshikage_cli.__main__; "
    code += "print(*set(sys.modules) - before)"
    found = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SOURCE)},
    )
    assert set(found.stdout.split()) == {"hoshikage_cli", "hoshikage_cli.__main__"}


def test_ctrl_c_when_all_is_said(environment):
    """While Python takes itself down."""
    program = (
        "import atexit, os, signal, sys\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "sys.argv = ['hoshikage', 'config', 'path']\n"
        "from hoshikage_cli.__main__ import main\n"
        "main()\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert found.stderr == ""
    assert re.search(r"config\.toml$", found.stdout.strip())


def test_a_command_that_waits_for_its_input(environment):
    for name, code in ENDING.items():
        process = subprocess.Popen(
            [*PROGRAM, "generate", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        time.sleep(3)
        process.send_signal(getattr(signal, f"SIG{name}"))
        _, said = process.communicate(timeout=60)
        assert process.returncode in (code, -getattr(signal, f"SIG{name}"))
        assert b"Traceback" not in said


LOADING = """
import os, signal, sys
from hoshikage_cli.display.display import Display

def loading(self, share):
    if share > 0.4:
        os.kill(os.getpid(), signal.SIG{name})

Display.loading = loading
sys.argv = ["hoshikage", *{arguments!r}]
from hoshikage_cli.__main__ import main
main()
"""


@pytest.mark.parametrize(("name", "code"), ENDING.items())
@pytest.mark.parametrize("command", ["generate", "infill", "score", "batch", "chat"])
def test_while_a_model_is_loaded(environment, tmp_path, command, name, code):
    """The signal comes while the library asks how far it should go on."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("Hi\n")
    text = {"infill": ["a [MASK] b"], "batch": [str(prompts)], "chat": []}.get(command, ["Hi"])
    arguments = [command, *text, "-q"]
    found = subprocess.run(
        [sys.executable, "-c", LOADING.format(name=name, arguments=arguments)],
        input="Hi\n",
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert (found.returncode, found.stdout) == (code, "")
    assert len(found.stderr.splitlines()) <= 1
    assert "Traceback" not in found.stderr
