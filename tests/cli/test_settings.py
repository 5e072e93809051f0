"""Resolution: which layer wins, what is accepted, what is refused and in which words."""

from __future__ import annotations

import pytest

from hoshikage_cli.decoding import schedule, selection
from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.declared import ALGORITHMS, SCHEDULES, declarations
from hoshikage_cli.settings.resolve import resolve, unknown_variables


def resolved(flags=(), environ=(), config=(), advice=(), kind="diffusion"):
    return resolve(dict(flags), dict(environ), dict(config), dict(advice), kind)


def told(name, **layers):
    """(value, source) of a setting."""
    found = resolved(**layers)
    return found.value(name), found.sources[name]


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


def test_variables_are_named_after_the_flags():
    names = {d.name: d.env for d in declarations().values()}
    assert names["temperature"] == "HOSHIKAGE_TEMP"
    assert names["model"] == "HOSHIKAGE_MODEL"
    assert names["steps"] == "DIFFUSION_STEPS"
    assert len({env for env in names.values() if env}) == len([e for e in names.values() if e])


def test_no_flag_is_declared_twice():
    flags = [flag for d in declarations().values() for flag in d.option.flags]
    assert len(flags) == len(set(flags))


def test_the_names_are_those_that_decoding_knows():
    assert ALGORITHMS == selection.ALGORITHMS
    assert set(SCHEDULES) == set(schedule.SCHEDULES)


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
    ({"flags": {"temperature": "nan"}}, "--temp: 'nan' is not a number"),
    ({"flags": {"top_p": "0"}}, "--top-p: '0' is out of range: give a number above 0 up to 1"),
    ({"flags": {"eps": "0"}}, "--eps: '0' is out of range"),
    ({"flags": {"cfg_scale": "-0.1"}}, "--cfg-scale: '-0.1' is out of range"),
    ({"flags": {"algorithm": "5"}}, "0 origin, 1 entropy, 2 margin, 3 random or 4 confidence"),
    ({"flags": {"algorithm": "entropie"}}, "did you mean entropy?"),
    ({"flags": {"eos_policy": "1"}}, "choose natural, suppress or last"),
    ({"flags": {"stepz": 1}}, "no setting 'stepz'; did you mean steps?"),
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


def test_variables_that_nothing_reads_are_told():
    said = list(unknown_variables({"HOSHIKAGE_STEPS": "4", "DIFFUSION_STEP": "4", "PATH": ""}))
    assert [line.rpartition(" ")[2] for line in said] == ["DIFFUSION_STEPS?", "DIFFUSION_STEPS?"]
    assert list(unknown_variables({"DIFFUSION_STEPS": "4", "DIFFUSION_HOME": "/x"})) == []
    assert list(unknown_variables({"HOSHIKAGE_STOCK_KERNELS": "1", "HOSHIKAGE_MODELS": ""})) == []
