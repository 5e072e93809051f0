"""What happens on a terminal: the live view, the progress bar, Ctrl-C."""

from __future__ import annotations

import re
import signal
import time

import pytest

from hoshikage_cli.display.shades import MASK_BLOCK
from terminal import Terminal

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
# All tokens are text and all steps are made, whatever the model answers.
SHORT = ("--steps", "4", "-n", "8", "--eos-policy", "suppress")
LONG = ("-m", "hoshi-tiny", "-n", "400", "--steps", "400", "--eos-policy", "suppress")


def test_visual_shows_masks_and_leaves_a_summary(environment, hoshikage):
    options = ("generate", "Tell a story.", "-m", "hoshi-tiny", *SHORT)
    terminal = Terminal([*options, "--visual"], environment)
    code, output = terminal.end()
    assert code == 0
    assert MASK_BLOCK.encode() in terminal.seen
    assert terminal.seen.count(HIDE_CURSOR) == terminal.seen.count(SHOW_CURSOR) > 0
    assert len(terminal.screen()) == 1
    assert "8 tokens · 4 steps" in terminal.screen()[0]
    assert output == hoshikage(*options, text=False).stdout


def test_the_answer_follows_the_view_on_the_same_terminal(environment, hoshikage):
    options = ("generate", "Tell a story.", "-m", "hoshi-tiny", *SHORT)
    terminal = Terminal([*options, "--visual"], environment, stdout=None)
    assert terminal.end()[0] == 0
    answer = hoshikage(*options).stdout.strip()
    shown = " ".join(terminal.screen()[1:])
    assert shown.split() == answer.split()


@pytest.mark.parametrize("view", ["confidence", "order"])
@pytest.mark.parametrize("model", ["hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar"])
def test_the_colours_of_the_view_stay_as_the_answer(environment, hoshikage, view, model):
    story = ("generate", "Tell a story about Mia.", "-m", model, "-s", "1", "-n", "40")
    terminal = Terminal([*story, f"--visual={view}"], environment, stdout=None)
    assert terminal.end()[0] == 0
    answer = hoshikage(*story).stdout
    *shown, key = terminal.screen()[1:]
    assert " ".join(shown).split() == answer.split()
    assert key.split()[0] in ("confidence", "probability", "step")
    # A background in the answer, and not in the legend alone.
    kept = terminal.seen.decode().rpartition(" · seed 1")[2]
    assert re.search(r"48;5;\d+m", kept.partition(key.split()[0])[0])
    assert "▁" not in kept


def test_a_stop_cuts_the_coloured_answer_too(environment, hoshikage):
    question = ("generate", "What is the capital of Japan?", "--stop", "kyo", "-s", "1")
    terminal = Terminal([*question, "--visual=confidence"], environment, stdout=None)
    assert terminal.end()[0] == 0
    assert terminal.screen()[-2] == hoshikage(*question).stdout.strip()


def test_what_goes_to_a_pipe_has_no_colours(environment, hoshikage):
    question = ("generate", "What is the capital of Japan?", "-s", "1")
    code, output = Terminal([*question, "--visual=confidence"], environment).end()
    assert (code, output) == (0, hoshikage(*question, text=False).stdout)


def test_a_progress_bar_without_visual(environment):
    terminal = Terminal(["generate", "hi", "-m", "hoshi-tiny", *SHORT], environment)
    assert terminal.end()[0] == 0
    assert len(terminal.screen()) == 1
    assert terminal.seen.count(HIDE_CURSOR) == terminal.seen.count(SHOW_CURSOR) > 0


def test_quiet_says_nothing(environment):
    terminal = Terminal(["generate", "hi", "-q", *SHORT], environment)
    assert terminal.end()[0] == 0
    assert terminal.seen == b""


def test_no_color_leaves_no_colour(environment):
    variables = {**environment, "NO_COLOR": "1"}
    terminal = Terminal(["generate", "hi", "--visual", *SHORT], variables)
    assert terminal.end()[0] == 0
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-8][;m]", terminal.seen)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"TERM": "xterm"}, rb"\x1b\[(1;)?3[07];4[3-6]m"),
        ({"TERM": "xterm-256color"}, rb"\x1b\[(1;)?38;5;\d+;48;5;\d+m"),
        ({"COLORTERM": "truecolor"}, rb"\x1b\[(1;)?38;2;\d+;\d+;\d+;48;2;"),
    ],
)
def test_as_many_colours_as_the_terminal_has(environment, variables, code):
    variables = {**environment, **variables}
    terminal = Terminal(["generate", "hi", "--visual=confidence", *SHORT], variables)
    assert terminal.end()[0] == 0
    assert re.search(code, terminal.seen)


