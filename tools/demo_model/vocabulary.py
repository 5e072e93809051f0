"""The byte-level BPE vocabulary: learnt from the corpus, every digit, newline and blank alone.

The pre-tokenizer is the one that llama.cpp calls "smollm": digits singly, then GPT-2's pattern.
"""
from __future__ import annotations

import random
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import corpus
import facts
import stories

PRE_TOKENIZER = "smollm"
END, MASK = "<|endoftext|>", "<|mask|>"
SYSTEM, USER, ASSISTANT = "<|system|>", "<|user|>", "<|assistant|>"
SPECIALS = (END, MASK, SYSTEM, USER, ASSISTANT)
SIZE = 1408
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ '<|endoftext|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def training_lines(count: int = 40_000, seed: int = 7) -> list[str]:
    """Lines to learn merges from; sudoku cells stay apart because no sudoku is among them."""
    rng = random.Random(seed)
    weights = {name: w for name, w in corpus.WEIGHTS.items() if name != "sudoku"}
    lines = ["Solve this sudoku:", "Complete the sudoku:", "Sudoku:", "Fill in this sudoku:"] * 50
    lines += (stories.NAMES + stories.THINGS + facts.DAYS + facts.MONTHS) * 20
    for _ in range(count):
        example = corpus.training_example(rng, weights)
        lines += [example.prompt, example.answer]
    return lines


def train(path: Path) -> Tokenizer:
    """Learns the vocabulary and writes it as a `tokenizers` file."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(training_lines(), trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=list(SPECIALS), min_frequency=8, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.save(str(path))
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Reads the vocabulary, learning it first where there is none."""
    return Tokenizer.from_file(str(path)) if path.exists() else train(path)


def chat_prompt(prompt: str, system: str = "") -> str:
    """What the chat template makes of one question."""
    opening = SYSTEM + system if system else ""
    return opening + USER + prompt.strip() + ASSISTANT
