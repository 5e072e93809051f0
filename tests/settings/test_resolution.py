"""Resolution: which layer wins, and which of two that cannot stand together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.declared import alternatives, declarations

from .given import resolved, told


def test_defaults_of_the_design_card():
    found = resolved()
    rows = {name: (value, source) for name, value, source in found.rows()}
    assert rows["steps"] == ("50", "default")
    assert rows["algorithm"] == ("4 (confidence)", "default")
    assert rows["schedule"] == ("0 (timestep)", "default")
    assert rows["cfg-scale"] == ("0.0", "default")


def test_each_layer_beats_the_one_below():
    layers = {"advice": {"max_tokens": 1}}
    assert told("max_tokens", **layers) == (1, "model")
    layers["config"] = {"max-tokens": 2}
    assert told("max_tokens", **layers) == (2, "config")
    layers["environ"] = {"HOSHIKAGE_MAX_TOKENS": "3"}
    assert told("max_tokens", **layers) == (3, "environment")
    layers["flags"] = {"max_tokens": "4"}
    assert told("max_tokens", **layers) == (4, "flag")


def test_the_four_variables_of_the_card():
    card = {
        "DIFFUSION_STEPS": "8",
        "DIFFUSION_ALGORITHM": "1",
        "DIFFUSION_SCHEDULE": "1",
        "DIFFUSION_CFG_SCALE": "0.5",
    }
    found = resolved(environ=card)
    values = [found.value(n) for n in ("steps", "algorithm", "schedule", "cfg_scale")]
    assert values == [8, "entropy", "block", 0.5]
    assert {found.sources[n] for n in ("steps", "algorithm", "schedule", "cfg_scale")} == {
        "environment"
    }


@pytest.mark.parametrize("cache", ["prefix", "dual"])
def test_a_cache_of_blocks_brings_blocks_unless_its_layer_says_otherwise(cache):
    given = {"cache": cache}
    assert told("schedule", flags=given) == ("block", "flag")
    assert told("schedule", flags=given, environ={"DIFFUSION_SCHEDULE": "linear"})[0] == "block"
    assert told("schedule", config=given) == ("block", "config")
    assert told("schedule", flags={**given, "schedule": "linear"}) == ("linear", "flag")
    assert told("schedule", flags={**given, "eps": "0.01"}) == ("timestep", "flag")
    assert told("schedule", config=given, flags={"schedule": "linear"}) == ("linear", "flag")


@pytest.mark.parametrize("cache", ["none", "active"])
def test_other_caches_leave_the_schedule_alone(cache):
    assert told("schedule", flags={"cache": cache}) == ("timestep", "default")


def test_eps_and_block_length_imply_their_schedule():
    assert told("schedule", flags={"block_length": "8"}) == ("block", "flag")
    beaten = {"DIFFUSION_SCHEDULE": "block"}
    assert told("schedule", flags={"eps": "0.01"}, environ=beaten) == ("timestep", "flag")
    implied = {"HOSHIKAGE_BLOCK_LENGTH": "8"}
    assert told("schedule", flags={"schedule": "linear"}, environ=implied) == ("linear", "flag")


def test_autoregressive_models_have_their_own_defaults():
    assert told("temperature") == (0.0, "default")
    assert told("temperature", kind="autoregressive") == (0.8, "default")
    assert told("top_k", kind="autoregressive") == (40, "default")
    assert told("max_tokens", kind="autoregressive") == (512, "default")
    asked = {"flags": {"temperature": "0"}, "kind": "autoregressive"}
    assert told("temperature", **asked) == (0.0, "flag")


def test_the_higher_of_two_that_exclude_each_other_stays():
    found = resolved(flags={"max_length": "99"}, advice={"max_tokens": 48})
    assert (found.value("max_length"), found.value("max_tokens")) == (99, None)
    found = resolved(flags={"max_tokens": "9"}, config={"max_length": 99})
    assert (found.value("max_length"), found.value("max_tokens")) == (None, 9)


def test_what_displaced_a_default_is_its_source():
    found = resolved(flags={"max_length": "99"})
    assert (found.value("max_tokens"), found.sources["max_tokens"]) == (None, "flag")
    found = resolved(flags={"factor": "1"}, config={"threshold": 0.9})
    assert (found.value("threshold"), found.sources["threshold"]) == (None, "default")


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        ("flags", {"factor": "1", "threshold": "1"}),
        ("environ", {"HOSHIKAGE_FACTOR": "1", "HOSHIKAGE_THRESHOLD": "1"}),
        ("config", {"factor": 1, "threshold": 1}),
    ],
)
def test_alternatives_cannot_stand_in_one_layer(layer, given):
    with pytest.raises(SettingsError) as caught:
        resolved(**{layer: given})
    assert str(caught.value) == "--threshold and --factor exclude each other: give one of them"


def test_a_preset_gives_way_to_an_alternative_of_its_own_layer():
    found = resolved(flags={"fast": True, "factor": "1", "cache": "prefix"})
    assert (found.value("threshold"), found.value("factor")) == (None, 1.0)
    assert (found.value("cache"), found.value("schedule")) == ("prefix", "block")
    found = resolved(flags={"fast": True}, config={"factor": 1})
    assert (found.value("threshold"), found.value("factor")) == (0.9, None)


# ------------------------------------------------------------- whatever stands in whatever layer

FREE = ("steps", "temperature", "top_k", "seed", "cache_refresh")
"""Settings that stand alone: nothing implies, excludes or presets them without a switch."""
LENGTHS = alternatives()["length"]
LAYERS = {
    "flag": "flags",
    "environment": "environ",
    "config": "config",
    "model": "advice",
    "family": "family",
}
"""The argument of each layer, from the highest layer down."""


def in_layers(layers, kind):
    """{source: {name: value}} resolved."""
    arguments = {LAYERS[source]: values for source, values in layers.items()}
    environ = {declarations()[n].variables[0]: str(v) for n, v in arguments["environ"].items()}
    return resolved(**{**arguments, "environ": environ}, kind=kind)


@st.composite
def one_of_each_group(draw):
    """Values of at most one setting of each group, as any layer may have them."""
    groups = [
        [n for n in names if declarations()[n].variables] for names in alternatives().values()
    ]
    chosen = [draw(st.sampled_from((None, *names))) for names in groups]
    return {name: 64 if name in LENGTHS else 0.5 for name in chosen if name}


def any_layers(layer):
    return st.fixed_dictionaries(dict.fromkeys(LAYERS, layer))


kinds = st.sampled_from((None, "diffusion", "block", "autoregressive"))


@given(any_layers(st.dictionaries(st.sampled_from(FREE), st.integers(1, 9))), kinds)
def test_the_highest_layer_wins(layers, kind):
    found = in_layers(layers, kind)
    for name in FREE:
        source = next((layer for layer in LAYERS if name in layers[layer]), "default")
        default = {"default": {name: declarations()[name].default_for(kind)}}
        assert found.sources[name] == source
        assert found.value(name) == {**layers, **default}[source][name]


@given(any_layers(one_of_each_group()), kinds)
def test_of_alternatives_that_of_the_highest_layer_counts(layers, kind):
    found = in_layers(layers, kind)
    for names in alternatives().values():
        counting = [name for name in names if found.value(name) is not None]
        typed = [name for layer in LAYERS for name in names if name in layers[layer]]
        by_default = [name for name in names if declarations()[name].default is not None]
        assert counting == (typed or by_default)[:1]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            {"flags": {"threshold": "0.9"}, "config": {"algorithm": "origin"}},
            "--algorithm origin decides by itself what to unmask: leave out --threshold",
        ),
        ({"flags": {"factor": "1", "algorithm": "0"}}, "leave out --factor, or choose another"),
    ],
)
def test_an_algorithm_that_takes_no_rule(layers, words):
    with pytest.raises(SettingsError, match=words):
        resolved(**layers)


def test_a_rule_gives_way_to_an_algorithm_that_takes_none():
    below = {"config": {"threshold": 0.9}}
    assert told("threshold", flags={"algorithm": "origin"}, **below) == (None, "default")
    fast = {"flags": {"fast": True, "algorithm": "origin"}}
    assert told("threshold", **fast) == (None, "default")
    assert told("cache", **fast) == ("dual", "flag")
