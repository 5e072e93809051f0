"""`--trace` and `replay`, run for real."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SHORT = ("--steps", "6", "-n", "12", "--seed", "1", "--eos-policy", "suppress")


@pytest.fixture
def traced(hoshikage, tmp_path):
    """(the trace, what generate printed)."""
    file = tmp_path / "run.jsonl"
    result = hoshikage("generate", "Tell me about <script>.", *SHORT, "--trace", file, text=False)
    assert result.returncode == 0
    return file, result.stdout


def test_replay_prints_what_generate_printed(hoshikage, traced):
    file, printed = traced
    result = hoshikage("replay", file, text=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, printed, b"")


def test_replay_without_a_terminal_shows_plain_lines_on_demand(hoshikage, traced):
    shown = hoshikage("replay", traced[0], "--visual").stderr.splitlines()
    assert len([line for line in shown if line.startswith("step ")]) == 6
    assert "12 tokens · 6 steps" in shown[-1]


def test_a_truncated_trace_replays_with_a_note(hoshikage, traced):
    file, _ = traced
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:4]) + lines[4][:30])
    result = hoshikage("replay", file)
    assert result.returncode == 0
    assert result.stderr == (
        "hoshikage: the trace is cut off after 3 steps: the text is unfinished\n"
    )


def test_tracing_changes_nothing(hoshikage, traced):
    untraced = hoshikage("generate", "Tell me about <script>.", *SHORT, text=False)
    assert untraced.stdout == traced[1]


def test_proposals_stand_beside_the_run_and_change_nothing(hoshikage, traced, tmp_path):
    file = tmp_path / "told.jsonl"
    asked = ("Tell me about <script>.", *SHORT, "--trace", file, "--trace-proposals", 3)
    assert hoshikage("generate", *asked, text=False).stdout == traced[1]
    told, plain = ([json.loads(line) for line in path.open()] for path in (file, traced[0]))
    masked = 12
    for step, other in zip(told[1:-1], plain[1:-1], strict=True):
        assert len(step["proposals"]) == masked
        assert all(len(each["top"]) == 3 for each in step["proposals"])
        masked = step["masked"]
        own = {k: v for k, v in step.items() if k not in ("tokens", "proposals", "elapsed")}
        assert own == {k: v for k, v in other.items() if k != "elapsed"}
    spelled = [item["token"] for step in told[1:-1] for item in step["tokens"]]
    assert len(spelled) == len(set(spelled))
    # About 20 bytes a token told, and 50 a position.
    assert file.stat().st_size < traced[0].stat().st_size + 6 * 12 * (50 + 3 * 20) + 3000
    assert hoshikage("replay", file, text=False).stdout == traced[1]


def test_the_trace_tells_the_run(traced):
    head, *steps, end = map(json.loads, traced[0].read_text(encoding="utf-8").splitlines())
    assert head["settings"]["steps"] == 6
    assert head["model"]["name"] == "hoshi-tiny"
    assert head["canvas"].count(None) == sum(len(s["commits"]) for s in steps) == 12
    assert all(c["runner_up"]["token"] != c["token"] for s in steps for c in s["commits"])
    assert end["text"].encode() + b"\n" == traced[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("replay", "{folder}/none"), 2, "cannot read"),
        (("replay", "{folder}/text"), 1, "no trace of a run"),
        (("replay", "{trace}", "--speed", "0"), 2, "--speed: '0' is out of range"),
        (("replay", "{trace}", "--speed", "fast"), 2, "--speed: 'fast' is not a number"),
        (("replay", "{trace}", "--visual=bright"), 2, "--visual: 'bright' is unknown"),
        (("replay",), 2, "missing argument"),
        (("generate", "x", "--trace", "{folder}"), 1, "cannot write the trace"),
        (("generate", "x", "--visual-delay", "-1"), 2, "--visual-delay: '-1' is out of range"),
    ],
)
def test_one_line_for_each_mistake(hoshikage, traced, tmp_path, arguments, code, words):
    (tmp_path / "text").write_text("hello\n", encoding="utf-8")
    places = {"folder": tmp_path, "trace": traced[0]}
    result = hoshikage(*[argument.format(**places) for argument in arguments])
    assert result.returncode == code
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) <= 2
    assert words in result.stderr.splitlines()[-1]


def test_a_full_disk_costs_the_trace_and_not_the_answer(hoshikage, traced):
    result = hoshikage(
        "generate", "Tell me about <script>.", *SHORT, "--trace", "/dev/full", text=False
    )
    assert (result.returncode, result.stdout) == (1, traced[1])
    assert b"No space left" in result.stderr


@pytest.mark.parametrize("flag", ["--visual", "--visual=order", "--diffusion-visual"])
def test_a_prompt_behind_visual_is_a_prompt(hoshikage, flag):
    result = hoshikage("generate", flag, "Tell a story.", *SHORT)
    assert result.returncode == 0
    assert "step 6/6" in result.stderr


def test_visual_can_be_turned_off_again(hoshikage):
    for given in (("--no-visual",), ("--visual=no",)):
        result = hoshikage("generate", "hi", *SHORT, *given, HOSHIKAGE_VISUAL="1")
        assert "step" not in result.stderr
    assert "step" in hoshikage("generate", "hi", *SHORT, HOSHIKAGE_VISUAL="order").stderr


def test_what_another_option_takes_is_no_flag(hoshikage):
    shown = hoshikage("generate", "--system-prompt", "--visual", "--show-settings").stdout
    rows = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert rows["system-prompt"].split() == ["--visual", "flag"]
    assert rows["visual"].split() == ["no", "default"]


@pytest.mark.parametrize("command", [["replay"], ["export", "-o", "{folder}/run.html"]])
def test_no_model_and_no_llama_cpp_are_needed(environment, traced, tmp_path, command):
    arguments = [word.format(folder=tmp_path) for word in command]
    program = (
        "import sys; sys.modules['hoshikage_cli.llama._native'] = None\n"
        f"sys.argv = ['hoshikage', *{arguments!r}, {str(traced[0])!r}]\n"
        "from hoshikage_cli.__main__ import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_run_that_was_watched_with_its_proposals_has_them(hoshikage, traced, tmp_path):
    file = tmp_path / "proposals.jsonl"
    asked = ("generate", "-n", "8", "--steps", "4", "--seed", "1", "Hi!")
    watched = hoshikage(*asked, "--visual=proposals", "--trace", file)
    assert watched.stdout == hoshikage(*asked).stdout
    assert '"proposals"' in file.read_text(encoding="utf-8")
    said = "has no proposals"
    for trace, lacking in ((file, False), (traced[0], True)):
        assert (said in hoshikage("replay", trace, "--visual=proposals").stderr) == lacking
        page = hoshikage("export", trace, "-o", tmp_path / "x.html", "--visual=proposals")
        assert (page.returncode, said in page.stderr) == (0, lacking)
    picture = hoshikage("export", file, "-o", tmp_path / "x.svg", "--visual=proposals")
    assert "a picture shows no proposals" in picture.stderr


# ------------------------------------------------------------------------ stdin and stdout


def test_a_trace_on_stdout_is_that_of_a_file_and_has_the_answer(hoshikage, traced):
    file, printed = traced
    result = hoshikage("generate", "Tell me about <script>.", *SHORT, "--trace", "-", "-q")
    assert (result.returncode, result.stderr) == (0, "")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    kept = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [each["record"] for each in told] == [each["record"] for each in kept]
    assert [each.get("commits") for each in told] == [each.get("commits") for each in kept]
    assert told[-1]["text"] == printed.decode().removesuffix("\n")


def test_traces_go_through_pipes(hoshikage, traced):
    file, printed = traced
    trace = file.read_bytes()
    played = hoshikage("replay", "-", stdin=trace.decode(), text=False)
    assert (played.returncode, played.stdout, played.stderr) == (0, printed, b"")
    made = hoshikage("export", "-", "-o", "-", stdin=trace.decode(), text=False)
    assert (made.returncode, made.stderr) == (0, b"")
    assert made.stdout.startswith(b"<!doctype html>")
    picture = hoshikage(
        "export", "-", "-o", "-", "--format", "svg", stdin=trace.decode(), text=False
    )
    assert picture.stdout.startswith(b"<svg ")


def test_the_name_tells_the_format_unless_the_format_does(hoshikage, traced, tmp_path):
    for name, begins in (("a.svg", "<svg"), ("b.HTML", "<!doctype"), ("c.cast", '{"version"')):
        assert hoshikage("export", traced[0], "-o", tmp_path / name).returncode == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    assert hoshikage("export", traced[0], "-o", tmp_path / "d", "--format", "svg").returncode == 0
    assert (tmp_path / "d").read_text(encoding="utf-8").startswith("<svg")


def test_several_runs_on_one_page(hoshikage, traced, tmp_path):
    page = tmp_path / "both.html"
    assert hoshikage("export", traced[0], traced[0], "-o", page).returncode == 0
    assert page.read_text(encoding="utf-8").count('<article class="run">') == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("export", "{trace}", "{trace}", "-o", "x.svg"), 2, "side by side on a page"),
        (("export", "-", "-", "-o", "{folder}/x.html"), 2, '"-" twice'),
        (("export", "{trace}", "-o", "x.txt"), 2, "--format"),
        (("export", "{trace}", "-o", "{trace}", "--format", "html"), 2, "is the input"),
        (("export", "-", "-o", "-"), 1, "what came through stdin is no trace"),
        (("replay", "-"), 1, "what came through stdin is no trace"),
        (("generate", "x", "--trace", "-", "--json"), 2, "--trace - and --json"),
        (("generate", "x", "--trace", "-", "-N", "2"), 2, "one trace"),
        (("infill", "a [MASK]", "--trace", "-", "--json"), 2, "--trace - and --json"),
    ],
)
def test_what_cannot_go_through_a_pipe_is_said(hoshikage, traced, tmp_path, arguments, code, words):
    places = {"folder": tmp_path, "trace": traced[0]}
    result = hoshikage(*[each.format(**places) for each in arguments], stdin="hello\n")
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("-o", "{folder}/x.html", "--columns", "40"), "--columns has no effect"),
        (("-o", "{folder}/x.cast", "--theme", "dark"), "--theme has no effect"),
        (("-o", "{folder}/x.svg", "--theme", "dark", "--columns", "40"), ""),
    ],
)
def test_an_option_that_a_format_does_not_read_is_said(hoshikage, traced, tmp_path, given, told):
    result = hoshikage("export", traced[0], *[each.format(folder=tmp_path) for each in given])
    assert result.returncode == 0
    assert told in result.stderr
    assert bool(told) == bool(result.stderr)
