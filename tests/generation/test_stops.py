"""Texts that end an answer: where it is cut, when it ends, what streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoshikage_cli.generation.stops import Stops

PIECES = ["a", "b", "ab", "c", " ", "星", "bca"]
DATA = [piece.encode() for piece in PIECES]


def text_of(tokens):
    return "".join(PIECES[token] for token in tokens)


def expected(tokens, stops):
    """The same, looked for in the whole text each time."""
    text = text_of(tokens)
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    if not places:
        return None
    kept = sum(len(text_of(tokens[:i])) < min(places) for i in range(len(tokens)))
    return kept, min(places)


answers = st.lists(st.integers(0, len(PIECES) - 1), max_size=12)
stop_texts = st.lists(st.text("abc 星", min_size=1, max_size=4), max_size=3)


@given(answers, stop_texts, st.lists(st.integers(0, 12), max_size=4))
def test_a_stop_is_found_however_the_answer_has_grown(tokens, stops, looks):
    looking = Stops(stops, DATA.__getitem__)
    for length in sorted(looks):
        looking.find(tokens[:length])
    found = looking.find(tokens)
    wanted = None
    for length in [*sorted(looks), len(tokens)]:
        # An answer ends at the first stop that came: what comes later cannot begin before it.
        wanted = wanted or expected(tokens[:length], stops)
    assert (None if found is None else (found.tokens, found.characters)) == wanted


@given(answers, answers, stop_texts)
def test_another_answer_is_looked_at_anew(first, second, stops):
    looking = Stops(stops, DATA.__getitem__)
    looking.find(first)
    if second[: len(first)] != first:
        found = looking.find(second)
        assert (None if found is None else (found.tokens, found.characters)) == expected(
            second, stops
        )


@given(st.text("abc", max_size=6), stop_texts)
def test_what_may_begin_a_stop_is_held_back(text, stops):
    held = Stops(stops, DATA.__getitem__).held_back(text)
    endings = [n for n in range(1, len(text) + 1) for stop in stops if stop[:n] == text[-n:]]
    longest = max(map(len, stops), default=0)
    assert held == max([n for n in endings if n < longest], default=0)


STORY = "Tell a story about Mia and a kite."
SETTINGS = {"temperature": 0.0, "seed": 1}


@pytest.mark.native
@pytest.mark.parametrize("model", ["hoshi-tiny", "hoshi-tiny-block", "hoshi-tiny-ar"])
@pytest.mark.parametrize("stop", [". ", "kite", ["happy", "She"], "no such text"])
def test_an_answer_ends_in_front_of_a_stop(model, stop):
    import hoshikage_cli as hk

    with hk.load(model, threads=1, **SETTINGS) as generator:
        whole = generator.generate(STORY)
        run = generator.stream(STORY, stop=stop)
        streamed = "".join(event.new_text for event in run)
        result = run.result()
        jobs = [(STORY, generator.resolve(stop=stop)), (STORY, generator.resolve())]
        together = [answer for _, answer in sorted(generator.generate_many(jobs))]
    stops = [stop] if isinstance(stop, str) else stop
    places = [whole.text.find(text) for text in stops if text in whole.text]
    assert result.text == (whole.text[: min(places)] if places else whole.text)
    assert result.stop_reason == ("stop" if places else whole.stop_reason)
    assert len(result.tokens) == result.completion_tokens <= whole.completion_tokens
    assert result.steps <= whole.steps
    assert [answer.text for answer in together] == [result.text, whole.text]
    if model.endswith("ar"):
        assert streamed == result.text
