"""Functions as values of settings: under which name, and beside which others."""

from __future__ import annotations

import copy
import json
from functools import partial

import pytest

from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.effect import without_effect
from hoshikage_cli.settings.function import Function, name_of
from hoshikage_cli.settings.overlay import overlaid
from settings.given import resolved, told


def score(view):
    return view


class Scorer:
    def __call__(self, view):
        return view

    def score(self, view):
        return view


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (score, "score"),
        (partial(score), "score"),
        (Scorer(), "Scorer"),
        (Scorer().score, "Scorer.score"),
        (lambda view: view, "<lambda>"),
    ],
)
def test_a_function_is_called_by_its_name(function, name):
    assert name_of(function) == f"{__name__}:{name}"
    (found, source) = told("algorithm", flags={"algorithm": function})
    assert (found, source) == (f"{__name__}:{name}", "flag")
    assert found("view") == "view"
    assert json.loads(json.dumps({"algorithm": found})) == {"algorithm": f"{__name__}:{name}"}
    assert copy.deepcopy(found)("view") == "view"


def test_one_that_was_read_is_read_again():
    first = resolved({"algorithm": score})
    again = resolved({"algorithm": first.value("algorithm")})
    assert isinstance(again.value("algorithm"), Function)
    rows = {name: value for name, value, _ in first.rows()}
    assert rows["algorithm"] == f"{__name__}:score"
    assert rows["schedule"] == "0 (timestep)"


def test_a_step_function_displaces_rules_from_layers_below():
    flags = {"step": score}
    assert told("threshold", flags=flags, config={"threshold": 0.9}) == (None, "default")
    assert told("threshold", flags={**flags, "fast": True}) == (None, "default")
    assert told("cache", flags={**flags, "fast": True}) == ("dual", "flag")
    with pytest.raises(SettingsError, match=r"leave out --factor, or --step$"):
        resolved({**flags, "factor": 1.0})


def test_a_rule_is_one_of_the_rules():
    assert told("threshold", flags={"rule": score, "fast": True}) == (None, "default")
    assert told("threshold", flags={"rule": score}, config={"threshold": 0.9})[0] is None
    with pytest.raises(SettingsError, match="--threshold and --rule exclude each other"):
        resolved({"rule": score, "threshold": 0.9})
    assert overlaid({"rule": score}, {"threshold": 0.9}) == {"threshold": 0.9}


def test_what_a_step_function_leaves_without_effect():
    flags = {"step": score, "algorithm": "entropy", "alg_temp": 1.0, "steps": 4}
    (line,) = without_effect(flags, resolved(flags), "diffusion")
    assert line == "--algorithm and --alg-temp have no effect with --step"


@pytest.mark.parametrize("layer", ["environ", "config"])
def test_text_is_no_function_in_any_layer_below(layer):
    key = "DIFFUSION_SCHEDULE" if layer == "environ" else "schedule"
    with pytest.raises(SettingsError, match="'os:getcwd' would run code"):
        resolved(**{layer: {key: "os:getcwd"}})


def test_no_file_and_no_variable_has_the_settings_that_are_code_alone():
    for name in ("rule", "step"):
        known = declarations()[name]
        assert (known.variables, known.option.config, known.default) == ((), False, None)
