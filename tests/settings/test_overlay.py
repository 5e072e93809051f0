"""Settings of one record or turn: they win, and what goes against them gives way."""

from __future__ import annotations

import pytest

from hoshikage_cli.errors import SettingsError
from hoshikage_cli.settings.overlay import by_field, overlaid

from .given import resolved


def test_a_record_may_use_any_name_but_not_two_of_one_setting():
    assert by_field({"temp": 0.5}) == by_field({"temperature": 0.5}) == {"temperature": 0.5}
    with pytest.raises(SettingsError, match="are one setting: give one of them"):
        by_field({"temp": 0.5, "temperature": 0.7})


@pytest.mark.parametrize(
    ("flags", "own", "shown"),
    [
        ({"steps": "8"}, {"steps": 4}, {"steps": 4}),
        ({"max_tokens": "8"}, {"max_length": 64}, {"max_tokens": None, "max_length": 64}),
        ({"max_length": "64"}, {"max_tokens": 8}, {"max_tokens": 8, "max_length": None}),
        ({"schedule": "timestep"}, {"block_length": 8}, {"schedule": "block", "block_length": 8}),
        ({"block_length": "8"}, {"schedule": "linear"}, {"schedule": "linear"}),
        ({"eps": "0.1"}, {"block_length": 8}, {"schedule": "block"}),
        ({"threshold": "0.9"}, {"factor": 1}, {"threshold": None, "factor": 1}),
        ({"fast": True}, {"steps": 4}, {"schedule": "block", "steps": 4}),
        ({"block_length": "8"}, {"steps": 4}, {"schedule": "block", "steps": 4}),
    ],
)
def test_a_records_own_settings_win(flags, own, shown):
    found = resolved(flags=overlaid(flags, own))
    assert {name: found.value(name) for name in shown} == shown


@pytest.mark.parametrize("spelled", [1, "1", "Block"])
def test_a_flag_that_agrees_with_it_stays_however_that_is_spelled(spelled):
    found = resolved(flags=overlaid({"block_length": "8"}, {"schedule": spelled}))
    assert (found.value("schedule"), found.value("block_length")) == ("block", 8)
    found = resolved(flags=overlaid({"schedule": spelled}, {"block_length": 8}))
    assert (found.value("schedule"), found.value("block_length")) == ("block", 8)


def test_settings_by_either_of_their_names():
    assert by_field({"top-k": 3, "temperature": 1, "seed": None}) == {"top_k": 3, "temperature": 1}


@pytest.mark.parametrize(
    ("name", "words"),
    [("model", "no setting 'model' to be changed here"), ("stepz", "did you mean steps?")],
)
def test_what_cannot_change(name, words):
    with pytest.raises(SettingsError) as caught:
        by_field({name: 1})
    assert words in str(caught.value)
