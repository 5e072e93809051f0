"""`hoshikage convert`: what comes out computes and tokenises as what went in."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest

from checkpoint_cases import CASES, MASK, VOCABULARY, logits, make
from hoshikage_cli.convert import checkpoint as converting
from hoshikage_cli.convert import converter
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.errors import RunError, UsageError
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.families import NAMED
from hoshikage_cli.llama.model import Model
from hoshikage_cli.llama.text_context import TextContext
from hoshikage_cli.models.header import read_header
from hoshikage_cli.models.quantisations import QUANTISATIONS

able = pytest.mark.skipif(
    not converter.ARCHIVE.exists() or any(find_spec(name) is None for name in converter.NEEDED),
    reason="needs the extra [convert]: torch, transformers and safetensors",
)
TOKENS = [5, 17, 300, 42, 7, 7, 111, VOCABULARY - 1, 9, 250, VOCABULARY - 1, 3]
PAGE = """The quick brown fox's 12 tricks — "naïve" façade: 3.14159 × 10⁻⁷.
    def f(x):\n\treturn x ** 2  # ¿por qué?\r\n\n
日本の首都は東京です。 Привет, мир! 안녕하세요 👩‍🚀🇯🇵 I'LL we've they'd   trailing spaces   \n"""


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The model of transformers, and the file that its checkpoint has become."""
    folder = tmp_path_factory.mktemp("checkpoints")
    made = {}

    def of(name, kind="F32"):
        if name not in made:
            made[name] = make(CASES[name], folder / name)
        target = folder / f"{name}-{kind}.gguf"
        if not target.exists():
            read = converting.read_checkpoint(folder / name)
            converting.convert(read, target, QUANTISATIONS[kind], splitting="qwen2")
        return made[name], target

    return of


def rows_of(path, both_ways):
    tokens = np.array(TOKENS, np.int32)
    with Model(path) as model:
        if not both_ways:
            with TextContext(model, length=32, threads=1) as context:
                return np.concatenate([rows.copy() for rows in context.rows(tokens)])
        wanted = {"length": len(tokens), "threads": 1, "shift_logits": False, "mask_token": 0}
        with CanvasContext(model, cell_type="F32", flash_attention=False, **wanted) as context:
            (rows,) = context.logits([Query(tokens, np.arange(len(tokens)))])
            return np.array(rows)


@able
@pytest.mark.parametrize("name", CASES)
def test_logits_are_those_of_transformers(converted, name):
    model, path = converted(name)
    both_ways = CASES[name].both_ways
    wanted = logits(model, TOKENS, both_ways)
    # Keys and values of texts are stored in half precision.
    limit = 1e-4 if both_ways else 5e-3
    assert np.abs(rows_of(path, both_ways) - wanted).max() / np.abs(wanted).max() < limit


@able
@pytest.mark.parametrize("name", ["qwen3", "llada"])
def test_tokens_are_those_of_transformers(converted, name):
    from transformers import AutoTokenizer

    _, path = converted(name)
    theirs = AutoTokenizer.from_pretrained(path.parent / name)
    with Model(path, vocabulary_only=True) as model:
        ours = model.vocabulary.tokenize(PAGE, add_special=False)
        assert list(ours) == theirs(PAGE, add_special_tokens=False)["input_ids"]


@able
@pytest.mark.parametrize(
    ("name", "architecture", "block"),
    [("sdar", "qwen3", 8), ("fast-dllm-v2", "qwen2", 32), ("llada", "llada", None)],
)
def test_a_file_says_what_it_is(converted, name, architecture, block):
    header = read_header(converted(name)[1])
    assert (header.architecture, header.family.name) == (architecture, name)
    assert header.mask_token == VOCABULARY - 1
    assert header.metadata.get("diffusion.block_length") == block


@able
def test_the_whole_way(hoshikage, tmp_path):
    """From a folder to an answer, in four bits, with the command."""
    make(CASES["sdar"], tmp_path / "SDAR-tiny")
    out = tmp_path / "out.gguf"
    command = ("convert", tmp_path / "SDAR-tiny", "-o", out, "--pre", "qwen2")
    run = hoshikage(*command, "--quantize", "q4_0")
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert f"{out} is of the family sdar: 0." in run.stderr
    assert not list(tmp_path.glob(".hoshikage*"))
    assert 2 in {tensor.type for tensor in read_header(out).tensors}
    answer = hoshikage("generate", "-m", out, "-n", "8", "--no-chat", "-q", "hello")
    assert answer.returncode == 0, answer.stderr
    again = hoshikage(*command)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


@able
@pytest.mark.parametrize(
    ("change", "pre", "words"),
    [
        ({"architectures": ["NobodysModel"]}, "qwen2", "NobodysModel is not supported"),
        ({}, None, "say which with --pre"),
    ],
)
def test_what_the_converter_refuses_is_a_line(hoshikage, tmp_path, change, pre, words):
    make(CASES["qwen3"], tmp_path / "c")
    config = json.loads((tmp_path / "c" / "config.json").read_text())
    (tmp_path / "c" / "config.json").write_text(json.dumps(config | change))
    given = ("--pre", pre) if pre else ()
    run = hoshikage("convert", tmp_path / "c", "-o", tmp_path / "o.gguf", *given)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert words in run.stderr
    assert not list(tmp_path.glob("*.gguf"))


# ------------------------------------------------------------------- without torch


def test_every_row_is_of_a_family_that_there_is():
    for name, row in converting.classes().items():
        assert name.isidentifier()
        assert row.family is None or row.family in NAMED
        assert (row.of_converter is None) or row.model_type or name == "RND1LM"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "checkpoint"
    made.mkdir()
    (made / "config.json").write_text('{"architectures": ["SDARForCausalLM"], "block_length": 16}')
    (made / "model.safetensors").write_bytes(bytes(100))
    added = [{"id": 77, "content": MASK}]
    (made / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    return made


def test_what_a_checkpoint_tells(folder):
    read = converting.read_checkpoint(folder)
    told = {"hoshikage.family": "sdar", "tokenizer.ggml.mask_token_id": 77}
    assert read.keys({}) == {**told, "diffusion.block_length": 16}
    assert read.keys({"hoshikage.family": "trado"})["hoshikage.family"] == "trado"


def test_the_converter_is_shown_a_class_that_it_knows(folder):
    with converting._as_known(converting.read_checkpoint(folder)) as shown:
        config = json.loads((shown / "config.json").read_text())
        assert (config["architectures"], config["model_type"]) == (["Qwen3ForCausalLM"], "qwen3")
        assert (shown / "model.safetensors").read_bytes() == bytes(100)
        assert shown.name == folder.name
    assert not shown.exists()


@pytest.mark.parametrize(
    ("gone", "words"),
    [("config.json", "has no config.json"), ("model.safetensors", "has no weights")],
)
def test_folders_without_a_model(folder, gone, words):
    (folder / gone).unlink()
    with pytest.raises(UsageError, match=words):
        converting.read_checkpoint(folder)
    with pytest.raises(UsageError, match="is no folder"):
        converting.read_checkpoint(folder / "nowhere")


def test_what_is_not_installed_is_told_in_a_line(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(converter, "find_spec", lambda name: None)
    monkeypatch.setattr(converter, "ARCHIVE", folder / "config.json")
    read = converting.read_checkpoint(folder)
    with pytest.raises(RunError, match=r"needs torch and .*: pip install 'hoshikage-cli\[conv"):
        converting.convert(read, tmp_path / "o.gguf", None)
    monkeypatch.setattr(converter, "ARCHIVE", folder / "nothing.zip")
    with pytest.raises(RunError, match="run make"):
        converting.convert(read, tmp_path / "o.gguf", None)
