"""`hoshikage generate`, run for real on the shipped diffusion model."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from program import PROGRAM

SHORT = ("--steps", "4", "-n", "8")
QUESTION = "What is the capital of Japan?"


def settings_shown(result):
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in result.stdout.splitlines()}


# ---------------------------------------------------------------------------- what is printed


def test_stdout_has_the_answer_and_one_newline(hoshikage):
    result = hoshikage("generate", stdin=QUESTION + "\n")
    assert result.returncode == 0
    assert result.stdout.endswith("\n")
    assert result.stdout.strip("\n") + "\n" == result.stdout
    assert "▁" not in result.stdout
    assert len(result.stderr.splitlines()) == 1
    assert "hoshi-tiny" in result.stderr


def test_visual_leaves_stdout_as_it_is(hoshikage):
    plain = hoshikage("generate", *SHORT, stdin=QUESTION, text=False)
    visual = hoshikage("generate", *SHORT, "--visual", stdin=QUESTION, text=False)
    quiet = hoshikage("generate", *SHORT, "--quiet", stdin=QUESTION, text=False)
    assert plain.stdout == visual.stdout == quiet.stdout
    assert quiet.stderr == b""


def test_visual_without_a_terminal_is_plain_lines(hoshikage):
    result = hoshikage("generate", QUESTION, *SHORT, "--visual")
    steps = [line for line in result.stderr.splitlines() if line.startswith("step ")]
    assert 1 <= len(steps) <= 4
    assert "masked" in steps[0]
    assert not any(ord(c) < 32 for line in result.stderr.splitlines() for c in line)


@pytest.mark.parametrize(
    ("command", "options", "told"),
    [
        ("generate", ("--logprobs", "2"), "--logprobs is told in JSON: give --json as well"),
        ("infill", ("--logprobs", "2"), "--logprobs is told in JSON: give --json as well"),
        (
            "infill",
            ("--logprobs", "2", "--json", "--show", "holes"),
            "--logprobs is told with the whole text: leave out --show holes",
        ),
        (
            "generate",
            ("--trace-proposals", "2"),
            "--trace-proposals adds to a trace: give --trace FILE as well",
        ),
        (
            "generate",
            ("--trace-proposals", "0"),
            "--trace-proposals: '0' is out of range: give a whole number from 1 to 20",
        ),
        (
            "generate",
            ("--logprobs", "21"),
            "--logprobs: '21' is out of range: give a whole number from 0 to 20",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_line(hoshikage, command, options, told):
    result = hoshikage(command, "a [MASK]", *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"hoshikage: {told}\n"


def test_log_probabilities_stand_in_the_json(hoshikage):
    told = json.loads(hoshikage("generate", QUESTION, *SHORT, "--json", "--logprobs", "1").stdout)
    assert "".join(each["token"] for each in told["logprobs"]["content"]) == told["text"]
    several = hoshikage("generate", QUESTION, *SHORT, "--json", "--logprobs", "1", "-N", "2")
    assert all(one["logprobs"]["content"] for one in json.loads(several.stdout))


def test_json_is_one_object_with_the_promised_keys(hoshikage):
    result = hoshikage("generate", QUESTION, *SHORT, "--json", "--seed", "7")
    told = json.loads(result.stdout)
    assert list(told) == [
        "text",
        "model",
        "settings",
        "timings",
        "steps",
        "nfe",
        "positions_decoded",
        "prompt_tokens",
        "completion_tokens",
        "stop_reason",
        "seed",
    ]
    assert told["model"] == "hoshi-tiny"
    assert told["seed"] == told["settings"]["seed"] == 7
    assert told["settings"]["steps"] == 4
    assert told["stop_reason"] in ("end", "length")
    assert result.stdout.count("\n") == 1


def test_what_was_typed_and_has_no_effect_is_told(hoshikage):
    typed = ("generate", "-m", "hoshi-tiny-ar", "-n", "2", "--diffusion-steps", "4", "Hello!")
    told = "hoshikage: --steps has no effect on an autoregressive model\n"
    assert hoshikage(*typed).stderr == told
    assert hoshikage(*typed, "-q").stderr == told
    without = [word for word in typed if word not in ("--diffusion-steps", "4")]
    assert hoshikage(*without, DIFFUSION_STEPS="4").stderr == ""


def test_a_variable_that_nothing_reads_is_told_to_quiet_scripts_too(hoshikage):
    told = "hoshikage: HOSHIKAGE_STPES is not a variable that Hoshikage reads"
    run = hoshikage("generate", "-q", "-n", "2", "--steps", "1", "Hello!", HOSHIKAGE_STPES="3")
    assert run.stderr.startswith(told)


def test_variables_are_read_for_json_and_steps(hoshikage):
    settings = {"HOSHIKAGE_JSON": "1", "HOSHIKAGE_STEPS": "3", "HOSHIKAGE_TEMP": "0.5"}
    run = hoshikage("generate", "-q", "-n", "4", "Hello!", **settings, HOSHIKAGE_LOGPROBS="0")
    told = json.loads(run.stdout)
    assert (told["settings"]["steps"], told["settings"]["temperature"]) == (3, 0.5)
    assert told["settings"]["model"] == "hoshi-tiny"
    assert "logprobs" in told
    plain = hoshikage("generate", "-q", "-n", "4", "--no-json", "Hello!", **settings)
    assert not plain.stdout.startswith("{")


def test_the_seed_that_was_drawn_is_reported_and_repeats_the_run(hoshikage):
    hot = (*SHORT, "--temp", "1.5", "--algorithm", "random", "--json")
    first = json.loads(hoshikage("generate", QUESTION, *hot).stdout)
    again = json.loads(hoshikage("generate", QUESTION, *hot, "--seed", first["seed"]).stdout)
    assert again["text"] == first["text"]


# ------------------------------------------------------------------------------ the prompt


def test_every_way_to_give_a_prompt_is_the_same(hoshikage, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text(QUESTION + "\n", encoding="utf-8")
    runs = [
        hoshikage("generate", QUESTION, *SHORT),
        hoshikage("generate", "-p", QUESTION, *SHORT),
        hoshikage("generate", "-f", file, *SHORT),
        hoshikage("generate", "-", *SHORT, stdin=QUESTION + "\n"),
        hoshikage("generate", "-f", "-", *SHORT, stdin=QUESTION),
    ]
    assert len({run.stdout for run in runs}) == 1
    assert {run.returncode for run in runs} == {0}


def test_piped_material_stands_before_the_instruction(hoshikage):
    joined = hoshikage("generate", "two\n\none", *SHORT, "--json")
    piped = hoshikage("generate", "one", *SHORT, "--json", stdin="two\n")
    assert json.loads(piped.stdout)["text"] == json.loads(joined.stdout)["text"]
    lengths = [json.loads(run.stdout)["prompt_tokens"] for run in (joined, piped)]
    assert lengths[0] == lengths[1]


def test_chat_template_and_system_prompt(hoshikage):
    def prompt_tokens(*options):
        result = hoshikage("generate", "x", *SHORT, "--json", *options)
        return json.loads(result.stdout)["prompt_tokens"]

    bare, chat = prompt_tokens("--no-chat"), prompt_tokens()
    assert bare < chat < prompt_tokens("-sys", "Be kind.")


# ---------------------------------------------------------------------------- the settings


CARD = {
    "DIFFUSION_STEPS": "8",
    "DIFFUSION_ALGORITHM": "1",
    "DIFFUSION_SCHEDULE": "1",
    "DIFFUSION_CFG_SCALE": "0.5",
}


def test_show_settings_from_the_environment(hoshikage):
    shown = settings_shown(hoshikage("generate", "--show-settings", "x", **CARD))
    assert shown["steps"].split() == ["8", "environment"]
    assert shown["algorithm"].split() == ["1", "(entropy)", "environment"]
    assert shown["schedule"].split() == ["1", "(block)", "environment"]
    assert shown["cfg-scale"].split() == ["0.5", "environment"]


def test_a_flag_beats_the_environment(hoshikage):
    shown = settings_shown(hoshikage("generate", "--show-settings", "--steps", "4", "x", **CARD))
    assert shown["steps"].split() == ["4", "flag"]


def test_show_settings_with_nothing_set(hoshikage):
    result = hoshikage("generate", "--show-settings", "x")
    shown = settings_shown(result)
    assert result.returncode == 0
    assert shown["steps"].split() == ["50", "default"]
    assert shown["algorithm"].split() == ["4", "(confidence)", "default"]
    assert shown["schedule"].split() == ["0", "(timestep)", "default"]
    assert shown["cfg-scale"].split() == ["0.0", "default"]
    assert shown["max-tokens"].split()[1] == "model"


def test_the_config_file_is_read_and_beaten(hoshikage, config_file):
    config_file('steps = 12\nalgorithm = "margin"\n')
    shown = settings_shown(hoshikage("generate", "--show-settings", DIFFUSION_ALGORITHM="random"))
    assert shown["steps"].split() == ["12", "config"]
    assert shown["algorithm"].split() == ["3", "(random)", "environment"]


def test_show_settings_as_json(hoshikage):
    shown = json.loads(hoshikage("generate", "--show-settings", "--json", "--steps", "4").stdout)
    assert shown["steps"] == {"value": 4, "source": "flag"}


LLAMA_COMMAND_LINE = (
    "-m hoshi-tiny -p Hello -ub 64 -b 64 -ngl 0 -t 1 -s 3 --temp 0 --diffusion-eps 0.001 "
    "--diffusion-steps 4 --diffusion-algorithm 4 --diffusion-cfg-scale 0 --diffusion-alg-temp 0 "
    "--diffusion-visual"
)


def test_a_llama_diffusion_cli_command_line_works(hoshikage):
    result = hoshikage(*LLAMA_COMMAND_LINE.split(), "-sys", "Be kind.")
    assert result.returncode == 0, result.stderr
    assert "step 4/4" in result.stderr


def test_its_block_form_too(hoshikage):
    shown = settings_shown(hoshikage("--diffusion-block-length", "16", "--show-settings"))
    assert shown["schedule"].split() == ["1", "(block)", "flag"]


# ------------------------------------------------------------------------------ what fails


WRONG = [
    (("--steps", "x", "hi"), 2, "--steps: 'x' is not a whole number"),
    (("--stpes", "3", "hi"), 2, "no option --stpes; did you mean --steps?"),
    (("--stepz", "3", "hi"), 2, "no option --stepz; did you mean --steps?"),
    (("--algorithm", "best", "hi"), 2, "--algorithm: 'best' is unknown"),
    (("--cfg-scale", "-1", "hi"), 2, "--cfg-scale: '-1' is out of range"),
    ((), 2, "no prompt"),
    (("",), 2, "no prompt"),
    (("a", "b"), 2, "unexpected extra argument"),
    (("a", "-p", "b"), 2, "give one of them"),
    (("-m", "nope", "hi"), 2, "hoshi-tiny, hoshi-tiny-block, hoshi-tiny-ar"),
    (("-m", "{folder}", "hi"), 2, "is a directory"),
    (("-m", "{text}", "hi"), 1, "is not a GGUF file"),
    (("-m", "{empty}", "hi"), 1, "it is empty"),
    (("-m", "{cut}", "hi"), 1, "cut off"),
    (("-m", "{header}", "hi"), 1, "header is not whole"),
    (("-f", "{missing}"), 2, "cannot read the prompt"),
    (("-f", "{binary}"), 2, "is not UTF-8"),
    (("--mask-token", "9999999", "hi"), 2, "outside the vocabulary"),
    (("--max-length", "2", "a question that is longer than that"), 1, "leaves no room"),
    (("word " * 600,), 1, "exceed the context"),
]


@pytest.fixture
def files(tmp_path):
    from hoshikage_cli.models.catalogue import shipped_path

    model = shipped_path("hoshi-tiny").read_bytes()
    contents = {
        "text": b"no model at all",
        "empty": b"",
        "cut": model[:200_000],
        "header": model[:1000],
        "binary": b"\xff\xfe\x00",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in (*contents, "missing")} | {
        "folder": str(tmp_path)
    }


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
def test_one_clear_line_and_the_right_code(hoshikage, files, arguments, code, words):
    result = hoshikage("generate", *(argument.format(**files) for argument in arguments))
    said = [line for line in result.stderr.splitlines() if "no --model given" not in line]
    assert result.returncode == code, result.stderr
    assert len(said) == 1
    assert words in said[0]
    assert result.stdout == ""


def test_bad_variables_and_config_are_named(hoshikage, config_file):
    assert "DIFFUSION_STEPS: 'x'" in hoshikage("generate", "hi", DIFFUSION_STEPS="x").stderr
    assert "HOSHIKAGE_MODEL: no model" in hoshikage("generate", "hi", HOSHIKAGE_MODEL="x").stderr
    missing = hoshikage("generate", "hi", HOSHIKAGE_CONFIG="/nowhere.toml")
    assert (missing.returncode, "HOSHIKAGE_CONFIG" in missing.stderr) == (2, True)
    config_file("steps = = 4")
    broken = hoshikage("generate", "hi")
    assert (broken.returncode, "not valid TOML" in broken.stderr) == (2, True)


def test_debug_shows_the_traceback_and_the_log(hoshikage):
    result = hoshikage("generate", "word " * 600, "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "hoshikage.llama" in result.stderr


def test_a_question_without_a_command(hoshikage):
    result = hoshikage(QUESTION)
    assert (result.returncode, result.stdout) == (0, hoshikage("generate", QUESTION).stdout)


def test_a_full_disk(environment):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        command = [*PROGRAM, "generate", "-q", "hi", *SHORT]
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, env=environment
        )
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        "hoshikage: cannot write the answer to stdout: No space left on device"
    ]


def test_a_closed_pipe_is_quiet(environment):
    reading, writing = os.pipe()
    os.close(reading)
    command = [*PROGRAM, "generate", "-q", "hi", *SHORT]
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, env=environment
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


def test_v_tells_what_was_decided_and_vv_the_whole_log(hoshikage):
    plain, told, whole = (
        hoshikage("generate", QUESTION, *SHORT, *flags) for flags in ((), ("-v",), ("-vv",))
    )
    assert plain.stdout == told.stdout == whole.stdout
    lines = told.stderr.splitlines()
    assert any(line.endswith("is diffusion, of the family llada") for line in lines), lines
    assert any("(flag)" in line for line in lines)
    assert len(lines) < 30
    assert "hoshikage.llama: " in whole.stderr
    assert len(whole.stderr.splitlines()) > 100
