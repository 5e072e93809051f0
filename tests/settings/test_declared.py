"""The declarations: they agree with each other and with what they repeat."""

from __future__ import annotations

import pytest

from hoshikage_cli.decoding import cache, parallel, schedule, selection
from hoshikage_cli.settings.declared import (
    ALGORITHMS,
    CACHES,
    SCHEDULES,
    alternatives,
    declarations,
)
from hoshikage_cli.settings.option import Declaration, Option
from hoshikage_cli.settings.resolve import UNRULED


def test_variables_are_named_after_the_flags():
    names = {d.name: d.variables for d in declarations().values()}
    assert names["temperature"] == ("HOSHIKAGE_TEMPERATURE", "HOSHIKAGE_TEMP")
    assert names["model"] == ("HOSHIKAGE_MODEL",)
    assert names["steps"] == ("DIFFUSION_STEPS", "HOSHIKAGE_STEPS")
    every = [variable for variables in names.values() for variable in variables]
    assert len(set(every)) == len(every)


def test_every_option_has_a_variable_of_ours_unless_it_names_code():
    for known in declarations().values():
        ours = f"HOSHIKAGE_{known.name.upper()}"
        code_alone = bool(known.option.takes) and not known.option.choices
        assert (ours in known.variables) == (not code_alone)
    four = ("STEPS", "ALGORITHM", "SCHEDULE", "CFG_SCALE")
    every = [name for known in declarations().values() for name in known.variables]
    assert [n for n in every if n.startswith("DIFFUSION_")] == [f"DIFFUSION_{n}" for n in four]


def test_a_setting_has_one_name_everywhere():
    """The field, which Python, JSON and traces have, is the flag with underscores."""
    for known in declarations().values():
        assert known.name == known.long_name.replace("-", "_")
        assert known.flag in known.option.flags
        assert {f"--{other}" for other in known.option.known_as} <= set(known.option.flags)
    every = [name for known in declarations().values() for name in known.names]
    assert len(set(every)) == len(every)


def test_no_flag_is_declared_twice():
    flags = [flag for d in declarations().values() for flag in d.option.flags]
    assert len(flags) == len(set(flags))


def test_the_names_are_those_that_decoding_knows():
    assert tuple(selection.ALGORITHMS) == ALGORITHMS
    assert alternatives()["parallel rule"] == (*parallel.RULES, "rule")
    assert tuple(name for name, row in selection.ALGORITHMS.items() if row.draw) == UNRULED
    assert tuple(schedule.SCHEDULES) == SCHEDULES
    assert cache.MODES == CACHES


def test_groups_of_which_one_counts():
    assert alternatives() == {
        "length": ("max_tokens", "max_length"),
        "parallel rule": (
            "threshold",
            "factor",
            "entropy_bound",
            "entropy_threshold",
            "entropy_exit",
            "klass",
            "rule",
        ),
    }


def test_at_most_one_of_a_group_counts_by_default():
    for names in alternatives().values():
        assert sum(declarations()[name].default is not None for name in names) <= 1


def test_a_kind_of_model_has_its_own_defaults_by_naming_itself():
    option = Option("", ("--steps",), by_kind={"block": 8, "autoregressive": None})
    known = Declaration("steps", "diffusion", "int", 50, option)
    kinds = (None, "diffusion", "block", "autoregressive")
    assert [known.default_for(kind) for kind in kinds] == [50, 50, 8, None]


@pytest.mark.parametrize("known", declarations().values(), ids=list(declarations()))
def test_what_an_option_says_of_others_is_true_of_them(known):
    facts = known.option
    entailed = [*facts.preset, *([facts.implies] if facts.implies else [])]
    each = (item for condition in facts.idle_with for item in condition.items())
    idle = [(name, value) for name, values in each for value in values]
    for name, value in (*entailed, *idle):
        choices = declarations()[name].option.choices
        assert not choices or value in choices
