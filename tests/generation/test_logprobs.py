"""Log-probabilities and proposals of real models, against their raw rows in double precision."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hoshikage_cli as hk
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.decoding.guidance import guide, unconditional_canvas
from hoshikage_cli.decoding.proposal import filtered, log_softmax
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.text_context import TextContext

PROMPT = "Tell a story about Mia and a kite."
NEAR = {"rel": 1e-4, "abs": 2e-5}
PLANS = {
    "plain": {"steps": 6},
    "guided": {"steps": 3, "cfg_scale": 1.5},
    "drawn": {"steps": 6, "temperature": 0.9},
    "sampled": {"steps": 6, "temperature": 0.9, "confidence": "sampled", "top_k": 30},
    "no ends": {"steps": 6, "eos_policy": "suppress"},
    "blocks": {"block_length": 8, "threshold": 0.9, "steps": 0},
}


class Raw:
    """Log-probabilities of a model's own rows."""

    def __init__(self, generator, run, settings) -> None:
        self._model, self._settings = generator.model, settings
        self._given = run.canvas != run.mask_token
        self._mask = run.mask_token
        self._twice = 2 if settings.get("cfg_scale") else 1

    def of(self, canvas: np.ndarray) -> dict[int, np.ndarray]:
        """By position, of all that is masked."""
        positions = np.flatnonzero(canvas == self._mask)
        size = {"length": len(canvas), "sequences": self._twice, "threads": 1}
        with CanvasContext(self._model, **size) as context:
            twin = unconditional_canvas(canvas, self._given, self._mask)
            asked = [Query(canvas, positions, None, 0), Query(twin, positions, None, 1)]
            rows = [found.astype(float) for found in context.logits(asked[: self._twice])]
        z = guide(*rows, self._settings["cfg_scale"]) if self._twice == 2 else rows[0]
        return dict(zip(positions.tolist(), map(self._told, z), strict=True))

    def _told(self, z: np.ndarray) -> np.ndarray:
        z[self._mask] = -np.inf
        if self._settings.get("eos_policy") == "suppress":
            z[list(self._model.vocabulary.end_tokens)] = -np.inf
        if self._settings.get("confidence") == "sampled":
            z = filtered(z, self._settings["temperature"], 1.0, self._settings["top_k"])
        return log_softmax(z)


def check(generator, prompt, settings) -> None:
    run = generator.stream(prompt, trace_proposals=4, logprobs=3, **settings)
    raw, before = Raw(generator, run, settings), run.canvas
    for event in run:
        logs = raw.of(before)
        for found in event.step.proposals:
            row = logs[found.position]
            order = np.argsort(-row, kind="stable")[: len(found.top)]
            assert [p for _, p in found.top] == pytest.approx(np.exp(row[order]), **NEAR)
            assert [np.exp(row[t]) for t, _ in found.top] == pytest.approx(
                [p for _, p in found.top], **NEAR
            )
            there = row[row > -np.inf]
            assert found.entropy == pytest.approx(-(np.exp(there) * there).sum(), **NEAR)
        for commit in event.step.commits:
            assert commit.logprob == pytest.approx(logs[commit.position][commit.token], **NEAR)
            assert np.exp(commit.logprob) == pytest.approx(commit.confidence, rel=1e-5)
        before = event.step.canvas
    told = run.result().logprobs
    assert tuple(each.id for each in told) == run.result().tokens
    assert all(len(each.top_logprobs) <= 3 for each in told)


@pytest.mark.parametrize("settings", PLANS.values(), ids=PLANS.keys())
def test_the_shipped_model(shipped, settings):
    check(shipped("hoshi-tiny"), PROMPT, settings)


