"""The catalogue tells the truth about the files beside it."""

from __future__ import annotations

import hashlib

import pytest

from hoshikage_cli.models import CATALOGUE, DEFAULT_MODEL, shipped_path


@pytest.mark.parametrize("name", CATALOGUE)
def test_hash_is_that_of_the_file(name):
    digest = hashlib.sha256(shipped_path(name).read_bytes()).hexdigest()
    assert digest == CATALOGUE[name].sha256


def test_both_files_fit_in_16_megabytes():
    assert sum(shipped_path(name).stat().st_size for name in CATALOGUE) <= 16_000_000


def test_default_is_a_diffusion_model():
    assert CATALOGUE[DEFAULT_MODEL].kind == "diffusion"


def test_unknown_name_has_no_path():
    assert shipped_path("no-such-model") is None
