"""One kind of model, everywhere: its family, its engine, its settings, its random model."""

from __future__ import annotations

import pytest

import random_model
from hoshikage_cli.engines.engine import Engine
from hoshikage_cli.engines.table import ENGINES, engine_of
from hoshikage_cli.llama.families import AUTOREGRESSIVE, FAMILIES
from hoshikage_cli.llama.model import Model
from hoshikage_cli.settings.declared import declarations

KINDS = {family.kind for family in (*FAMILIES, AUTOREGRESSIVE)}
ASKED_OF_AN_ENGINE = {name for name in vars(Engine) if not name.startswith("_")}


def test_every_kind_has_an_engine_and_every_engine_a_kind():
    assert set(ENGINES) == KINDS


@pytest.mark.parametrize("known", declarations().values(), ids=lambda known: known.name)
def test_settings_name_kinds_that_there_are(known):
    assert set(known.option.kinds or ()) <= KINDS
    assert set(known.option.by_kind) <= KINDS


def test_no_two_families_claim_an_architecture():
    claimed = [architecture for family in FAMILIES for architecture in family.architectures]
    assert len(claimed) == len(set(claimed))


def test_every_architecture_has_a_random_model():
    """The tests of architectures run on these."""
    claimed = {architecture for family in FAMILIES for architecture in family.architectures}
    assert claimed <= set(random_model.ARCHITECTURES)


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
def test_the_engine_of_a_model_is_that_of_its_family(model_file, arch):
    with Model(model_file(arch)) as model:
        kind = model.family.kind
        assert isinstance(engine_of(model), ENGINES[kind])
        assert (kind == "diffusion") == random_model.ARCHITECTURES[arch].diffusion
        assert all(callable(getattr(engine_of(model), name)) for name in ASKED_OF_AN_ENGINE)
