"""`hoshikage chat`: line by line in a pipe, and on a terminal that tmux makes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
import uuid

import pytest

from program import PROGRAM

SHORT = ("-m", "hoshi-tiny", "--steps", "4", "-n", "8")


# ------------------------------------------------------------------------------- in a pipe


def test_messages_and_commands_line_by_line(hoshikage, tmp_path):
    file = tmp_path / "talk.json"
    lines = ["Hello!", "/set steps 2", "/system Be kind.", "", f"/save {file}", "/quit", "no more"]
    run = hoshikage("chat", *SHORT, stdin="\n".join(lines))
    assert run.returncode == 0
    talk = json.loads(file.read_text())
    assert [m["role"] for m in talk] == ["system", "user", "assistant"]
    assert run.stdout == talk[2]["content"] + "\n"
    assert "steps  2" in run.stderr


def test_the_model_is_shown_the_whole_conversation(hoshikage, tmp_path):
    file = tmp_path / "talk.json"
    lines = ["Hello!", "What is 1 + 2?", f"/save {file}", "/reset", f"/load {file}", "Bye."]
    run = hoshikage("chat", *SHORT, stdin="\n".join(lines))
    assert run.returncode == 0
    assert len(json.loads(file.read_text())) == 4
    assert "4 messages from" in run.stderr
    assert run.stdout.count("\n") >= 3


def test_what_is_too_long_is_left_out_oldest_first(hoshikage, tmp_path):
    file = tmp_path / "talk.json"
    words = "one two three four five six seven eight nine ten " * 5
    lines = [words] * 4 + [f"/save {file}"]
    run = hoshikage("chat", *SHORT, stdin="\n".join(lines))
    assert run.returncode == 0
    assert "its oldest" in run.stderr
    assert len(json.loads(file.read_text())) == 8


def test_a_message_that_is_too_long_alone_is_unsaid(hoshikage, tmp_path):
    file = tmp_path / "talk.json"
    run = hoshikage("chat", *SHORT, stdin=f"{'word ' * 900}\nHello!\n/save {file}\n")
    assert run.returncode == 0
    assert "exceed the context" in run.stderr
    assert [m["content"] for m in json.loads(file.read_text())][0] == "Hello!"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/hlep", "did you mean /help"),
        ("/set stpes 3", "did you mean steps"),
        ("/set steps many", "not a whole number"),
        ("/set model x", "no setting 'model'"),
        ("/save", "needs a file"),
        ("/load /nowhere.json", "cannot read"),
        ("/load /dev/null", "is no conversation"),
    ],
)
def test_a_wrong_command_is_told_and_the_chat_goes_on(hoshikage, line, words):
    run = hoshikage("chat", "-q", *SHORT, stdin=f"{line}\nHello!\n")
    assert run.returncode == 0
    assert words in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout


def test_nothing_but_a_conversation_is_written_over(hoshikage, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    hoshikage("chat", *SHORT, stdin=f"/save {file}\n")
    assert file.read_text() == "mine"


def test_an_autoregressive_model_without_a_template(hoshikage, model_file):
    run = hoshikage("chat", "-m", model_file("llama"), "-n", "4", stdin="Hello!\nAgain.\n")
    assert run.returncode == 0
    assert run.stdout.count("\n") >= 2


# ---------------------------------------------------------------------------- on a terminal


class Tmux:
    """A terminal of 80 × 24 with a program in it."""

    def __init__(self, command, environment):
        self.name = f"hoshikage-test-{uuid.uuid4().hex[:8]}"
        self.environment = environment
        # The shell hears Ctrl-C as well, and would leave.
        line = f"trap : INT; {shlex.join(command)}; echo left with $?; sleep 60"
        self.call("new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", line)

    def call(self, *words):
        return subprocess.run(
            ["tmux", "-L", self.name, "-f", "/dev/null", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def type(self, *keys):
        self.call("send-keys", *keys)

    def screen(self):
        return self.call("capture-pane", "-p", "-S", "-200")

    def wait_for(self, words, times=1):
        for _ in range(1200):
            screen = self.screen()
            if screen.count(words) >= times:
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{words!r} never came {times} times:\n{screen}")

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def chat(environment):
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux")
    variables = {**environment, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    variables.pop("TMUX", None)
    terminal = Tmux([*PROGRAM, "chat", *SHORT], variables)
    yield terminal
    terminal.close()


def test_a_conversation_of_two_turns(chat, tmp_path):
    chat.wait_for("\n>")
    chat.type("Hello!", "Enter")
    chat.wait_for("\n>", 2)
    chat.type("What is 1 + 2?", "M-Enter", "And 3 + 4?", "Enter")
    screen = chat.wait_for("\n>", 3)
    assert "\n. And 3 + 4?" in screen
    chat.call("resize-window", "-x", "50", "-y", "12")
    chat.type(f"/save {tmp_path}/talk.json", "Enter")
    chat.wait_for("4 messages")
    chat.type("/quit", "Enter")
    chat.wait_for("left with 0")
    talk = json.loads((tmp_path / "talk.json").read_text())
    assert talk[0]["content"] == "Hello!"
    assert talk[2]["content"] == "What is 1 + 2?\nAnd 3 + 4?"


def test_ctrl_c_stops_the_answer_and_not_the_program(chat, tmp_path):
    chat.wait_for("\n>")
    for line in ("/set max-tokens 400", "/set steps 400", "/set eos-policy suppress"):
        chat.type(line, "Enter")
    chat.wait_for("\n>", 4)
    chat.type("Tell a story.", "Enter")
    chat.wait_for("masked")
    chat.call("resize-window", "-x", "60", "-y", "20")
    chat.type("C-c")
    chat.wait_for("stopped")
    chat.type("C-c")
    chat.wait_for("Ctrl-D or /quit leaves")
    chat.type("/set steps 2", "Enter", "/set max-tokens 4", "Enter", "Hello!", "Enter")
    chat.type(f"/save {tmp_path}/talk.json", "Enter")
    chat.wait_for("4 messages")
    chat.type("C-d")
    chat.wait_for("left with 0")


def test_what_is_typed_during_an_answer_is_sent_after_it(chat, tmp_path):
    chat.wait_for("\n>")
    chat.type("/set max-tokens 200", "Enter", "/set steps 200", "Enter", "Tell a story.", "Enter")
    chat.type("/set steps 2", "Enter", "Hello!", "Enter", f"/save {tmp_path}/talk.json", "Enter")
    chat.wait_for("4 messages")
    chat.type("A line that goes on \\", "Enter", "below", "Enter")
    chat.type(f"/save {tmp_path}/talk.json", "Enter", "/quit", "Enter")
    chat.wait_for("left with 0")
    talk = json.loads((tmp_path / "talk.json").read_text())
    assert [m["content"] for m in talk[2::2]] == ["Hello!", "A line that goes on \nbelow"]


def test_earlier_messages_come_back(chat, environment, tmp_path):
    chat.wait_for("\n>")
    chat.type("/set steps 3", "Enter")
    chat.wait_for("\n>", 2)
    chat.type("/quit", "Enter")
    chat.wait_for("left with 0")
    history = list(tmp_path.rglob("chat-history"))
    assert len(history) == 1
    assert history[0].stat().st_mode & 0o077 == 0
    assert "/set steps 3" in history[0].read_text()


@pytest.fixture
def slow_chat(environment):
    """A chat whose answers take about four seconds to watch."""
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux")
    variables = {**environment, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    variables.pop("TMUX", None)
    watched = ("--visual=confidence", "--visual-delay", "80", "-n", "48", "--steps", "48")
    terminal = Tmux([*PROGRAM, "chat", *watched, "--eos-policy", "suppress"], variables)
    yield terminal
    terminal.close()


def test_what_is_typed_during_an_answer_is_not_seen_until_it_is_over(slow_chat, tmp_path):
    chat = slow_chat
    chat.wait_for("\n>")
    chat.type("Tell a story.", "Enter")
    chat.wait_for("masked")
    chat.type("upper row", "M-Enter", "lower row")
    for _ in range(4):
        time.sleep(0.1)
        assert " row" not in chat.screen()
    chat.type("Enter", "one more", "Enter")
    screen = chat.wait_for("\n> one more")
    assert screen.count("\n> upper row\n. lower row") == 1
    # The view is drawn in one place: no header of an earlier frame is left above.
    chat.wait_for("masked")
    assert chat.screen().count("timestep · seed ") == 1
    chat.wait_for("\n>", 4)
    assert "timestep · seed " not in chat.screen()
    chat.type(f"/save {tmp_path}/talk.json", "Enter", "/quit", "Enter")
    chat.wait_for("left with 0")
    talk = json.loads((tmp_path / "talk.json").read_text())
    asked = ["Tell a story.", "upper row\nlower row", "one more"]
    assert [m["content"] for m in talk[::2]] == asked


def test_the_view_of_a_chat_does_not_repeat_the_conversation(slow_chat):
    chat = slow_chat
    chat.wait_for("\n>")
    chat.type("Hello!", "Enter")
    for _ in range(2):
        view = chat.wait_for("masked").split("timestep · seed ")[1]
        assert "Hello!" not in view
        chat.wait_for("\n>", 2)
        chat.type("Hello!", "Enter")


def test_a_chat_gives_the_terminal_back(chat):
    chat.wait_for("\n>")
    chat.type("/quit", "Enter")
    chat.wait_for("left with 0")
    chat.type("echoed")
    chat.wait_for("echoed")


# ------------------------------------------------------------------------- more commands


def test_what_tab_completes():
    from hoshikage_cli.cli.commands.chat import _words
    from hoshikage_cli.cli.line_editor import completions

    words = _words()
    assert completions("/se", words) == ["/set"]
    assert completions("/set st", words) == ["/set steps", "/set stop"]
    assert completions("/set cache d", words) == ["/set cache dual"]
    assert completions("/view c", words) == ["/view confidence"]
    assert completions("", words) == completions("Hello", words) == []


def test_all_settings_are_listed_and_what_was_changed(hoshikage):
    run = hoshikage("chat", *SHORT, stdin="/set steps 3\n/set\n")
    lines = run.stderr.splitlines()
    assert "steps  3  changed here" in lines
    assert "cache  none" in lines


@pytest.mark.parametrize("word", ["/bye", "/exit", "/quit"])
def test_ways_to_leave(hoshikage, word):
    run = hoshikage("chat", "-q", *SHORT, stdin=f"{word}\nHello!\n")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_last_turn_again_or_not_at_all(hoshikage, tmp_path):
    file = tmp_path / "talk.json"
    said = f"One.\nTwo.\n/retry\n/undo\n/save {file}\n/undo\n/undo\n/view off\n"
    run = hoshikage("chat", *SHORT, stdin=said)
    assert run.stdout.count("\n") == 3
    assert [m["content"] for m in json.loads(file.read_text())[::2]] == ["One."]
    assert "nothing has been said yet" in run.stderr
    assert run.stderr.splitlines()[-1] == "view  no"


def test_the_figures_of_an_answer_stand_below_it(chat):
    chat.wait_for("\n>")
    chat.type("Hello!", "Enter")
    screen = chat.wait_for("tokens/s · seed")
    assert re.search(r"\n\d+ tokens? · \d+ steps? · NFE \d+ · .* tokens/s · seed \d+", screen)


def test_piped_messages_are_answered_without_figures(hoshikage):
    assert "tokens/s" not in hoshikage("chat", "-n", "8", "--steps", "4", stdin="Hi!\n").stderr
