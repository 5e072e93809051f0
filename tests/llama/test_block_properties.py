"""Whatever a context was asked before, its rows are those of a fresh one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.llama import block_context
from hoshikage_cli.llama.block_attention import BlockAttention
from hoshikage_cli.llama.block_context import BlockContext
from hoshikage_cli.llama.errors import DecodeAborted

MASK = 261
SEQUENCES = 2
LONGEST = 23
ROUNDING = 1e-5

PATTERNS = (
    BlockAttention(4),
    BlockAttention(5, shift="in block", first="autoregressive"),
    BlockAttention(4, shift="row before"),
    BlockAttention(4, text="causal", first="autoregressive"),
    BlockAttention(4, text="causal", block="causal", shift="row before"),
    BlockAttention(4, block="causal"),
)


@dataclass(frozen=True)
class Asked:
    """The beginning of one text, edited, what of it is asked for, and when that is stopped. Few
    edits and lengths to choose from, so that the same text comes again."""

    edits: tuple[int, ...]
    length: int
    origin: int
    sequence: int
    share: tuple[bool, ...]
    part: bool
    stopped_before: int | None

    def query(self, attention: BlockAttention) -> Query:
        tokens = np.arange(self.length, dtype=np.int32) + 40
        tokens[[place for place in self.edits if place < self.length]] = MASK
        start = attention.border(self.length - 1, self.origin)
        block = np.arange(start, self.length)
        positions = block[np.resize(self.share, len(block))]
        part = positions if self.part else None
        return Query(tokens, positions, part, self.sequence, self.origin)


ASKED = st.builds(
    Asked,
    edits=st.lists(st.sampled_from([2, 9, 13]), max_size=2).map(tuple),
    length=st.sampled_from([3, 12, 16, 16, 23]),
    origin=st.sampled_from([0, 0, 0, 6, 13]),
    sequence=st.sampled_from([0, 0, 1]),
    share=st.sampled_from([(True,), (False,), (True, False), (False, True)]),
    part=st.sampled_from([False, False, True]),
    stopped_before=st.sampled_from([None, None, None, None, 0, 1, 2]),
)


class Stoppable(BlockContext):
    """Stops before one of the passes of a call."""

    left: int | None = None

    def _decode(self) -> None:
        if self.left == 0:
            self.abort()
        if self.left is not None:
            self.left -= 1
        super()._decode()


def contexts(model, attention, one_pass):
    common = {"threads": 1, "mask_token": MASK, "cell_type": "F32", "one_pass": one_pass}
    # A small batch, so that texts take several passes, and little room, so that it grows.
    used = Stoppable(model, attention, length=3, sequences=SEQUENCES, batch=16, **common)
    return used, BlockContext(model, attention, length=LONGEST, **common)


@pytest.fixture
def eager(monkeypatch):
    """However little two texts begin with in common, it is copied."""
    monkeypatch.setattr(block_context, "COPIED", 0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("one_pass", [None, False])
@pytest.mark.parametrize("attention", PATTERNS, ids=lambda a: "-".join(map(str, vars(a).values())))
def test_rows_do_not_depend_on_what_was_asked_before(model, attention, one_pass):
    used, fresh = contexts(model("qwen3"), attention, one_pass)

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ASKED, min_size=3, max_size=10))
    def hold(asked: list[Asked]) -> None:
        used.clear()
        for each in asked:
            query = each.query(attention)
            rows = answer(used, query, each.stopped_before)
            # Part of a block sees what the rest of it was, not what it is.
            if rows is not None and not each.part:
                check(rows, fresh, query)

    with used, fresh:
        hold()


def answer(context: Stoppable, query: Query, stopped_before: int | None) -> np.ndarray | None:
    context.left = stopped_before
    try:
        (rows,) = context.logits([query])
    except DecodeAborted:
        return None
    finally:
        context.left = None
    return rows.copy()


def check(rows: np.ndarray, fresh: BlockContext, query: Query) -> None:
    fresh.clear()
    (wanted,) = fresh.logits([Query(query.tokens, query.positions, origin=query.origin)])
    assert rows.shape == wanted.shape
    if len(wanted):
        assert np.abs(rows - wanted).max() <= ROUNDING * np.abs(wanted).max()
