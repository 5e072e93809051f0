"""Likelihoods of real texts by real models."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hoshikage_cli as hk
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.decoding.likelihood import drawn
from hoshikage_cli.engines.scoring import METHODS
from hoshikage_cli.engines.table import ENGINES
from hoshikage_cli.errors import PromptTooLong, UsageError
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.text_context import TextContext
from reference import likelihood as reference

QUESTION = "What is the capital of Japan?"
RIGHT, WRONG = "The capital of Japan is Tokyo.", "The capital of Japan is Paris."
STRANGE = "Mia 🙂 hat ein Ei. 影を落とす。\n"


@pytest.fixture(scope="module")
def tiny():
    with hk.load("hoshi-tiny", threads=1, seed=1) as generator:
        yield generator


@pytest.fixture(scope="module")
def writer():
    with hk.load("hoshi-tiny-ar", threads=1, seed=1) as generator:
        yield generator


@pytest.fixture(scope="module")
def dream(model_file):
    with hk.load(model_file("dream"), threads=1, seed=1) as generator:
        yield generator


# ------------------------------------------------------------------ autoregressive models


def rows_at_once(generator, tokens):
    """The row behind each token but the last, from one pass."""
    with TextContext(generator.model, length=64, threads=1) as context:
        return np.concatenate([rows.copy() for rows in context.rows(tokens[:-1])])


def rows_one_by_one(generator, tokens):
    """The same from a pass a token, which goes through other kernels."""
    found, n_vocab = [], generator.model.n_vocab
    with TextContext(generator.model, length=64, threads=1) as context:
        for token in tokens[:-1]:
            context.append(int(token))
            pointer = context._last_logits()
            found.append([pointer[i] for i in range(n_vocab)])
    return found


def links(rows, tokens, start):
    return [
        reference.log_softmax(rows[place - 1], int(tokens[place]))
        for place in range(start, len(tokens))
    ]


@pytest.mark.parametrize("text", [RIGHT, STRANGE, "x"])
@pytest.mark.parametrize("prompt", [None, QUESTION, "影 🙂?"])
def test_the_chain_rule(writer, text, prompt):
    score = writer.score(text, prompt)
    vocabulary, settings = writer.model.vocabulary, writer.resolve().settings
    before = writer.tokenize(prompt, settings).tolist() if prompt else [vocabulary.bos]
    tokens = np.array([*before, *[token.token for token in score.tokens]], np.int32)
    found = [token.logprob for token in score.tokens]
    at_once = links(rows_at_once(writer, tokens), tokens, len(before))
    np.testing.assert_allclose(found, at_once, atol=0.01)
    one_by_one = links(rows_one_by_one(writer, tokens), tokens, len(before))
    np.testing.assert_allclose(found, one_by_one, rtol=0.03, atol=0.05)
    assert score.log_likelihood == pytest.approx(sum(found), abs=1e-9)
    assert score.prompt_tokens == len(before)
    assert "".join(token.text for token in score.tokens) == text


def test_the_figures_follow_from_the_log_likelihood(writer):
    score = writer.score(STRANGE, QUESTION)
    nats = -score.log_likelihood
    assert score.bytes == len(STRANGE.encode())
    assert score.perplexity == pytest.approx(math.exp(nats / len(score.tokens)))
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / score.bytes)
    assert (score.method, score.samples, score.standard_error) == ("exact", None, None)


def test_what_a_model_writes_greedily_is_greedy(writer):
    written = writer.generate(QUESTION, temperature=0)
    score = writer.score(written.text, QUESTION)
    assert tuple(token.token for token in score.tokens) == written.tokens
    assert score.greedy
    assert all(token.likeliest == token.text for token in score.tokens)
    assert not writer.score(WRONG, QUESTION).greedy


def test_texts_after_one_prompt_are_those_of_each_alone(writer):
    texts = [RIGHT, "Tokyo", WRONG * 3]
    together = list(writer.scores(texts, QUESTION, writer.resolve()))
    for text, score in zip(texts, together, strict=True):
        alone = writer.score(text, QUESTION)
        assert score.text == text
        assert score.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-4)


def test_a_prompt_without_template_and_its_text_are_one_text(writer):
    whole = writer.score("Mia had a red kite.", chat=False)
    parts = writer.score("Mia had", chat=False), writer.score(" a red kite.", "Mia had", chat=False)
    tokens = [token.token for part in parts for token in part.tokens]
    assert tokens == [token.token for token in whole.tokens]


def test_a_sampler_has_no_say(writer):
    plain = writer.score(RIGHT, QUESTION).log_likelihood
    assert writer.score(RIGHT, QUESTION, temperature=3.0, top_k=1).log_likelihood == plain


# ------------------------------------------------------------------------ diffusion models


def model_rows(generator, length):
    """A model as `reference` takes it: output rows as they come, without the shift."""
    context = CanvasContext(generator.model, length=length, threads=1, shift_logits=False)

    def rows(tokens):
        return context.logits([Query(tokens, np.arange(len(tokens)))])[0].copy()

    return rows


@pytest.mark.parametrize("scale", [0.0, 1.0])
@pytest.mark.parametrize("name", ["tiny", "dream"])
def test_the_estimate_is_the_formula(request, name, scale):
    generator = request.getfixturevalue(name)
    score = generator.score(WRONG, QUESTION, samples=6, cfg_scale=scale)
    settings = generator.resolve().settings
    before = generator.tokenize(QUESTION, settings).tolist()
    tokens = [*before, *[token.token for token in score.tokens]]
    values = [
        reference.of_draw(
            model_rows(generator, len(tokens)),
            tokens,
            len(before),
            {len(before) + int(place) for place in drawn(1, draw, len(score.tokens))},
            generator.model.mask_token,
            generator.model.shift_logits,
            scale,
        )
        for draw in range(6)
    ]
    assert score.log_likelihood == pytest.approx(np.mean(values), abs=1e-3 * (1 + scale))
    assert score.nfe == (12 if scale else 6)


def test_estimates_agree_within_their_errors(tiny):
    first = tiny.score(WRONG, QUESTION, samples=256, seed=1)
    second = tiny.score(WRONG, QUESTION, samples=256, seed=2)
    assert first.log_likelihood != second.log_likelihood
    error = math.hypot(first.standard_error, second.standard_error)
    assert abs(first.log_likelihood - second.log_likelihood) < 4 * error


def test_a_seed_decides(tiny):
    first, second = (tiny.score(WRONG, samples=20, seed=5) for _ in range(2))
    assert first.log_likelihood == second.log_likelihood
    assert first.settings["seed"] == 5


@pytest.mark.parametrize("method", ["monte-carlo", "order"])
def test_the_right_answer_is_the_likelier(tiny, method):
    right, wrong = (tiny.score(text, QUESTION, method=method) for text in (RIGHT, WRONG))
    assert right.log_likelihood > wrong.log_likelihood + 5
    assert right.bits_per_byte < wrong.bits_per_byte


def test_along_the_order_the_generated_text_is_as_sure_as_when_it_was_generated(tiny):
    options = {"max_tokens": 8, "steps": 0, "confidence": "clean", "eos_policy": "suppress"}
    run = tiny.stream(QUESTION, **options)
    commits = {c.position: c for event in run for c in event.step.commits}
    text = run.result().text
    score = tiny.score(text, QUESTION, method="order", **options)
    assert [t.token for t in score.tokens] == [commits[p].token for p in sorted(commits)]
    confidences = [math.log(commits[p].confidence) for p in sorted(commits)]
    # End tokens and masks, which may not be proposed, have their share here.
    found = [token.logprob for token in score.tokens]
    assert all(f <= c + 1e-4 for f, c in zip(found, confidences, strict=True))
    assert score.nfe == len(commits)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.5},
        {"fast": True},
        {"cache": "active"},
        {"algorithm": "random"},
        {"cfg_scale": 1},
        {"temperature": 0.7},
    ],
    ids=str,
)
def test_every_setting_counts_along_the_order(tiny, options):
    first, second = (tiny.score(STRANGE, QUESTION, method="order", **options) for _ in range(2))
    assert first.log_likelihood == second.log_likelihood
    assert math.isfinite(first.log_likelihood)
    assert all(token.logprob is not None for token in first.tokens)


# -------------------------------------------------------------- models that write in blocks


@pytest.fixture(scope="module")
def in_blocks():
    with hk.load("hoshi-tiny-block", threads=1, seed=1) as generator:
        yield generator


def test_in_blocks_the_right_answer_is_the_likelier(in_blocks):
    right, wrong = (in_blocks.score(text, QUESTION) for text in (RIGHT, WRONG))
    assert right.method == "order"
    assert right.log_likelihood > wrong.log_likelihood + 3
    assert in_blocks.score(RIGHT, QUESTION, edit_threshold=0.5).tokens == right.tokens


def test_in_blocks_any_text_can_be_scored(in_blocks):
    for options in ({}, {"threshold": 1.0}, {"sub_block": 2, "block_cache": True}):
        found = in_blocks.score(STRANGE * 18, **options)
        assert math.isfinite(found.log_likelihood)
        assert all(token.logprob is not None for token in found.tokens)


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["tiny", "writer"])
def test_what_does_not_fit_is_refused_with_figures(request, name):
    generator = request.getfixturevalue(name)
    with pytest.raises(
        PromptTooLong, match=r"a text of \d+ tokens behind a prompt of \d+ exc.* 40"
    ):
        generator.score(RIGHT * 9, QUESTION, ctx_size=40)
    with pytest.raises(UsageError, match="empty"):
        generator.score("")


def test_a_method_of_other_models_is_refused(tiny, writer):
    with pytest.raises(UsageError, match="none for autoregressive models: they have exact"):
        writer.score("x", method="order")
    with pytest.raises(UsageError, match="they have monte-carlo or order"):
        tiny.score("x", method="exact")


def test_no_samples_are_refused(tiny):
    with pytest.raises(UsageError, match="1 at least"):
        tiny.score("x", samples=0)


def test_tokens_are_taken_as_they_are(writer):
    text = writer.score(RIGHT, QUESTION)
    prompt = writer.tokenize(QUESTION, writer.resolve().settings)
    tokens = np.array([token.token for token in text.tokens], np.int32)
    score = writer.score(tokens, prompt)
    assert score.text == RIGHT
    assert score.log_likelihood == text.log_likelihood
    written = writer.generate(prompt, temperature=0).text
    assert written == writer.generate(QUESTION, temperature=0).text


def test_a_mask_in_the_prompt_is_refused(tiny):
    mask = tiny.model.vocabulary.text(tiny.model.mask_token)
    with pytest.raises(UsageError, match="mask token"):
        tiny.score("x", f"What is {mask}?", parse_special=True)
    assert tiny.score("x", f"What is {mask}?").log_likelihood < 0  # spelled, it is mere text


def test_every_kind_has_a_method():
    assert {kind for kinds in METHODS.values() for kind in kinds} == set(ENGINES)


def test_progress_of_several_texts(tiny):
    heard: list[float] = []
    list(tiny.scores([RIGHT, WRONG], None, tiny.resolve(), samples=16, on_progress=heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
