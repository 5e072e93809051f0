"""The measured cost of a pass decides how much of the canvas it evaluates."""

from __future__ import annotations

import pytest

import hoshikage_cli as hk
from hoshikage_cli.decoding.cache import cheapest_window
from hoshikage_cli.engines import pass_costs as costs
from hoshikage_cli.llama.canvases import CanvasContext

STEP_AT_64 = ((16, 1.0), (32, 2.5), (48, 2.6), (64, 1.2), (128, 3.0))


@pytest.mark.parametrize(
    ("needed", "window"), [(8, 16), (16, 16), (20, 64), (33, 64), (64, 64), (100, 100), (200, 200)]
)
def test_more_positions_are_taken_where_they_are_cheaper(needed, window):
    assert cheapest_window(needed, STEP_AT_64) == window


def test_without_a_curve_no_more_than_needed():
    assert cheapest_window(20, ()) == 20


def test_a_tie_goes_to_the_larger_window():
    assert cheapest_window(16, ((16, 1.0), (32, 1.0), (64, 2.0))) == 32


def test_the_curve_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    measured = []
    monkeypatch.setattr(costs, "measure", lambda context: measured.append(1) or STEP_AT_64)
    for _ in range(2):
        with hk.load("hoshi-tiny", threads=1) as generator:
            result = generator.generate("Hello!", fast=True, block_length=20, max_tokens=80)
            assert result.settings["cache_window"] == 64
    assert len(measured) == 1


def test_a_curve_has_ascending_sizes_and_positive_costs():
    with (
        hk.load("hoshi-tiny") as generator,
        generator.engine.contexts.lease(CanvasContext, length=80, threads=1) as context,
    ):
        curve = costs.measure(context)
    assert [size for size, _ in curve] == [8, 16, 32, 48, 64]
    assert all(cost > 0 for _, cost in curve)


def test_a_damaged_file_is_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with (
        hk.load("hoshi-tiny") as generator,
        generator.engine.contexts.lease(CanvasContext, length=40, threads=1) as context,
    ):
        costs.costs_of(context)
        (path,) = (tmp_path / "hoshikage" / "costs").iterdir()
        path.write_text("[[8, ")
        assert costs.costs_of(context)
