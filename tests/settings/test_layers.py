"""Layers that are put together once and asked for several runs."""

from __future__ import annotations

from hoshikage_cli.llama.families import AUTOREGRESSIVE
from hoshikage_cli.settings.layers import Layers


def test_without_any_there_are_flags_and_defaults():
    found = Layers().resolve({"steps": "4", "seed": None})
    assert (found.value("steps"), found.sources["steps"]) == (4, "flag")
    assert (found.value("seed"), found.sources["seed"]) == (None, "default")


def test_the_config_file_is_read_once(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("steps = 4\n")
    layers = Layers.read({"HOSHIKAGE_CONFIG": str(path), "HOSHIKAGE_TOP_K": "3"})
    path.write_text("steps = ")
    found = layers.resolve({})
    assert (found.value("steps"), found.sources["steps"]) == (4, "config")
    assert (found.value("top_k"), found.sources["top_k"]) == (3, "environment")


def test_a_model_adds_its_advice_and_the_defaults_of_its_kind():
    without = Layers(config={"seed": 1})
    layers = without.of_model({"max_tokens": 48}, AUTOREGRESSIVE)
    found = layers.resolve({})
    assert (found.value("max_tokens"), found.sources["max_tokens"]) == (48, "model")
    assert (found.value("temperature"), found.value("seed")) == (0.8, 1)
    assert without.resolve({}).value("max_tokens") == 128


def test_settings_of_a_record_go_before_flags_for_that_record_alone():
    layers, flags = Layers(config={"factor": 1}), {"threshold": "0.9", "max_tokens": "8"}
    own = layers.resolve(flags, {"entropy_bound": 0.5, "max_length": 64})
    values = [own.value(n) for n in ("threshold", "factor", "entropy_bound", "max_length")]
    assert values == [None, None, 0.5, 64]
    assert layers.resolve(flags).value("threshold") == 0.9
