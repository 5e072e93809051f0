"""What a model is said to be: by a flag, a variable, with its name, and in its file."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from program import PROGRAM

RUN = ("-n", "6", "--steps", "2", "--seed", "1")


@pytest.fixture
def file(model_file, tmp_path):
    """A file of an architecture that tells nothing, in a folder of its own."""
    folder = tmp_path / "files"
    folder.mkdir()
    copied = folder / "plain.gguf"
    copied.write_bytes(model_file("qwen3").read_bytes())
    return copied


def shown(run):
    """{setting: (value, source)} of --show-settings."""
    assert run.returncode == 0, run.stderr
    rows = [line.split("  ") for line in run.stdout.splitlines()]
    words = [[word.strip() for word in row if word.strip()] for row in rows]
    return {name: (value, source) for name, value, source in words}


def test_settings_come_from_the_family_that_is_named(hoshikage, file):
    told = shown(hoshikage("generate", "-m", file, "--family", "llada2.1", "--show-settings"))
    assert told["family"] == ("llada2.1", "flag")
    assert told["block-length"] == ("32", "family")
    assert told["edit-threshold"] == ("0.5", "family")
    assert told["temperature"] == ("0.0", "family")
    told = shown(hoshikage("generate", "-m", file, "--show-settings", HOSHIKAGE_FAMILY="sdar"))
    assert told["family"] == ("sdar", "environment")
    assert (told["block-length"], told["threshold"]) == (("4", "family"), ("0.85", "family"))
    plain = shown(hoshikage("generate", "-m", file, "--show-settings"))
    assert plain["family"] == ("auto", "default")
    assert plain["temperature"] == ("0.8", "default")


def test_a_family_that_is_not_for_the_architecture(hoshikage, config_file, file):
    typed = hoshikage("generate", "-m", file, "--family", "dream", "hi")
    assert (typed.returncode, typed.stderr.count("\n")) == (2, 1)
    assert "a model of the architecture qwen3 cannot be of the family dream" in typed.stderr
    variable = hoshikage("generate", "hi", HOSHIKAGE_FAMILY="sdar")
    assert (variable.returncode, variable.stderr.count("\n")) == (2, 1)
    assert "HOSHIKAGE_FAMILY: a model of the architecture llada cannot" in variable.stderr
    config_file('family = "trado"')
    assert "config file: a model of" in hoshikage("generate", "hi").stderr
    unknown = hoshikage("generate", "-m", file, "--family", "sadr", "hi")
    assert unknown.returncode == 2
    assert "did you mean sdar?" in unknown.stderr


def test_a_whole_canvas_on_borrowed_weights(hoshikage, file):
    typed = hoshikage("generate", "-m", file, "--family", "open-dcoder", *RUN, "the kite")
    assert (typed.returncode, typed.stderr.count("plain.gguf")) == (0, 0)
    variable = hoshikage("generate", "-m", file, *RUN, "the kite", HOSHIKAGE_FAMILY="open-dcoder")
    assert variable.stdout == typed.stdout
    assert "plain.gguf: open-dcoder, as it was named" in variable.stderr
    quiet = hoshikage("generate", "-q", "-m", file, *RUN, "hi", HOSHIKAGE_FAMILY="open-dcoder")
    assert quiet.stderr == ""
    without = hoshikage("generate", "-m", file, *RUN, "the kite")
    assert "--steps has no effect on an autoregressive model" in without.stderr


def test_a_family_is_kept_with_a_name(hoshikage, file):
    asked = ("--family", "sdar", "--block-length", "8")
    assert hoshikage("models", "add", "mine", file, *asked).returncode == 0
    assert "--family sdar --block-length 8" in hoshikage("models").stdout
    (listed,) = [m for m in json.loads(hoshikage("models", "--json").stdout) if m["name"] == "mine"]
    assert (listed["kind"], listed["family"]) == ("block", "sdar")
    assert listed["kept"] == {"family": "sdar", "block_length": 8}
    told = shown(hoshikage("generate", "-m", "mine", "--show-settings"))
    assert (told["family"], told["block-length"]) == (("sdar", "model"), ("8", "model"))
    assert told["threshold"] == ("0.85", "family")
    other = shown(hoshikage("generate", "-m", "mine", "--family", "trado", "--show-settings"))
    assert (other["family"], other["threshold"]) == (("trado", "flag"), ("0.9", "family"))
    facts = json.loads(hoshikage("inspect", "mine", "--json").stdout)
    assert (facts["family"], facts["recognised_by"], facts["block_length"]) == ("sdar", "name", 8)
    hoshikage("models", "add", "mine", file)
    assert "--family" not in hoshikage("models").stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "mine = {path = '{file}', famly = 'sdar'}",
            "mine: 'famly' is not kept with a name; did you mean family?",
        ),
        ("mine = {path = '{file}', family = 'sadr'}", "mine: family: 'sadr' is unknown"),
        ("mine = {path = '{file}', block_length = 0}", "mine: block_length: 0 is out of range"),
        ("mine = {family = 'sdar'}", "mine is not a path"),
        ("mine = 3", "mine is not a path"),
        ("mine = {path = '{file}', family = 'dream'}", "cannot be of the family dream"),
    ],
)
def test_names_that_were_written_by_hand(hoshikage, tmp_path, file, line, words):
    names = tmp_path / "config" / "hoshikage" / "models.toml"
    names.parent.mkdir(parents=True)
    names.write_text(line.replace("{file}", str(file)))
    run = hoshikage("generate", "-m", "mine", "hi")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr


def test_a_file_is_labelled(hoshikage, file):
    run = hoshikage("models", "label", file, "--family", "a2d-mdlm")
    copy = file.with_name("plain-a2d-mdlm.gguf")
    assert (run.returncode, run.stdout) == (0, "")
    assert str(copy) in run.stderr
    facts = json.loads(hoshikage("inspect", copy, "--json").stdout)
    assert (facts["family"], facts["recognised_by"]) == ("a2d-mdlm", "file")
    answer = hoshikage("generate", "-m", copy, *RUN, "the kite")
    assert (answer.returncode, answer.stderr.splitlines()[0]) == (
        0,
        f"hoshikage: {copy}: a2d-mdlm, as its file says",
    )
    named = hoshikage("generate", "-m", file, "--family", "a2d-mdlm", *RUN, "the kite")
    assert answer.stdout == named.stdout
    again = hoshikage("models", "label", file, "--family", "a2d-mdlm")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is there already" in again.stderr


def test_a_file_is_labelled_in_place(hoshikage, file):
    asked = ("--family", "sdar", "--block-length", "8", "--in-place")
    assert hoshikage("models", "label", file, *asked).returncode == 0
    facts = json.loads(hoshikage("inspect", file, "--json").stdout)
    assert (facts["family"], facts["block_length"]) == ("sdar", 8)
    assert [each.name for each in file.parent.iterdir()] == ["plain.gguf"]
    told = shown(hoshikage("generate", "-m", file, "--show-settings"))
    assert told["block-length"] == ("8", "model")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --family, --block-length or --mask-token"),
        (("--family", "sdar", "--mask-token", "262"), "262 is outside the vocabulary (0 to 261)"),
        (("--family", "dream"), "cannot be of the family dream"),
        (("--family", "sadr"), "did you mean sdar?"),
        (("--block-length", "0"), "out of range"),
        (("--family", "sdar", "--in-place", "-o", "x.gguf"), "exclude each other"),
    ],
)
def test_what_cannot_be_labelled(hoshikage, file, arguments, words):
    run = hoshikage("models", "label", file, *arguments)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr
    assert [each.name for each in file.parent.iterdir()] == ["plain.gguf"]


def test_in_python(file):
    import hoshikage_cli as hk

    with hk.load(file, family="open-dcoder", threads=1) as model:
        assert (model.kind, model.model.family.name) == ("diffusion", "open-dcoder")
        assert model.resolve().value("family") == "open-dcoder"
    with pytest.raises(hk.HoshikageError, match="cannot be of the family dream"):
        hk.load(file, family="dream")


def test_finished_blocks_go_to_stdout_as_they_come(environment, model_file):
    """They are there while the run goes on, which is then interrupted."""
    file = model_file("llada2")
    asked = ("generate", "-m", file, "--family", "llada2.1", "-n", "3000", "--no-chat", "the kite")
    process = subprocess.Popen(
        [*PROGRAM, *map(str, asked)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, notes = process.communicate(timeout=300)
    assert first
    assert process.returncode == 130
    assert b"interrupted after" in notes
    assert rest.endswith(b"\n")


def test_json_and_pipes_have_the_same_text(hoshikage, model_file):
    asked = ("generate", "-m", model_file("qwen3"), "--family", "sdar", "--seed", "3", "-n", "40")
    plain = hoshikage(*asked, "the kite")
    told = json.loads(hoshikage(*asked, "--json", "the kite").stdout)
    watched = hoshikage(*asked, "--visual", "the kite")
    assert plain.stdout == watched.stdout
    assert plain.stdout.rstrip("\n") == told["text"].rstrip("\n")


def test_holes_that_blocks_can_fill_and_those_that_they_cannot(hoshikage, model_file):
    asked = ("infill", "-m", model_file("qwen3"), "--family", "sdar", "--seed", "1")
    filled = hoshikage(*asked, stdin="the kite is[MASK:9]\n")
    assert filled.returncode == 0, filled.stderr
    assert filled.stdout.startswith("the kite is")
    assert filled.stdout.endswith("\n")
    blind = hoshikage(*asked, "the kite is [MASK] and the sky is blue")
    assert (blind.returncode, blind.stdout, blind.stderr.count("\n")) == (2, "", 1)
    assert "hole 1 would be filled without having seen all text behind it" in blind.stderr
    assert "--model" in blind.stderr


def test_a_mask_token_that_no_vocabulary_names_is_labelled_or_kept(hoshikage, model_file, tmp_path):
    file = tmp_path / "bare.gguf"
    file.write_bytes(model_file("llama").read_bytes())
    asked = ("--family", "stable-diffcoder")
    for run in (
        hoshikage("models", "label", file, *asked, "--in-place"),
        hoshikage("models", "add", "mine", file, *asked),
    ):
        assert (run.returncode, run.stderr.count("\n")) == (2, 1)
        assert "bare.gguf names no mask token" in run.stderr
        assert "give its id with --mask-token" in run.stderr
    hoshikage("models", "add", "mine", file, *asked, "--mask-token", "261")
    kept = hoshikage("generate", "-m", "mine", *RUN, "the kite")
    facts = json.loads(hoshikage("inspect", "mine", "--json").stdout)
    assert (kept.returncode, facts["mask_token"]) == (0, 261)
    labelled = hoshikage("models", "label", file, *asked, "--mask-token", "261", "--in-place")
    assert labelled.returncode == 0, labelled.stderr
    assert json.loads(hoshikage("inspect", file, "--json").stdout)["mask_token"] == 261
    assert hoshikage("generate", "-m", file, *RUN, "the kite").stdout == kept.stdout


def test_a_chat_with_a_model_in_blocks_answers_as_generate_does(hoshikage, model_file):
    asked = ("-m", model_file("qwen3"), "--family", "sdar", "--seed", "3", "-n", "24")
    talk = hoshikage("chat", *asked, stdin="the kite\n")
    assert talk.returncode == 0, talk.stderr
    assert talk.stdout == hoshikage("generate", *asked, "the kite").stdout
