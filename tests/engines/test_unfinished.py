"""A run that is over may leave masks behind a complete answer, and nowhere else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hoshikage_cli.decoding.canvas import Canvas
from hoshikage_cli.engines.diffusion import _unfinished
from hoshikage_cli.errors import RunError

END, MASK = 9, 1


def wrong(tokens: list[int], early_stop: bool = True, complete: bool = False) -> RunError | None:
    run = SimpleNamespace(
        canvas=Canvas(np.array(tokens, np.int32), 2, MASK), end_tokens=np.array([END], np.int32)
    )
    job = SimpleNamespace(early_stop=early_stop, is_complete=lambda canvas: complete)
    return _unfinished(job, run)


def test_what_is_finished():
    assert wrong([5, 5, 6, 7]) is None
    assert wrong([5, 5, 6, END, MASK]) is None
    assert wrong([5, 5, 6, MASK], complete=True) is None


@pytest.mark.parametrize("tokens", [[5, 5, 6, MASK], [5, 5, MASK, END], [5, MASK, 6, END, MASK]])
def test_what_is_not(tokens):
    assert "left masked" in str(wrong(tokens))


def test_without_an_early_stop_none_may_be_left():
    assert wrong([5, 5, 6, END, MASK, MASK], early_stop=False) is not None
