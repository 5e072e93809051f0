"""Every combination of algorithm, schedule, guidance and temperature, on the shipped model."""

from __future__ import annotations

import itertools

import pytest

import hoshikage_cli as hk
from hoshikage_cli.settings.declared import ALGORITHMS, SCHEDULES

PROMPT = "Tell a story about Mia and a kite."
GRID = list(itertools.product(ALGORITHMS, SCHEDULES, (0, 1.5), (0, 0.8)))


@pytest.fixture(scope="module")
def generator():
    with hk.load("hoshi-tiny") as loaded:
        yield loaded


@pytest.mark.parametrize(("algorithm", "schedule", "guidance", "temperature"), GRID)
def test_no_mask_stays_and_the_seed_decides(generator, algorithm, schedule, guidance, temperature):
    blocks = {"block_length": 5} if schedule == "block" else {}

    def tokens(threads):
        run = generator.stream(
            PROMPT,
            algorithm=algorithm,
            schedule=schedule,
            cfg_scale=guidance,
            temperature=temperature,
            steps=5,
            max_tokens=12,
            eos_policy="suppress",
            seed=11,
            threads=threads,
            **blocks,
        )
        masked = [event.step.masked for event in run]
        assert masked[-1] == 0
        assert generator.model.vocabulary.mask_token not in run.canvas
        return run.result().tokens

    first = tokens(1)
    assert len(first) == 12
    assert tokens(1) == first
    assert tokens(2) == first


def test_another_seed_gives_another_text(generator):
    hot = {"temperature": 1.5, "steps": 5, "max_tokens": 12, "threads": 1}
    texts = {generator.generate(PROMPT, seed=seed, **hot).text for seed in range(4)}
    assert len(texts) > 1


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.9, "seed": 5}, {"cfg_scale": 1.0}])
def test_the_thread_count_decides_nothing(generator, threads, settings):
    alone = generator.generate(PROMPT, threads=1, steps=16, **settings)
    assert generator.generate(PROMPT, threads=threads, steps=16, **settings).tokens == alone.tokens


def test_neither_does_the_display_nor_its_width(hoshikage):
    arguments = ("generate", "--temp", "0.9", "-s", "7", "--steps", "12", PROMPT)
    shown = [
        hoshikage(*arguments, *display, COLUMNS=width).stdout
        for display in ((), ("--visual",), ("-q",), ("--debug",))
        for width in ("40", "120")
    ]
    assert len(set(shown)) == 1
