"""Programs that are measured beside us."""

from __future__ import annotations

import signal
import sys

from hoshikage_cli.bench.timing import run_measured


def test_a_program_sees_signals_as_ever():
    """While a display watches, ours are blocked in all threads, which a child would inherit."""
    asked = "import signal; print(*signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    ours = {signal.SIGQUIT, signal.SIGTSTP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ours)
    try:
        text, peak = run_measured([sys.executable, "-c", asked])
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= ours
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert text.strip() == b""
    assert peak > 0
