"""What does not fit is refused before it is allocated."""

from __future__ import annotations

import subprocess
import time

import pytest

import hoshikage_cli as hk
from hoshikage_cli.llama import memory
from hoshikage_cli.llama.errors import ContextError
from program import PROGRAM


@pytest.fixture(scope="module", params=["hoshi-tiny", "hoshi-tiny-ar"])
def generator(request):
    with hk.load(request.param, threads=1) as loaded:
        yield loaded


def test_a_context_of_a_hundred_million_positions(generator):
    began = time.process_time()
    with pytest.raises(ContextError, match=r"takes [\d,.]+ GiB .*lower --ctx-size"):
        generator.generate("Hi", ctx_size=200_000_000, max_tokens=100_000_000)
    assert time.process_time() - began < 1


def test_the_square_of_a_canvas():
    """Attention is what does not fit of a canvas whose cells would."""
    refused = pytest.raises(ContextError, match="of attention")
    with hk.load("hoshi-tiny", threads=1) as generator, refused:
        generator.generate("Hi", ctx_size=2_000_000, max_tokens=1_500_000)


def test_threads_that_help_nothing(generator):
    with pytest.raises(ContextError, match="--threads 1024: more than .* lower --threads"):
        generator.generate("Hi", threads=1024, max_tokens=8)


def test_threads_under_a_limit_of_memory(environment):
    line = 'ulimit -v 3000000; exec "$@"'
    command = ["sh", "-c", line, "sh", *PROGRAM, "generate", "-q", "Hi", "-n", "8"]
    for threads, code in (("2", 0), ("1024", 1)):
        found = subprocess.run(
            [*command, "--threads", threads], capture_output=True, text=True, env=environment
        )
        assert found.returncode == code
        assert "libgomp" not in found.stderr
        assert found.stderr.count("\n") <= 1


def test_what_fits_is_not_refused(monkeypatch):
    free = memory.available()
    assert free is None or free > 0
    need = memory.Need(cells=10, mask=20, logits=30)
    monkeypatch.setattr(memory, "available", lambda: 60)
    memory.refuse_too_large(need, 1)
    monkeypatch.setattr(memory, "available", lambda: 59)
    with pytest.raises(ContextError):
        memory.refuse_too_large(need, 1)


def test_a_cell_is_as_large_as_the_file_says(generator):
    metadata = generator.model.metadata
    size = memory.bytes_of_cell(metadata)
    layers = int(metadata[f"{metadata['general.architecture']}.block_count"])
    assert size % (2 * layers) == 0
    assert size > 0
    assert (
        memory.bytes_of_cell({"general.architecture": "x", "x.attention.head_count": "[1, 2]"}) == 0
    )
