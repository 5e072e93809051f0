"""What a family sets by default, and what goes before it."""

from __future__ import annotations

import pytest

from hoshikage_cli.decoding.profile import PROFILES
from hoshikage_cli.errors import SettingsError
from hoshikage_cli.llama.families import FAMILIES, NAMED
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.family import defaults_of
from hoshikage_cli.settings.layers import Layers
from hoshikage_cli.settings.values import parse

IN_BLOCKS = [family for family in FAMILIES if family.kind == "block"]


def of_family(name, flags=(), advice=(), **layers):
    return Layers(**layers).of_model(dict(advice), NAMED[name]).resolve(dict(flags))


def test_every_family_on_borrowed_weights_has_a_profile():
    assert set(PROFILES) == {family.name for family in FAMILIES if family.others}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_defaults_are_values_that_could_have_been_typed(family):
    found = defaults_of(family)
    assert bool(found) == (family.kind == "block")
    for name, value in found.items():
        known = declarations()[name]
        assert parse(known, value, name) == value
        assert known.read_by("block")


@pytest.mark.parametrize("family", IN_BLOCKS, ids=lambda family: family.name)
def test_the_defaults_are_the_profiles(family):
    found, profile = of_family(family.name), PROFILES[family.name]
    for name in ("block_length", "steps", "algorithm", "temperature", "top_k", "top_p"):
        assert (found.value(name), found.sources[name]) == (getattr(profile, name), "family")
    assert found.value("sub_block") == (profile.sub_block or None)
    assert found.value("edit_threshold") == profile.edit_threshold
    assert found.value("max_post_steps") == profile.max_post_steps
    threshold = profile.parallel.limits[0] if profile.parallel else None
    assert found.value("threshold") == threshold


def test_everything_goes_before_the_family_and_the_family_before_the_default():
    layers = {"config": {"steps": 3}, "environ": {"HOSHIKAGE_TEMP": "0.5"}}
    found = of_family("fast-dllm-v2", {"sub_block": "0"}, {"block_length": 16}, **layers)
    told = {name: (found.value(name), found.sources[name]) for name in declarations()}
    assert told["sub_block"] == (None, "flag")
    assert told["steps"] == (3, "config")
    assert told["temperature"] == (0.5, "environment")
    assert told["block_length"] == (16, "model")
    assert told["top_p"] == (0.95, "family")
    assert told["eos_policy"] == ("natural", "default")


def test_another_rule_takes_the_place_of_the_familys():
    found = of_family("sdar", {"factor": "1"})
    assert (found.value("threshold"), found.value("factor")) == (None, 1.0)
    found = of_family("sdar", {"algorithm": "origin"})
    assert (found.value("threshold"), found.value("algorithm")) == (None, "origin")


def test_what_decides_by_itself_takes_the_place_of_editing_too():
    found = of_family("llada2.1", {"algorithm": "origin"})
    assert (found.value("threshold"), found.value("edit_threshold")) == (None, None)
    with pytest.raises(SettingsError, match="leave out --edit-threshold, or choose another"):
        of_family("llada2.1", {"algorithm": "origin", "edit_threshold": "0.4"})


def test_editing_can_be_left_out():
    found = of_family("llada2.1", {"edit_threshold": "-1"})
    assert (found.value("edit_threshold"), found.sources["edit_threshold"]) == (None, "flag")


def test_what_is_not_read_takes_nothing_away():
    assert of_family("sdar", {"step": len}).value("threshold") == 0.85
    assert of_family("sdlm", {"algorithm": "origin"}).value("threshold") == 0.5


def test_guidance_for_blocks_is_refused_only_where_it_is_typed():
    with pytest.raises(SettingsError, match="not defined for models that write in blocks: leave"):
        of_family("sdar", {"cfg_scale": "1"})
    assert of_family("sdar", {"cfg_scale": "0"}).value("cfg_scale") == 0
    assert of_family("sdar", environ={"DIFFUSION_CFG_SCALE": "1"}).value("block_length") == 4
    assert of_family("a2d-mdlm", {"cfg_scale": "1"}).value("cfg_scale") == 1


def test_a_preset_that_is_not_read_sets_nothing():
    found = of_family("sdar", {"fast": True}, config={"fast": True})
    assert (found.value("threshold"), found.value("cache")) == (0.85, "none")
    assert of_family("a2d-mdlm", {"fast": True}).value("threshold") == 0.9


def test_editing_without_a_family_that_edits():
    found = of_family("sdar", {"edit_threshold": "0.5"})
    assert (found.value("edit_threshold"), found.value("max_post_steps")) == (0.5, 16)
    assert found.sources["max_post_steps"] == "default"