def test_a_delay_slows_a_run_down(environment):
    began = time.monotonic()
    options = ("--visual", "--visual-delay", "400", *SHORT)
    terminal = Terminal(["generate", "Tell a story.", *options], environment)
    assert terminal.end()[0] == 0
    assert time.monotonic() - began > 1.6
    assert all(f"step {n}/4".encode() in terminal.seen for n in range(1, 5))
    # Waiting is not the model's time, and so not in what is said of its speed.
    assert float(re.search(r"(\d+\.\d+) s", terminal.screen()[-1])[1]) < 1.6


def test_a_dumb_terminal_gets_plain_lines(environment):
    terminal = Terminal(["generate", "hi", "--visual", *SHORT], {**environment, "TERM": "dumb"})
    assert terminal.end()[0] == 0
    assert b"\x1b" not in terminal.seen
    assert b"step 4/4" in terminal.seen


@pytest.mark.parametrize("visual", [[], ["--visual"]])
def test_ctrl_c_prints_the_text_so_far(environment, visual):
    terminal = Terminal(["generate", "Tell a story.", *LONG, *visual], environment)
    terminal.wait_for(b"masked")
    terminal.process.send_signal(signal.SIGINT)
    code, output = terminal.end()
    assert code == 130
    assert "▁" not in output.decode()
    assert output.endswith(b"\n")
    assert "interrupted after" in terminal.screen()[-1]
    assert terminal.seen.count(HIDE_CURSOR) == terminal.seen.count(SHOW_CURSOR) > 0


def test_an_autoregressive_run_is_coloured_by_probability(environment, model_file):
    options = ("-m", str(model_file("llama")), "-n", "24", "--seed", "1")
    terminal = Terminal(["generate", "hi", *options, "--visual"], environment)
    assert terminal.end()[0] == 0
    for words in ("llama.gguf", "seed 1", "probability", "≥0.9", "NFE"):
        assert words.encode() in terminal.seen
    assert b"masked" not in terminal.seen
    assert re.search(rb"48;[25];[\d;]+m[^ \x1b]", terminal.seen)


@pytest.fixture(scope="module")
def slow_model(model_file):
    """A model whose passes take seconds, in many small parts."""
    size = {"layers": 32, "width": 256, "feed_forward": 1024}
    return model_file(name="slow", quantisation="Q8_0", **size)


def test_a_pass_that_is_under_way_is_aborted(environment, slow_model):
    options = ("-m", str(slow_model), "-n", "2000", "--steps", "8", "--visual")
    terminal = Terminal(["generate", "x", *options], environment)
    terminal.wait_for(b"100%")
    time.sleep(1)
    terminal.process.send_signal(signal.SIGINT)
    # Not one: the first pass, which takes seconds, was not waited for.
    terminal.wait_for(b"interrupted after 0 steps")
    assert terminal.end()[0] == 130


def test_a_terminated_run_gives_the_cursor_back(environment):
    terminal = Terminal(["generate", "Tell a story.", *LONG, "--visual"], environment)
    terminal.wait_for(b"masked")
    terminal.process.terminate()
    code, _ = terminal.end()
    assert code == 143
    assert terminal.seen.count(HIDE_CURSOR) == terminal.seen.count(SHOW_CURSOR) > 0


def test_the_bar_of_a_batch_moves_with_steps(environment, tmp_path):
    """Eight are answered side by side: without their steps it would stand still until all are."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("Tell a story.\n" * 8)
    options = ("-o", str(tmp_path / "out"), "--steps", "40", "-n", "40", "--eos-policy", "suppress")
    terminal = Terminal(["batch", str(prompts), *options], environment)
    assert terminal.end()[0] == 0
    frames = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", terminal.seen).split(b"\r")
    under_way = [frame for frame in frames if b"0/8" in frame]
    assert any(b" left" in frame for frame in under_way)
