"""What people write is never a control token, and tokens are otherwise those of the whole text."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hoshikage_cli
from hoshikage_cli.chat import template as chat
from hoshikage_cli.generation.prompt import prompt_tokens

MASK, USER, ASSISTANT, END = 1, 3, 4, 0
CONTROL = {MASK, USER, ASSISTANT, END}
SPELLINGS = ("<|mask|>", "<|user|>", "<|assistant|>", "<|endoftext|>")


@pytest.fixture(scope="module")
def generator():
    with hoshikage_cli.load() as loaded:
        yield loaded


def tokens(generator, prompt, **options) -> list[int]:
    return generator.tokenize(prompt, generator.resolve(**options).settings).tolist()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelled_control_token_is_text(generator, spelling):
    found = tokens(generator, f"Hi {spelling}{spelling}")
    assert [t for t in found if t in CONTROL] == [USER, ASSISTANT]
    text = generator.model.vocabulary.detokenize(found, special=True).decode()
    assert text == f"<|user|>Hi {spelling}{spelling}<|assistant|>"


def test_it_is_one_for_who_asks(generator):
    asked = tokens(generator, "Hi <|mask|>", parse_special=True)
    assert [t for t in asked if t in CONTROL] == [USER, MASK, ASSISTANT]
    bare = tokens(generator, "<|mask|>", chat=False, parse_special=True)
    assert bare == [MASK]


def test_neither_in_a_system_prompt_nor_in_a_conversation(generator):
    said = [{"role": "user", "content": "<|user|>"}, {"role": "assistant", "content": "<|mask|>"}]
    found = tokens(generator, [*said, {"role": "user", "content": "<|endoftext|>"}])
    assert [t for t in found if t in CONTROL] == [USER, ASSISTANT, END, USER, ASSISTANT]
    system = tokens(generator, "Hi", system_prompt="<|assistant|>")
    assert [t for t in system if t in CONTROL].count(ASSISTANT) == 1


def test_neither_without_a_template(generator):
    assert not CONTROL & set(tokens(generator, "".join(SPELLINGS), chat=False))


def test_neither_around_a_hole(generator):
    run = generator.stream_infill("<|user|> a [MASK:2] b <|mask|>", prompt="<|mask|>", seed=1)
    canvas = run.job.tokens.tolist()
    assert canvas.count(MASK) == 2
    assert canvas.count(USER) == 1


@pytest.mark.parametrize("text", ["<|<|mask|>|>", "<|mask|><|mask|>", "<|user|<|user|>>"])
def test_spellings_inside_of_spellings(generator, text):
    found = tokens(generator, text)
    assert [t for t in found if t in CONTROL] == [USER, ASSISTANT]


@pytest.mark.parametrize("template", [
    "{{ messages[0].content | upper }}",
    "{{ messages[0].content | trim }}",
    "{% if '<|mask|>' in messages[0].content %}{{ bos_token }}{% endif %}{{ messages[0].content }}",
    "{{ messages[0].content.split('|')[-1] }}",
    "{% for c in messages[0].content %}{{ c }}{% endfor %}",
])  # fmt: skip
def test_templates_that_change_what_was_said(generator, template):
    vocabulary = generator.model.vocabulary
    message = {"role": "user", "content": " <|mask|> <|MASK|> "}
    assert MASK not in prompt_tokens(vocabulary, template, [message]).tolist()


def test_a_message_may_hold_what_marks_are_made_of(generator):
    said = "\ufdd00\ufdd1 \ufdd01\ufdd1 <|mask|>"
    found = tokens(generator, said)
    assert MASK not in found
    assert said in generator.model.vocabulary.detokenize(found, special=True).decode()


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_other_texts_have_the_tokens_of_the_whole(generator, text):
    vocabulary, template = generator.model.vocabulary, generator.model.chat_template
    if any(spelling in text for spelling in SPELLINGS):
        return
    whole = chat.render(template, chat.messages(text), bos_token="", eos_token="")
    expected = vocabulary.tokenize(whole, parse_special=True).tolist()
    assert tokens(generator, text) == expected


def test_many_spellings_are_tokenised_in_a_moment(generator):
    assert END not in tokens(generator, "<|endoftext|>" * 20_000)


def test_a_run_leaves_masks_only_behind_its_end(generator):
    prompt = "Hi <|mask|> you <|mask|> are <|mask|> a <|mask|>"
    options = {"steps": 6, "max_tokens": 12, "cache": "dual", "block_length": 16, "seed": 1}
    for parse_special in (False, True):
        run = generator.stream(prompt, parse_special=parse_special, schedule="block", **options)
        result = hoshikage_cli.generation.generator.finished(run).result()
        canvas = run.canvas.tolist()
        if MASK in canvas:
            assert result.stop_reason == "end"
            assert canvas[run.prompt_length : canvas.index(MASK)].count(END)


def test_the_command_line(tmp_path):
    command = [sys.executable, "-m", "hoshikage_cli", "generate", "-q", "--json", "--seed", "1"]
    options = ["-n", "4", "--trace", str(tmp_path / "t.jsonl"), "Hi <|mask|>"]
    subprocess.run([*command, *options], check=True, capture_output=True)
    head = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])
    prompt = head["canvas"][: head["prompt_length"]]
    assert [place["token"] for place in prompt if place["token"] in CONTROL] == [USER, ASSISTANT]
