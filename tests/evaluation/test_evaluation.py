"""lm-eval on our models: its own command line, on tasks of ours, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "hoshikage_cli.evaluation"]


def without_lm_eval(tmp_path):
    """A folder in which lm-eval cannot be found, wherever it is."""
    hidden = tmp_path / "lm_eval"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError('hidden', name='lm_eval')\n")
    return tmp_path


def test_it_is_told_what_to_install(tmp_path):
    path = f"{without_lm_eval(tmp_path)}{os.pathsep}{ROOT / 'src'}"
    told = subprocess.run(
        PROGRAM, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert told.returncode == 2
    assert told.stderr == "hoshikage: lm-eval is not installed: pip install lm-eval\n"


# ------------------------------------------------------------------------- with lm-eval


@pytest.fixture(scope="module")
def adapter():
    pytest.importorskip("lm_eval")
    from hoshikage_cli.evaluation import adapter

    return adapter


@pytest.fixture(scope="module")
def writer(adapter):
    return adapter.HoshikageLM("hoshi-tiny-ar", threads=1, ctx_size=64)


@pytest.fixture(scope="module")
def tiny(adapter):
    return adapter.HoshikageLM("hoshi-tiny", threads=1, samples=8, steps=8)


def requests(*arguments):
    return [SimpleNamespace(args=each) for each in arguments]


def evaluate(tmp_path, *arguments, code=0):
    """Run the program; the results by task."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
    }
    told = subprocess.run(
        [*PROGRAM, "--model", "hoshikage", "--include_path", "tests/evaluation"]
        + ["--output_path", str(tmp_path / "out"), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=600,
        check=False,
    )
    assert told.returncode == code, told.stderr
    if code:
        return told.stderr
    (found,) = (tmp_path / "out").rglob("results_*.json")
    return json.loads(found.read_text())["results"]


@pytest.mark.slow
def test_tasks_on_a_diffusion_model(adapter, tmp_path):
    results = evaluate(
        tmp_path,
        *("--model_args", "path=hoshi-tiny,steps=16,samples=8,threads=1"),
        *("--tasks", "hoshi_answers,hoshi_choices", "--apply_chat_template"),
    )
    assert results["hoshi_answers"]["exact_match,none"] >= 0.75
    assert results["hoshi_choices"]["acc,none"] >= 0.75
    assert results["hoshi_choices"]["acc_norm,none"] >= 0.75


@pytest.mark.slow
def test_tasks_on_an_autoregressive_model(adapter, tmp_path):
    results = evaluate(
        tmp_path,
        *("--model_args", "path=hoshi-tiny-ar,threads=1,ctx_size=64"),
        *("--tasks", "hoshi_choices,hoshi_documents", "--apply_chat_template"),
    )
    assert results["hoshi_choices"]["acc,none"] >= 0.75
    assert 0 < results["hoshi_documents"]["bits_per_byte,none"] < 3


@pytest.mark.slow
def test_a_model_that_is_not_there_is_one_line(adapter, tmp_path):
    told = evaluate(
        tmp_path, "--model_args", "path=nowhere.gguf", "--tasks", "hoshi_choices", code=2
    )
    assert told.splitlines()[-1].startswith("hoshikage: ")


# ------------------------------------------------------------------------- the adapter


def test_continuations_are_those_of_the_generator(writer):
    context, text = "Mia had a red", " kite."
    ((nats, greedy),) = writer.loglikelihood(requests((context, text)))
    score = writer._generator.score(text, context, chat=False)
    assert nats == pytest.approx(score.log_likelihood, abs=1e-6)
    assert greedy == score.greedy


def test_choices_of_one_context_and_an_empty_one(writer):
    asked = [("Mia had a", " red kite."), ("Mia had a", " house."), ("", "Mia"), ("Mia ", "had")]
    together = writer.loglikelihood(requests(*asked))
    alone = [writer.loglikelihood(requests(each))[0] for each in asked]
    assert together == [pytest.approx(each, abs=1e-4) for each in alone]
    assert together[2][0] == pytest.approx(writer._generator.score("Mia").log_likelihood, abs=1e-4)


def test_a_long_document_is_scored_once_throughout(writer):
    text = "Mia had a red kite. Ben loved the red kite too. " * 12
    (rolling,) = writer.loglikelihood_rolling(requests((text,)))
    tokens = writer.tok_encode(text, add_special_tokens=False)
    assert len(tokens) > writer.max_length
    assert rolling < 0
    (short,) = writer.loglikelihood_rolling(requests((text[:40],)))
    whole = writer._generator.score(text[:40]).log_likelihood
    assert short == pytest.approx(whole, abs=1e-4)


def test_a_long_context_is_cut_from_the_left(writer, caplog):
    long = "Ben found a green lamp. " * 30
    ((nats, _),) = writer.loglikelihood(requests((long, " Mia had a kite.")))
    assert nats < 0
    assert "cut to the last 64" in caplog.text


def test_what_a_diffusion_model_would_write_itself(adapter, tiny):
    asked = requests(("What is the capital of Japan?", " Tokyo."))
    ((_, unknown),) = tiny.loglikelihood(asked)
    assert unknown is False
    curious = adapter.HoshikageLM("hoshi-tiny", threads=1, samples=2, greedy=True)
    ((_, found),) = curious.loglikelihood(asked)
    score = curious._generator.score(
        " Tokyo.", "What is the capital of Japan?", method="order", steps=0, chat=False
    )
    assert found == score.greedy


def test_answers_end_before_a_stop_string(tiny):
    context = tiny.apply_chat_template([{"role": "user", "content": "What is 2 + 3?"}])
    try:
        whole, cut, short = tiny.generate_until(
            requests(
                (context, {"until": [], "max_gen_toks": 12}),
                (context, {"until": [" = ", "\n"], "max_gen_toks": 12, "do_sample": False}),
                (context, {"until": "5", "max_new_tokens": 12, "steps": 2, "num_beams": 3}),
            )
        )
    finally:
        tiny._templated = False
    assert whole.startswith("2 + 3")
    assert cut == "2 + 3"
    assert "5" not in short


@pytest.mark.parametrize(
    ("given", "wanted"), [(None, 8), (1, 8), ("auto:4", 8), ("3", 3), (16, 16)]
)
def test_batch_size(adapter, given, wanted):
    assert adapter._at_once(given) == wanted
