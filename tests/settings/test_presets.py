"""Presets: settings of papers, below flags and above all else."""

from __future__ import annotations

import pytest

from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.declared import PRESETS, declarations
from hoshikage_cli.settings.presets import presets
from hoshikage_cli.settings.resolve import resolve
from hoshikage_cli.settings.values import parse


def resolved(preset, kind="diffusion", environ=None, config=None, **flags):
    return resolve({"preset": preset, **flags}, environ or {}, config or {}, {"steps": 7}, kind)


def test_the_declared_names_are_those_of_the_file():
    assert tuple(presets()) == PRESETS


@pytest.mark.parametrize("preset", presets().values(), ids=PRESETS)
def test_a_preset_is_well_formed(preset):
    """Every value is one that its option takes and that its kind of model reads."""
    assert preset.source.count("/") >= 1
    assert preset.settings
    for name, value in preset.settings.items():
        known = declarations()[name]
        assert parse(known, value, name) == value
        assert known.read_by(preset.kind)
    found = resolved(preset.name, preset.kind)
    for name, value in preset.settings.items():
        assert (found.value(name), found.sources[name]) == (value, "preset")


def test_flags_go_before_and_all_else_behind():
    environ, config = {"HOSHIKAGE_STEPS": "3", "HOSHIKAGE_TOP_K": "9"}, {"block-length": 8}
    found = resolved("llada-paper", environ=environ, config=config, max_tokens="64")
    told = {name: found.value(name) for name in ("steps", "block_length", "max_tokens", "top_k")}
    assert told == {"steps": 128, "block_length": 32, "max_tokens": 64, "top_k": 9}
    sources = [found.sources[name] for name in told]
    assert sources == ["preset", "preset", "flag", "environment"]


def test_a_rule_that_is_typed_displaces_that_of_the_preset():
    found = resolved("fast-dllm", factor="1.5")
    assert (found.value("factor"), found.value("threshold")) == (1.5, None)


@pytest.mark.parametrize(
    ("preset", "kind", "words"),
    [
        ("sdar-dynamic", "diffusion", "choose llada-paper or fast-dllm or dream-paper"),
        ("llada-paper", "block", "choose sdar-static or sdar-dynamic"),
        ("llada-paper", "autoregressive", "leave it out"),
    ],
)
def test_a_preset_for_others_is_refused(preset, kind, words):
    with pytest.raises(SettingsError, match=words):
        resolved(preset, kind)


def test_a_variable_serves_all_models():
    environ = {"HOSHIKAGE_PRESET": "llada-paper", "HOSHIKAGE_STEPS": "3"}
    assert resolved(None, environ=environ).value("steps") == 128
    assert resolved(None, "block", environ=environ).value("steps") == 3


def test_an_unknown_preset():
    with pytest.raises(SettingsError, match="did you mean llada-paper"):
        resolved("lada-paper")


def test_runs_tell_the_settings_and_not_the_preset():
    assert "preset" not in resolved("llada-paper").values()
