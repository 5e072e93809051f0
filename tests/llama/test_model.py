"""Loading: what a model says of itself, what is refused, and who outlives whom."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

import random_model
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.llama import library
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.errors import ClosedError, ModelLoadError
from hoshikage_cli.llama.library import build_info
from hoshikage_cli.llama.model import Model
from hoshikage_cli.llama.sampler import Sampler
from hoshikage_cli.models.header import read_header
from random_models import DIFFUSION, SHIFTED

VOCABULARIES = Path(__file__).parents[2] / "vendor" / "llama.cpp" / "models"


def test_build_info():
    info = build_info()
    assert "CPU" in info.backends
    assert info.llama_version


def test_facts(model):
    found = model("dream")
    assert found.architecture == "dream"
    assert (found.metadata["dream.block_count"], found.metadata["dream.embedding_length"]) == (
        "2",
        "64",
    )
    assert found.n_ctx_train == 4096
    assert found.n_vocab == 262
    assert found.n_parameters > 262 * 64
    assert found.metadata["dream.context_length"] == "4096"
    assert found.chat_template is None


@pytest.mark.parametrize("arch", DIFFUSION)
def test_shift_is_the_architectures_where_the_file_is_silent(model, arch):
    assert model(arch).is_diffusion
    assert model(arch).shift_logits == (arch in SHIFTED)
    assert ("diffusion.shift_logits" in model(arch).metadata) == arch.startswith("llada")


def test_an_autoregressive_model_is_none(model):
    assert not model("llama").is_diffusion
    assert not model("llama").shift_logits


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
def test_header_and_library_agree_on_the_kind(model, model_file, arch):
    kind = read_header(model_file(arch)).kind
    assert (kind == "diffusion") == model(arch).is_diffusion


def damaged(data: bytes) -> dict[str, tuple[bytes, str]]:
    """Files that cannot be loaded, and what must be said of each."""
    return {
        "empty": (b"", "not a GGUF"),
        "text": (b"Once upon a time", "not a GGUF"),
        "magic only": (data[:4], "cannot be read as a GGUF"),
        "cut in the header": (data[:300], "cannot be read as a GGUF"),
        "cut in the weights": (data[: len(data) // 2], "incomplete"),
        "unknown architecture": (data.replace(b"llada", b"lladx"), "architecture: 'lladx'"),
        "a tensor missing": (data.replace(b"output_norm", b"output_nrom"), "output_norm.weight"),
        "version 1": (data[:4] + b"\1\0\0\0" + data[8:], "GGUFv1"),
    }


@pytest.mark.parametrize("case", damaged(b""))
def test_refused_files(model_file, tmp_path, case):
    contents, words = damaged(model_file("llada").read_bytes())[case]
    path = tmp_path / "broken.gguf"
    path.write_bytes(contents)
    with pytest.raises(ModelLoadError) as refusal:
        Model(path)
    message = str(refusal.value)
    assert words in message
    assert "broken.gguf" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["missing.gguf", "."])
def test_no_file(tmp_path, name):
    with pytest.raises(ModelLoadError, match="cannot read"):
        Model(tmp_path / name)


def test_a_vocabulary_alone_is_no_model():
    path = VOCABULARIES / "ggml-vocab-gpt-2.gguf"
    if not path.exists():
        pytest.skip("needs the vendored llama.cpp")
    with pytest.raises(ModelLoadError, match="token_embd"):
        Model(path)
    with Model(path, vocabulary_only=True) as vocabulary:
        assert len(vocabulary.vocabulary) == 50257


def test_progress(model_file):
    heard = []
    Model(model_file("llada"), on_progress=heard.append).close()
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)


def test_progress_may_stop_loading(model_file):
    with pytest.raises(ModelLoadError):
        Model(model_file("llada"), on_progress=lambda share: False)


def test_an_exception_of_the_listener_comes_through(model_file):
    def listener(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Model(model_file("llada"), on_progress=listener)


@pytest.mark.parametrize("open_context", [False, True])
def test_an_interrupt_while_the_library_logs(model_file, monkeypatch, capfd, open_context):
    def interrupted(line: str) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    model = Model(model_file("llada"))
    monkeypatch.setattr(library._log, "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        CanvasContext(model, length=32) if open_context else Model(model_file("llada"))
    assert capfd.readouterr() == ("", "")
    CanvasContext(model, length=32).close()


def test_closing_a_model_closes_what_uses_it(model_file):
    model = Model(model_file("llada"))
    vocabulary, context = model.vocabulary, CanvasContext(model, length=32)
    model.close()
    model.close()
    with pytest.raises(ClosedError):
        vocabulary.tokenize("hello")
    with pytest.raises(ClosedError):
        context.logits([Query(np.zeros(4, np.int32), np.array([0]))])
    with pytest.raises(ClosedError):
        CanvasContext(model, length=32)
    with pytest.raises(ClosedError):
        _ = model.n_parameters


def test_a_context_keeps_its_model_alive(model_file):
    context = CanvasContext(Model(model_file("llada")), length=32)
    gc.collect()
    (found,) = context.logits([Query(np.zeros(4, np.int32), np.array([0]))])
    assert np.isfinite(found).all()


def test_a_sampler_outlives_its_model(model_file):
    model = Model(model_file("llama"))
    sampler = Sampler(model, seed=1)
    model.close()
    sampler.accept(3)
    sampler.close()
    with pytest.raises(ClosedError):
        sampler.accept(3)
