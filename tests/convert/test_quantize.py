"""`hoshikage quantize`: the bytes of llama-quantize, and nothing half done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import gguf
import numpy as np
import pytest

from hoshikage_cli.convert import quantize as quantizing
from hoshikage_cli.errors import RunError, UsageError
from hoshikage_cli.llama.errors import LlamaError
from hoshikage_cli.llama.model import Model
from hoshikage_cli.llama.quantize import quantize
from hoshikage_cli.models.catalogue import shipped_path
from hoshikage_cli.models.header import read_header
from hoshikage_cli.models.quantisations import CALIBRATED, QUANTISATIONS, quantisation_of
from program import PROGRAM

HOSHI = shipped_path("hoshi-tiny")
PEER = Path(__file__).parents[2] / "vendor" / "peer" / "bin" / "llama-quantize"


@pytest.fixture(scope="module")
def wide(model_file):
    """A model in single precision whose rows any type can divide."""
    return model_file("llada", name="wide", width=256, feed_forward=256, heads=4)


def tensors(path):
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


@pytest.mark.parametrize("name", ["Q4_0", "Q8_0", "Q5_1", "F16"])
def test_weights_are_those_of_the_definition(wide, tmp_path, name):
    """gguf-py quantises in numpy: another program, the same bytes."""
    made = quantizing.quantize(read_header(wide), tmp_path / "out.gguf", QUANTISATIONS[name])
    kind = gguf.GGMLQuantizationType[name]
    before, after = tensors(wide), tensors(made.path)
    assert before.keys() == after.keys()
    quantised = [each for each in after if after[each].tensor_type == kind]
    assert len(quantised) >= 14
    for each in quantised:
        wanted = gguf.quants.quantize(before[each].data, kind)
        np.testing.assert_array_equal(after[each].data.view(np.uint8), wanted.view(np.uint8))


@pytest.mark.skipif(not PEER.exists(), reason="llama-quantize is in the peer's build: make peer")
@pytest.mark.parametrize("name", ["Q4_0", "Q8_0", "Q4_K_M"])
def test_files_are_those_of_llama_quantize(tmp_path, name):
    ours, theirs = tmp_path / "ours.gguf", tmp_path / "theirs.gguf"
    quantizing.quantize(read_header(HOSHI), ours, QUANTISATIONS[name], again=True)
    command = [PEER, "--allow-requantize", HOSHI, theirs, name]
    subprocess.run(command, check=True, capture_output=True)
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("name", QUANTISATIONS)
def test_every_type_makes_a_model(wide, tmp_path, name):
    wanted, target = QUANTISATIONS[name], tmp_path / "out.gguf"
    quantize(wide, target, wanted.number)
    header = read_header(target)
    assert header.metadata["general.file_type"] == wanted.number
    # A mixture for experts leaves a model without any as it is.
    assert name == "MXFP4_MOE" or wanted.type in {each.type for each in header.tensors}
    with Model(target) as model:
        assert model.n_parameters == header.n_parameters


@pytest.mark.parametrize("name", ["IQ2_XXS", "Q2_K_S"])
def test_types_that_want_a_matrix_are_refused(name):
    assert name in CALIBRATED
    with pytest.raises(UsageError, match="importance matrix"):
        quantisation_of(name.lower())


def test_what_the_library_refuses_is_a_line(wide, tmp_path):
    with pytest.raises(LlamaError, match="^cannot quantise wide.gguf: this quantization requires"):
        quantize(wide, tmp_path / "out.gguf", 19)


def test_how_far_it_is(wide, tmp_path):
    shares = []
    quantizing.quantize(
        read_header(wide), tmp_path / "o.gguf", QUANTISATIONS["Q8_0"], on_progress=shares.append
    )
    assert len(shares) == len(read_header(wide).tensors)
    assert shares == sorted(shares)
    assert shares[0] == 0 < shares[-1] < 1


def test_a_disk_that_is_too_small(wide, tmp_path, monkeypatch):
    usage = shutil._ntuple_diskusage(100, 99, 1)
    monkeypatch.setattr(quantizing.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RunError, match=r"takes 0\.0 GB, and 0\.0 GB are free in .*: make room"):
        quantizing.quantize(read_header(wide), tmp_path / "out.gguf", QUANTISATIONS["Q4_0"])
    assert not list(tmp_path.iterdir())


# -------------------------------------------------------------------------- the command


def test_a_model_is_quantised_and_answers(hoshikage, tmp_path):
    target = tmp_path / "small.gguf"
    run = hoshikage("quantize", "hoshi-tiny", target, "q4_0", "--requantize")
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr.startswith(f"hoshikage: {target} is Q4_0: 2.6 MiB, of 4.8")
    assert [each.name for each in tmp_path.glob("*.gguf")] == ["small.gguf"]
    answer = hoshikage("generate", "-m", target, "What is the capital of Japan?", "--seed", "1")
    assert "Tokyo" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{here}/in.gguf", "{here}/in.gguf", "Q4_0"), "is there already"),
        (("{here}/in.gguf", "{here}/link.gguf", "Q4_0"), "is there already"),
        (("{here}/in.gguf", "{here}/new.gguf", "Q4_0"), "is quantised already"),
        (("{here}/in.gguf", "{here}/new.bin", "Q4_0"), "let it end in .gguf"),
        (("{here}/in.gguf", "{here}/new.gguf", "Q4_K_L"), "did you mean Q4_K"),
        (("{here}/in.gguf", "{here}/new.gguf", "seven"), "there are F32, BF16"),
        (("{here}/none.gguf", "{here}/new.gguf", "Q4_0"), "no model"),
    ],
)
def test_what_is_refused(hoshikage, tmp_path, arguments, words):
    shutil.copy(HOSHI, tmp_path / "in.gguf")
    (tmp_path / "link.gguf").symlink_to("in.gguf")
    run = hoshikage("quantize", *(each.format(here=tmp_path) for each in arguments))
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr
    assert (tmp_path / "in.gguf").read_bytes() == HOSHI.read_bytes()


def test_a_model_is_not_written_over_itself(tmp_path):
    """Whoever calls it from Python."""
    shutil.copy(HOSHI, tmp_path / "in.gguf")
    with pytest.raises(UsageError, match="is the input"):
        quantizing.quantize(
            read_header(tmp_path / "in.gguf"), tmp_path / "in.gguf", QUANTISATIONS["Q8_0"]
        )


@pytest.fixture
def under_way(environment, model_file, tmp_path):
    """The program while it quantises, and what it has begun to write."""
    source = model_file("llada", name="slowly-quantised", width=1024, feed_forward=4096, layers=4)
    command = [*PROGRAM, "quantize", source, tmp_path / "out" / "out.gguf", "IQ3_S"]
    run = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    folder, until = tmp_path / "out", time.monotonic() + 120
    while not any(each.stat().st_size for each in folder.glob(".hoshikage-*")):
        assert time.monotonic() < until
        time.sleep(0.01)
    yield run, folder
    run.kill()
    run.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_at_once_and_leaves_nothing(under_way, number, code):
    run, folder = under_way
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    run.send_signal(number)
    began = time.monotonic()
    assert run.wait(30) == code
    assert time.monotonic() - began < 10
    assert not list(folder.iterdir())
    assert not any(is_running(child) for child in children)


def is_running(process):
    try:
        return "quantize" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False


def test_a_child_that_dies_is_a_failed_run(under_way):
    run, folder = under_way
    for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    _, told = run.communicate(timeout=60)
    assert (run.returncode, told.count("\n")) == (1, 1)
    assert "the work ended in the middle" in told
    assert not list(folder.iterdir())
