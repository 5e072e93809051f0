"""`generate_many` over prompts that are still being made, and over those that are all there."""

from __future__ import annotations

import threading

import pytest

from hoshikage_cli.errors import PromptTooLong
from hoshikage_cli.generation.arrivals import AHEAD

MODELS = ("hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar")
PROMPTS = ("Hello!", "What is 7 + 8?", "Sort 3 1 2.", "Bye.", "What is 3 + 4?", "Hi.", "What?")
TOO_LONG = "word " * 2000
PATIENCE = 60


@pytest.fixture(params=MODELS)
def generator(request, shipped):
    return shipped(request.param)


@pytest.fixture
def ask(generator):
    """ask("a prompt") is a job of a few steps."""
    return lambda prompt: (prompt, generator.resolve(steps=3, max_tokens=6))


class Gate:
    """Closed until somebody opens it; who passes one that stays closed fails."""

    def __init__(self):
        self._event = threading.Event()
        self.open = self._event.set

    def passed(self):
        assert self._event.wait(PATIENCE), "the next prompt was waited for"


def test_an_answer_does_not_wait_for_the_next_prompt(generator, ask):
    gates = [Gate() for _ in range(3)]

    def asked():
        for prompt, gate in zip(PROMPTS, gates, strict=False):
            yield ask(prompt)
            gate.passed()

    numbers = []
    for number, _ in generator.generate_many(asked()):
        numbers.append(number)
        gates[number].open()
    assert numbers == [0, 1, 2]


def test_a_refusal_does_not_wait_for_the_next_prompt(generator, ask):
    told = Gate()

    def asked():
        yield ask(TOO_LONG)
        told.passed()
        yield ask("Hello!")

    found = []
    for _, outcome in generator.generate_many(asked()):
        found.append(outcome)
        told.open()
    assert isinstance(found[0], PromptTooLong)
    assert found[1].text == generator.generate("Hello!", steps=3, max_tokens=6).text


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_prompt_is_taken_before_it_can_run(generator, ask, at_once):
    side_by_side = 1 if generator.kind == "autoregressive" else at_once
    answered = 0

    def asked():
        for number, prompt in enumerate(PROMPTS):
            assert number < answered + side_by_side
            yield ask(prompt)

    for _ in generator.generate_many(asked(), at_once):
        answered += 1
    assert answered == len(PROMPTS)


def test_what_comes_while_others_run_joins_them(shipped):
    generator = shipped("hoshi-tiny")
    long = generator.resolve(steps=24, max_tokens=24, eos_policy="suppress")
    short = generator.resolve(steps=1, max_tokens=2)
    jobs = iter([("Tell a story.", long), ("Hello!", short), ("Bye.", short)])
    order = [number for number, _ in generator.generate_many(jobs, at_once=2)]
    assert order == [1, 2, 0]


def test_answers_of_an_iterator_are_those_of_a_list(generator, ask):
    jobs = [ask(prompt) for prompt in PROMPTS]
    live, at_hand = dict(generator.generate_many(iter(jobs))), dict(generator.generate_many(jobs))
    assert [live[n].tokens for n in range(7)] == [at_hand[n].tokens for n in range(7)]


def test_a_list_is_answered_in_order_of_length_by_the_lot(shipped):
    generator = shipped("hoshi-tiny")
    lengths = [3 + 7 * number % 11 for number in range(AHEAD + 5)]
    jobs = [("x", generator.resolve(steps=1, max_tokens=length)) for length in lengths]
    order = [number for number, _ in generator.generate_many(jobs, at_once=1)]
    first, rest = order[:AHEAD], order[AHEAD:]
    assert first == sorted(range(AHEAD), key=lengths.__getitem__)
    assert rest == sorted(range(AHEAD, AHEAD + 5), key=lengths.__getitem__)


@pytest.mark.parametrize("number", [0, 2])
def test_what_an_iterator_raises_comes_through(generator, ask, number):
    def asked():
        for prompt in PROMPTS[:number]:
            yield ask(prompt)
        raise ZeroDivisionError("no more")

    with pytest.raises(ZeroDivisionError, match="no more"):
        dict(generator.generate_many(asked(), at_once=1))
    assert generator.engine.contexts.leased == 0


def test_dropped_in_the_middle_it_gives_its_context_back(generator, ask):
    answers = generator.generate_many((ask(prompt) for prompt in PROMPTS), at_once=2)
    next(answers)
    answers.close()
    assert generator.engine.contexts.leased == 0


@pytest.mark.parametrize("kind", [list, iter])
def test_no_prompts_no_answers(generator, kind):
    assert list(generator.generate_many(kind([]))) == []
