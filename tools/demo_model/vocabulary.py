"""The byte-level BPE vocabulary: learnt from the corpus, every digit, newline and blank alone.

`demo_model.vocabulary FILE` writes texts and their token ids as JSON, for the test that compares
libllama's tokenisation of the exported model with this one.

The pre-tokenizer is the one that llama.cpp calls "smollm": digits singly, then GPT-2's pattern.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from . import corpus, facts, stories

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
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        training_lines(),
        trainers.BpeTrainer(
            vocab_size=SIZE,
            special_tokens=list(SPECIALS),
            min_frequency=8,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer.save(str(path))
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Reads the vocabulary, learning it first where there is none."""
    return Tokenizer.from_file(str(path)) if path.exists() else train(path)


def chat_prompt(prompt: str, system: str = "") -> str:
    """What the chat template makes of one question."""
    opening = SYSTEM + system if system else ""
    return opening + USER + prompt.strip() + ASSISTANT


def recorded_texts() -> list[str]:
    """Texts of every task, and some that no task has."""
    rng = random.Random(11)
    made = [corpus.training_example(rng) for _ in range(40)]
    odd = [
        "",
        " ",
        "  two  spaces ",
        "\n\n \t\r\n",
        "don't we'll 1234567 x=-1.5e3",
        "日本語のテキスト",
        "star ⭐ 😀 é ß",
        "____\n_231\n132_\n___3",
        MASK * 3,
        f"{MASK} + 2 = 3{END}",
        chat_prompt("Hello", "You are Hoshi."),
    ]
    return odd + [chat_prompt(e.prompt) + e.answer for e in made if e.chat]


def main() -> None:
    """Writes the recorded tokenisation."""
    tokenizer = load(Path(__file__).parent / "runs" / "tokenizer.json")
    rows = [{"text": text, "tokens": tokenizer.encode(text).ids} for text in recorded_texts()]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    Path(sys.argv[1]).write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
