"""The live view in a real terminal emulator: after a resize, after Ctrl-C, beside a pipe."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time

import pytest

from program import PROGRAM

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")

SLOW = ("-n", "60", "--steps", "60", "--eos-policy", "suppress", "--seed", "1")
PROMPT = "DONE-"


class Tmux:
    """A shell in a tmux of its own, 80 × 24."""

    def __init__(self, folder, environment):
        self.socket = str(folder / "tmux")
        shell = "env PS1=$ bash --norc --noprofile"
        kept = {**environment, "LC_ALL": "C.UTF-8", "NO_AT_BRIDGE": "1"}
        for name in ("COLUMNS", "LINES", "TMUX"):
            kept.pop(name, None)
        self.environment = kept
        self("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell)
        self.wait(lambda screen: "$" in screen)

    def __call__(self, *arguments):
        command = ["tmux", "-u", "-S", self.socket, *arguments]
        run = subprocess.run(
            command, capture_output=True, encoding="utf-8", env=self.environment, timeout=60
        )
        return run.stdout

    def screen(self):
        return self("capture-pane", "-p")

    def type(self, *keys):
        self("send-keys", *keys)

    def start(self, *arguments, behind=""):
        """Run the program; behind it, `DONE-` and its exit code."""
        line = shlex.join([*PROGRAM, *map(str, arguments)])
        self.type("clear; " + line + behind + f"; echo {PROMPT}$?", "Enter")

    def wait(self, true, seconds=60):
        for _ in range(seconds * 20):
            screen = self.screen()
            if true(screen):
                return screen
            time.sleep(0.05)
        raise AssertionError(self.screen())

    def ended(self):
        """The screen and the exit code, once the program is over."""
        screen = self.wait(lambda screen: re.search(rf"^{PROMPT}\d", screen, re.M))
        return screen, int(re.search(rf"^{PROMPT}(\d+)", screen, re.M)[1])

    def cursor_is_shown(self):
        return self("display-message", "-p", "#{cursor_flag}").strip() == "1"


@pytest.fixture
def tmux(tmp_path, environment):
    opened = Tmux(tmp_path, environment)
    yield opened
    opened("kill-server")


def step_shown(number):
    def seen(screen):
        found = re.search(r"step (\d+)/60", screen)
        return found and int(found[1]) >= number

    return seen


def left(screen):
    """What a run left behind, without the command line above and the exit code below."""
    return screen.split(PROMPT)[0].strip()


def generated(hoshikage):
    return hoshikage("generate", "Tell a story.", *SLOW).stdout


def joined(text):
    return "".join(text.split())


def test_the_view_leaves_the_summary_and_the_text(tmux, hoshikage):
    tmux.start("generate", "Tell a story.", *SLOW, "--visual", "--visual-delay", "20")
    view = tmux.wait(step_shown(5))
    for words in ("hoshi-tiny · confidence · timestep · seed 1", "▂", "masked", "NFE"):
        assert words in view
    screen, code = tmux.ended()
    assert code == 0
    assert tmux.cursor_is_shown()
    assert joined(generated(hoshikage)) in joined(left(screen))
    assert "▂" not in screen
    assert screen.count("tokens/s") == 1


@pytest.mark.parametrize("size", [("56", "24"), ("40", "12"), ("120", "40")])
def test_a_resize_leaves_nothing_behind(tmux, hoshikage, size):
    tmux.start("generate", "Tell a story.", *SLOW, "--visual=order", "--visual-delay", "40")
    tmux.wait(step_shown(5))
    tmux("resize-window", "-x", size[0], "-y", size[1])
    time.sleep(0.7)
    view = tmux.wait(step_shown(8))
    assert view.count("NFE") == 1
    assert view.count("/60") == 1
    screen, code = tmux.ended()
    assert code == 0
    assert tmux.cursor_is_shown()
    # Nor in what has been scrolled away.
    screen = tmux("capture-pane", "-p", "-S", "-")
    assert "▂" not in screen
    assert "━" not in screen
    assert "hoshi-tiny · " not in screen
    assert joined(generated(hoshikage))[-40:] in joined(left(screen))


def test_ctrl_c_gives_the_terminal_back(tmux):
    tmux.start("generate", "Tell a story.", *SLOW, "--visual=confidence", "--visual-delay", "200")
    tmux.wait(step_shown(5))
    tmux.type("C-c")
    screen, code = tmux.ended()
    assert code == 130
    assert tmux.cursor_is_shown()
    assert "interrupted after" in screen
    assert "▂" not in screen
    # What is typed next has no colour of the run.
    tmux.type("echo plain", "Enter")
    tmux.wait(lambda shown: "\nplain" in shown)
    last = [row for row in tmux("capture-pane", "-p", "-e").splitlines() if row.endswith("plain")]
    assert last[-1] == "plain"


def test_the_text_goes_to_a_pipe_while_the_view_shows(tmux, hoshikage, tmp_path):
    file = tmp_path / "out.txt"
    options = ("generate", "Tell a story.", *SLOW, "--visual", "--visual-delay", "20")
    tmux.start(*options, behind=f" | tee {shlex.quote(str(file))} > /dev/null")
    tmux.wait(step_shown(5))
    screen, _ = tmux.ended()
    assert file.read_text(encoding="utf-8") == generated(hoshikage)
    assert tmux.cursor_is_shown()
    assert "60 tokens" in screen
    assert "▂" not in screen


def test_a_replay_looks_like_the_run(tmux, hoshikage, tmp_path):
    file = tmp_path / "run.jsonl"
    text = hoshikage("generate", "Tell a story.", *SLOW, "--trace", file).stdout
    tmux.start("replay", file, "--visual-delay", "20")
    tmux.wait(step_shown(5))
    screen, code = tmux.ended()
    assert code == 0
    assert joined(text) in joined(left(screen))
    tmux.start("replay", file, "--visual-delay", "200")
    tmux.wait(step_shown(3))
    tmux.type("C-c")
    assert tmux.ended()[1] == 130
    assert tmux.cursor_is_shown()