@pytest.mark.parametrize("arch", ["llada", "dream"])
def test_models_that_are_sure_of_nothing(model_file, arch):
    sampled = {"temperature": 0.7, "confidence": "sampled", "top_k": 12}
    with hk.load(model_file(arch), seed=3, threads=1, max_tokens=10, chat=False) as generator:
        check(generator, "abc", {"steps": 4, "confidence": "clean"})
        check(generator, "abc", {"steps": 4, **sampled})


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.2, "top_k": 5, "repeat_penalty": 1.3}])
def test_an_autoregressive_model_tells_of_its_own_distribution(shipped, settings):
    """Whatever the samplers make of it."""
    generator = shipped("hoshi-tiny-ar")
    plain = generator.generate(PROMPT, max_tokens=8, **settings)
    run = generator.stream(PROMPT, max_tokens=8, trace_proposals=4, logprobs=2, **settings)
    before = run.canvas
    for event in run:
        with TextContext(generator.model, length=len(before), threads=1) as context:
            context.prefill(before)
            logs = log_softmax(context.logits()[0].astype(float))
        order = np.argsort(-logs, kind="stable")
        (commit,), (found,) = event.step.commits, event.step.proposals
        assert found.position == commit.position == len(before)
        assert [token for token, _ in found.top] == order[:4].tolist()
        # The rows are of a pass of another size: noise of single precision.
        assert [p for _, p in found.top] == pytest.approx(np.exp(logs[order[:4]]), abs=2e-3)
        assert commit.logprob == pytest.approx(logs[commit.token], abs=5e-3, rel=5e-3)
        assert [t for t, _ in commit.alternatives] == order[:2].tolist()
        before = event.step.canvas
    assert run.result().tokens == plain.tokens


def test_nothing_is_told_unless_asked(shipped):
    for name in ("hoshi-tiny", "hoshi-tiny-ar"):
        run = shipped(name).stream("Hello!", max_tokens=4)
        assert all(event.step.proposals is None for event in run)
        assert run.result().logprobs is None
        assert "logprobs" not in run.result().to_dict()


def test_the_json_is_what_programs_know_and_the_order_besides(shipped):
    result = shipped("hoshi-tiny").generate("What is the capital of Japan?", steps=5, logprobs=2)
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))["logprobs"]["content"]
    assert "".join(each["token"] for each in content) == result.text
    assert b"".join(bytes(each["bytes"]) for each in content) == result.text.encode()
    assert [each["position"] for each in content] == [
        result.prompt_tokens + i for i in range(len(content))
    ]
    assert all(0 <= each["step"] < 5 for each in content)
    for each in content:
        best = each["top_logprobs"][0]
        assert set(best) == {"token", "id", "logprob", "bytes"}
        assert set(each) == {*best, "position", "step", "top_logprobs"}
        # Greedily, what was put is what was likeliest.
        assert {name: each[name] for name in best} == best


def test_a_stop_and_an_end_cut_what_is_told(shipped):
    for name in ("hoshi-tiny", "hoshi-tiny-ar"):
        question = "What is the capital of Japan?"
        result = shipped(name).generate(question, stop=(" is",), logprobs=0)
        assert result.stop_reason == "stop"
        assert tuple(each.id for each in result.logprobs) == result.tokens
        whole = shipped(name).generate(question, logprobs=0)
        assert whole.stop_reason == "end"
        assert tuple(each.id for each in whole.logprobs) == whole.tokens


def test_side_by_side_as_alone(shipped):
    generator = shipped("hoshi-tiny")
    resolved = generator.resolve(steps=6, logprobs=2)
    prompts = ["What is 1 + 2?", "Hello!", PROMPT]
    many = dict(generator.generate_many([(prompt, resolved) for prompt in prompts]))
    for number, prompt in enumerate(prompts):
        alone = generator.generate(prompt, steps=6, logprobs=2).logprobs
        assert [each.id for each in many[number].logprobs] == [each.id for each in alone]
        # Rounding of a product of more rows.
        logs = [each.logprob for each in many[number].logprobs]
        assert logs == pytest.approx([each.logprob for each in alone], abs=5e-3, rel=5e-2)


def test_holes_tell_of_what_fills_them(shipped):
    text = "Mia had a [MASK:2] kite. Ben loved the [MASK] kite too."
    result = shipped("hoshi-tiny").infill(text, logprobs=3)
    filled = [token for hole in result.holes for token in hole.tokens]
    assert [each.position for each in result.logprobs] == [token.position for token in filled]
    assert [each.step for each in result.logprobs] == [token.step for token in filled]
    assert tuple(each.id for each in result.logprobs) == result.tokens
    assert np.exp([each.logprob for each in result.logprobs]) == pytest.approx(
        [token.confidence for token in filled], rel=1e-5
    )
