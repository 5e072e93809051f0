"""Real autoregressive weights: streaming, and equality with a plain greedy loop over libllama."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np

import hoshikage_cli as hk
from hoshikage_cli.llama._native import ffi, lib
from hoshikage_cli.llama.model import Model

PROMPT = "What is the capital of Japan? Answer in one sentence."
COUNT = 40


def greedy_loop(path, prompt: list[int], count: int) -> list[int]:
    """Decode, take the likeliest, decode it: nothing but libllama's own functions."""
    with Model(path) as model:
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = len(prompt) + count
        parameters.n_threads = parameters.n_threads_batch = 2
        context = lib.llama_init_from_model(model._handle, parameters)
        try:
            return _continue(context, model, prompt, count)
        finally:
            lib.llama_free(context)


def _continue(context, model, prompt, count):
    end_tokens, found, fed = model.vocabulary.end_tokens, [], list(prompt)
    for start in range(count):
        first = len(prompt) + start - 1 if start else 0
        batch, keep = one_batch(fed, first)
        assert lib.llama_decode(context, batch[0]) == 0
        row = ffi.buffer(lib.llama_get_logits_ith(context, -1), 4 * model.n_vocab)
        token = int(np.frombuffer(row, np.float32).argmax())
        del keep
        found.append(token)
        if token in end_tokens:
            break
        fed = [token]
    return found


def one_batch(tokens, first):
    n = len(tokens)
    ids = ffi.new("int32_t[]", [0])
    keep = {
        "token": ffi.new("int32_t[]", tokens),
        "pos": ffi.new("int32_t[]", list(range(first, first + n))),
        "n_seq_id": ffi.new("int32_t[]", [1] * n),
        "seq_id": ffi.new("int32_t *[]", [ids] * n),
        "logits": ffi.new("int8_t[]", [0] * (n - 1) + [1]),
    }
    batch = ffi.new("llama_batch *")
    batch.n_tokens = n
    for name, array in keep.items():
        setattr(batch, name, array)
    return batch, (keep, ids)


def test_temperature_zero_is_the_plain_greedy_loop(smollm2):
    with hk.load(smollm2, temperature=0.0, max_tokens=COUNT) as generator:
        run = generator.stream(PROMPT)
        events = list(run)
        prompt = run.canvas[: run.prompt_length].tolist()
        ours = run.canvas[run.prompt_length :].tolist()
    assert len(events) > 5
    assert ours == greedy_loop(smollm2, prompt, COUNT)
    assert "Tokyo" in run.result().text


def test_the_program_streams_the_same_text(smollm2):
    command = [sys.executable, "-m", "hoshikage_cli", "generate", "--model", smollm2, "--temp", "0"]
    command += ["-n", str(COUNT), PROMPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    with hk.load(smollm2, temperature=0.0, max_tokens=COUNT) as generator:
        assert done.stdout == generator.generate(PROMPT).text + "\n"


def test_the_probability_of_a_token_is_its_softmax(smollm2):
    with hk.load(smollm2, temperature=0.0, max_tokens=3) as generator:
        run = generator.stream(PROMPT)
        for event in run:
            (commit,) = event.step.commits
            assert 0 < commit.confidence <= 1


def test_a_repeat_penalty_counts_the_prompt(smollm2):
    base = {"temperature": 0.0, "max_tokens": 12}
    with hk.load(smollm2, **base) as generator:
        plain = generator.generate("Say exactly: Japan Japan Japan")
        penalised = generator.generate("Say exactly: Japan Japan Japan", repeat_penalty=2.0)
    assert plain.text != penalised.text


def test_json_of_the_program(smollm2):
    command = [sys.executable, "-m", "hoshikage_cli", "generate", "-m", smollm2, "--json"]
    done = subprocess.run([*command, "-n", "5", "Hi"], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["completion_tokens"] <= 5
