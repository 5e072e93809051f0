"""What does not fit into memory is refused before it is loaded, from the header alone."""

from __future__ import annotations

import shutil
import time

import pytest

import random_model
from hoshikage_cli.cli import setup
from hoshikage_cli.display.display import Display
from hoshikage_cli.generation import generator
from hoshikage_cli.llama.memory import available
from hoshikage_cli.models import fit
from hoshikage_cli.models.header import read_header

GIB = 1 << 30


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A header of a model of 100 GB, whose weights are a hole in the file."""
    return random_model.write_header(
        tmp_path_factory.mktemp("huge") / "huge.gguf",
        random_model.Shape("llada", layers=64, width=8192, heads=64, feed_forward=32768),
    )


def test_a_model_of_a_hundred_gigabytes(hoshikage, huge):
    assert 100e9 < huge.stat().st_size < 600e9
    assert huge.stat().st_blocks * 512 < 1 << 20
    began = time.process_time()
    header = read_header(huge)
    with pytest.raises(fit.DoesNotFit):
        fit.refuse_unfit(fit.need_of(header, 128, header.size_bytes, True), "huge", 128)
    assert time.process_time() - began < 0.5
    run = hoshikage("generate", "-m", huge, "hi")
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1)
    assert f"it takes {header.size_bytes / GIB:,.1f}"[:-2] in run.stderr
    assert "of weights" in run.stderr
    assert "GiB are free: take a smaller quantisation" in run.stderr
    assert "--force" in run.stderr


def need(header, **given):
    return fit.need_of(header, **{"positions": 256, "size": 10, "at_once": True, **given})


def test_what_a_run_takes(model_file):
    header = read_header(model_file("llada"))
    vocabulary, layers, width, heads = header.n_vocab, 2, 64, 2 * 64 // 4
    told = need(header)
    assert (told.weights, told.logits) == (10, 2 * 256 * vocabulary * 4)
    assert told.cells == 256 * layers * heads * 2 * 2
    assert told.passes == 256 * (2 * width + 2 * 128) * 4 + 256 * 256 * 2
    one = need(header, at_once=False)
    assert (one.cells, one.logits) == (told.cells, 2 * vocabulary * 4)


def test_what_fits_is_not_refused(model_file, monkeypatch):
    header = read_header(model_file("llada"))
    told = need(header)
    monkeypatch.setattr(fit, "available", lambda: told.total)
    fit.refuse_unfit(told, "it", 256)
    monkeypatch.setattr(fit, "available", lambda: told.total - 1)
    with pytest.raises(fit.DoesNotFit, match=r"lower --max-tokens or --max-length \(256\), or go"):
        fit.refuse_unfit(told, "it", 256)
    monkeypatch.setattr(fit, "available", lambda: None)
    fit.refuse_unfit(told, "it", 256)


def test_what_is_forced_stays_mapped(model_file, monkeypatch):
    loaded = []
    monkeypatch.setattr(generator, "load_file", lambda *_, repack, **__: loaded.append(repack))
    path = str(model_file("llada"))
    for free, flags in ((None, {}), (None, {"force": True}), (0, {"force": True})):
        monkeypatch.setattr(fit, "available", lambda free=free: free)
        setup.load_model(setup.choose({"model": path, **flags}), Display())
    assert loaded == [True, True, False]


def test_an_answer_that_does_not_fit_is_refused_by_its_length(hoshikage):
    if available() is None:
        pytest.skip("the system does not say what is free")
    run = hoshikage("generate", "-n", "1000000", "-c", "2000000", "hi")
    assert (run.returncode, run.stderr.count("\n")) == (1, 2)
    assert "of passes" in run.stderr
    assert "lower --max-tokens or --max-length (1,000,000)" in run.stderr


def test_who_insists_may_go_on(hoshikage, tmp_path, model_file):
    """As far as it goes: what remains is told by the library's own limits."""
    run = hoshikage("generate", "-n", "1000000", "-c", "2000000", "--force", "hi")
    assert "does not fit" not in run.stderr


def test_all_files_of_a_split_model_count(tmp_path, model_file):
    whole = read_header(model_file("llada"))
    first = tmp_path / "m-00001-of-00002.gguf"
    shutil.copy(whole.path, first)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(bytes(1000))
    header = read_header(first)
    header.metadata["split.count"] = 2
    assert header.size_bytes == whole.size_bytes + 1000
