"""Signals while our own loops go over rows: they stop there, as passes do."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from hoshikage_cli.decoding.proposal import ProposalRule
from hoshikage_cli.llama import library
from hoshikage_cli.llama.errors import DecodeAborted
from hoshikage_cli.llama.rows import reduce_rows
from hoshikage_cli.llama.score import log_probabilities

ROWS, COLUMNS = 40_000, 20_000
"""Some three gigabytes of zeros, of which none is in memory: seconds of work for any machine."""
ENDING = ("INT", "TERM", "HUP")


@pytest.fixture(params=ENDING)
def sent(request):
    """Sends the signal in a while."""
    number = getattr(signal, f"SIG{request.param}")
    before = signal.signal(number, lambda *_: None)
    library.clear_interrupt()
    library.abort_on_interrupt()
    sender = threading.Timer(0.1, os.kill, (os.getpid(), number))
    yield sender
    sender.cancel()
    library.clear_interrupt()
    signal.signal(number, before)


def reduced(rows, threads):
    rule = ProposalRule(temperature=1.0, gumbel=True, seed=1)
    return reduce_rows(rows, None, np.arange(len(rows)), 0, rule, threads)


def scored(rows, threads):
    return log_probabilities(rows, None, np.zeros(len(rows), np.int32), threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("loop", [reduced, scored], ids=["rows", "scores"])
def test_a_loop_over_rows_is_stopped(sent, loop, threads):
    rows = np.zeros((ROWS, COLUMNS), np.float32)
    sent.start()
    began = time.process_time()
    with pytest.raises(DecodeAborted):
        loop(rows, threads)
    assert time.process_time() - began < 2
    library.clear_interrupt()
    # And it can be gone on with.
    loop(rows[:3], threads)
