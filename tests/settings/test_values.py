"""Values: what is accepted in each layer, and what is refused and in which words."""

from __future__ import annotations

import pytest

from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.declared import ALGORITHMS, SCHEDULES

from .given import resolved, told


@pytest.mark.parametrize(("number", "name"), list(enumerate(ALGORITHMS)))
def test_algorithms_by_number_and_name_in_every_layer(number, name):
    assert told("algorithm", flags={"algorithm": number})[0] == name
    assert told("algorithm", flags={"algorithm": str(number)})[0] == name
    assert told("algorithm", flags={"algorithm": name.upper()})[0] == name
    assert told("algorithm", environ={"DIFFUSION_ALGORITHM": str(number)})[0] == name
    assert told("algorithm", environ={"DIFFUSION_ALGORITHM": name})[0] == name
    assert told("algorithm", config={"algorithm": number})[0] == name
    assert told("algorithm", config={"algorithm": name})[0] == name


@pytest.mark.parametrize(("number", "name"), list(enumerate(SCHEDULES)))
def test_schedules_by_number_and_name(number, name):
    assert told("schedule", flags={"schedule": str(number)})[0] == name
    assert told("schedule", environ={"DIFFUSION_SCHEDULE": name})[0] == name


def test_minus_one_is_a_random_seed():
    assert told("seed", flags={"seed": "-1"}) == (None, "flag")
    assert told("seed", flags={"seed": "7"}) == (7, "flag")


def test_an_empty_variable_is_no_variable():
    assert told("steps", environ={"DIFFUSION_STEPS": ""}) == (50, "default")


@pytest.mark.parametrize(("word", "value"), [("1", True), ("no", False), ("On", True)])
def test_switches_from_variables(word, value):
    assert told("chat", environ={"HOSHIKAGE_CHAT": word}) == (value, "environment")


REFUSED = [
    ({"flags": {"steps": "x"}}, "--steps: 'x' is not a whole number: give a whole number from 0"),
    ({"flags": {"steps": "-1"}}, "--steps: '-1' is out of range"),
    ({"flags": {"steps": "1.5"}}, "--steps: '1.5' is not a whole number"),
    ({"flags": {"steps": True}}, "--steps: True is not a whole number"),
    ({"flags": {"max_tokens": "99999999999"}}, "out of range"),
    ({"flags": {"temperature": "nan"}}, "--temperature: 'nan' is not a number"),
    ({"flags": {"top_p": "0"}}, "--top-p: '0' is out of range: give a number above 0 up to 1"),
    ({"flags": {"eps": "0"}}, "--eps: '0' is out of range"),
    ({"flags": {"cfg_scale": "-0.1"}}, "--cfg-scale: '-0.1' is out of range"),
    ({"flags": {"algorithm": "5"}}, "0 origin, 1 entropy, 2 margin, 3 random or 4 confidence"),
    ({"flags": {"algorithm": "entropie"}}, "did you mean entropy?"),
    ({"flags": {"eos_policy": "1"}}, "choose natural, suppress or last"),
    ({"flags": {"stepss": 1}}, "no setting 'stepss'; did you mean steps?"),
    ({"environ": {"DIFFUSION_STEPS": "many"}}, "DIFFUSION_STEPS: 'many' is not a whole number"),
    ({"environ": {"HOSHIKAGE_CHAT": "maybe"}}, "HOSHIKAGE_CHAT: 'maybe' is neither yes nor no"),
    ({"config": {"stpes": 3}}, "no key in the config file: 'stpes'; did you mean steps?"),
    ({"config": {"steps": "many"}}, "config file: steps: 'many' is not a whole number"),
    ({"config": {"json": True}}, "no key in the config file: 'json'"),
    ({"config": {"model": 7}}, "config file: model: 7 is not text"),
    ({"flags": {"eps": ".1", "block_length": "8"}}, "--eps and --block-length belong to different"),
    ({"flags": {"eps": ".1", "schedule": "1"}}, "--eps belongs to --schedule timestep, not"),
    ({"flags": {"max_tokens": "3", "max_length": "9"}}, "exclude each other"),
]


@pytest.mark.parametrize(("layers", "words"), REFUSED)
def test_refused_in_one_clear_line(layers, words):
    with pytest.raises(SettingsError) as caught:
        resolved(**layers)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
