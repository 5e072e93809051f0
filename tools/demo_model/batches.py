"""Training batches: examples as tokens, corrupted for diffusion or as they are for next-token.

Diffusion examples come in three kinds: an answer to be denoised behind its prompt (most), the same
with the whole prompt masked (what classifier-free guidance asks of the model), and a plain text
masked anywhere (infilling). Answers are filled up with end tokens to a canvas of random length.

Examples in blocks (BD3LM's training) are fed twice side by side: a clean copy, of which each block
sees itself and those before it, and a noisy copy of the answer's blocks, of which each sees itself
and the clean ones before it. So every block of an answer is asked in one pass.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from tokenizers import Tokenizer

from . import corpus, phrasings, vocabulary
from .copies import Copies

CANVAS = 48
BLOCK_LENGTHS = (4, 8)  # each sequence has one of them, so that one model serves with either
TALK_SHARE = 0.12  # of the examples in blocks; these follow another question and its answer
SYSTEM_SHARE = 0.05
SALAD_SHARE = 0.08  # of the plain texts; so that the words of held-out wordings are met somewhere
TAIL_WEIGHT = 0.15
SYSTEM_TEXTS = (
    "You are Hoshi.",
    "You are a helpful assistant.",
    "Answer in one sentence.",
    "You are Hoshi, a tiny language model.",
    "Be brief.",
)


@dataclass(frozen=True)
class Mixture:
    """Shares of the kinds of sequences, and the weights of the tasks."""

    infill: float = 0.13
    blind: float = 0.06
    long_tail: float = 0.22
    full_canvas: float = 0.28
    weights: dict[str, float] = field(default_factory=lambda: corpus.WEIGHTS)


DEFAULT_MIXTURE = Mixture()


@dataclass(frozen=True)
class Sequence:
    """Tokens fed, tokens wanted, and the loss weight of each position (0 = not asked)."""

    tokens: list[int]
    wanted: list[int]
    weights: list[float]
    copies: Copies | None = None


@dataclass(frozen=True)
class Batch:
    """Sequences padded to one length: int64 and float32 arrays [count, length]; `visible` is bool,
    and has for sequences in two copies a row for each position."""

    tokens: np.ndarray
    wanted: np.ndarray
    weights: np.ndarray
    visible: np.ndarray
    count: int
    """Tokens without padding."""
    positions: np.ndarray | None = None


class Encoder:
    """The vocabulary with a memory, since the corpus repeats its phrases."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer, self.memory = tokenizer, {}
        self.end = tokenizer.token_to_id(vocabulary.END)
        self.mask = tokenizer.token_to_id(vocabulary.MASK)

    def __call__(self, text: str) -> list[int]:
        if len(self.memory) > 200_000:
            self.memory.clear()
        if text not in self.memory:
            self.memory[text] = self.tokenizer.encode(text).ids
        return self.memory[text]

    def prompt(self, example: corpus.Example, rng: random.Random) -> list[int]:
        """The tokens before the answer: chat template (now and then a system text) or plain."""
        if not example.chat:
            return self(example.prompt)
        system = rng.choice(SYSTEM_TEXTS) if rng.random() < SYSTEM_SHARE else ""
        return self(vocabulary.chat_prompt(example.prompt, system))


def random_tail(rng: random.Random, length: int, mixture: Mixture) -> int:
    """How many end tokens follow an answer of `length` tokens (its own end included)."""
    room, kind = max(1, CANVAS - length), rng.random()
    if kind < mixture.full_canvas:
        return room if rng.random() < 0.9 else room + rng.randint(1, 16)
    if kind < mixture.full_canvas + mixture.long_tail:
        return rng.randint(1, room)
    return rng.randint(1, min(8, room))


def mask_tail(rng: random.Random, count: int) -> list[bool]:
    """Which of the `count` end tokens behind the first are masked: as decoding leaves them."""
    kind = rng.random()
    if kind < 0.40:
        return [True] * count
    if kind < 0.65:
        return [False] * count
    if kind < 0.85:
        cut = rng.randint(0, count)
        return [i < cut for i in range(count)]
    share = rng.random()
    return [rng.random() < share for _ in range(count)]


def mask_some(rng: random.Random, count: int) -> list[bool]:
    """A uniform number of masks, at least one, at uniform places."""
    chosen = set(rng.sample(range(count), rng.randint(1, count)))
    return [i in chosen for i in range(count)]


def mask_spans(rng: random.Random, count: int) -> list[bool]:
    """One to three runs of masks."""
    masked = [False] * count
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(count)
        for i in range(start, min(count, start + rng.randint(1, max(1, count // 3)))):
            masked[i] = True
    return masked


def corrupt(
    encoder: Encoder,
    prompt: list[int],
    shown: list[int],
    body: list[int],
    masked: list[bool],
    tail: list[bool],
) -> Sequence:
    """Masks `body` and the end tokens behind it; `shown` is what stands in for the prompt."""
    n, m = max(1, sum(masked)), max(1, sum(tail))
    ends = [encoder.end] * len(tail)
    hidden = masked + tail
    canvas = [encoder.mask if h else t for h, t in zip(hidden, body + ends, strict=True)]
    weights = [h * n**-0.5 for h in masked] + [h * TAIL_WEIGHT * m**-0.5 for h in tail]
    return Sequence(shown + canvas, prompt + body + ends, [0.0] * len(prompt) + weights)


def denoising(encoder: Encoder, rng: random.Random, mixture: Mixture) -> Sequence:
    """One training sequence of the diffusion model."""
    kind = rng.random()
    if kind < mixture.infill:
        salad = rng.random() < SALAD_SHARE
        body = encoder(
            phrasings.salad(rng, corpus.WORDS)
            if salad
            else corpus.infill_text(rng, mixture.weights)
        )
        tail = mask_tail(rng, rng.randint(0, 6)) if rng.random() < 0.5 else []
        masks = mask_some if rng.random() < 0.6 else mask_spans
        return corrupt(encoder, [], [], body, masks(rng, len(body)), tail)
    example = corpus.training_example(rng, mixture.weights)
    prompt = encoder.prompt(example, rng)
    body = encoder(example.answer) + [encoder.end]
    tail = mask_tail(rng, random_tail(rng, len(body), mixture) - 1)
    shown = [encoder.mask] * len(prompt) if kind < mixture.infill + mixture.blind else prompt
    return corrupt(encoder, prompt, shown, body, mask_some(rng, len(body)), tail)


def next_token(encoder: Encoder, rng: random.Random, mixture: Mixture) -> Sequence:
    """One training sequence of the autoregressive model: prompt tokens count a tenth."""
    example = corpus.training_example(rng, mixture.weights)
    prompt = encoder.prompt(example, rng)
    text = prompt + encoder(example.answer) + [encoder.end]
    asked = [0.1 if i < len(prompt) else 1.0 for i in range(1, len(text))]
    return Sequence(text[:-1], text[1:], asked)


def earlier_turn(encoder: Encoder, rng: random.Random, mixture: Mixture) -> list[int]:
    """A question and its answer, as a chat template writes them before the next question."""
    while True:
        example = corpus.training_example(rng, mixture.weights)
        if example.chat:
            return encoder.prompt(example, rng) + encoder(example.answer) + [encoder.end]


def in_blocks(encoder: Encoder, rng: random.Random, mixture: Mixture) -> Sequence:
    """One training sequence of the model that writes in blocks: a uniform number of each block's
    tokens is masked, and the last block is filled up with end tokens."""
    example, length = corpus.training_example(rng, mixture.weights), rng.choice(BLOCK_LENGTHS)
    before = example.chat and rng.random() < TALK_SHARE
    prompt = earlier_turn(encoder, rng, mixture) if before else []
    prompt = prompt + encoder.prompt(example, rng)
    text = prompt + encoder(example.answer) + [encoder.end]
    text += [encoder.end] * (-len(text) % length)
    start = len(prompt) // length * length
    noisy, weights = list(text[start:]), [0.0] * (len(text) - start)
    for begin in range(start, len(text), length):
        places = range(max(begin, len(prompt)), begin + length)
        masked = mask_some(rng, len(places))
        for at, hidden in zip(places, masked, strict=True):
            if hidden:
                noisy[at - start], weights[at - start] = encoder.mask, sum(masked) ** -0.5
    positions = [*range(len(text)), *range(start, len(text))]
    return Sequence(
        text + noisy,
        text + text[start:],
        [0.0] * len(text) + weights,
        Copies(positions, length, len(text)),
    )


MAKERS: dict[str, Callable[[Encoder, random.Random, Mixture], Sequence]] = {
    "diffusion": denoising,
    "autoregressive": next_token,
    "block": in_blocks,
}
"""What makes the sequences of each kind of model."""


def pad(group: list[Sequence], filler: int) -> Batch:
    """Sequences of similar length as arrays."""
    count, longest = len(group), max(len(s.tokens) for s in group)
    shape, copies = (count, longest), group[0].copies is not None
    tokens, wanted = np.full(shape, filler, np.int64), np.full(shape, filler, np.int64)
    weights = np.zeros(shape, np.float32)
    visible = np.zeros((count, longest, longest) if copies else shape, bool)
    positions = np.zeros(shape, np.int64) if copies else None
    for i, s in enumerate(group):
        n = len(s.tokens)
        tokens[i, :n], wanted[i, :n], weights[i, :n] = s.tokens, s.wanted, s.weights
        if s.copies:
            visible[i, :n, :n], positions[i, :n] = s.copies.visible(), s.copies.positions
            visible[i, n:, 0] = True  # padding has to see something
        else:
            visible[i, :n] = True
    return Batch(tokens, wanted, weights, visible, sum(len(s.tokens) for s in group), positions)


def step_batches(
    encoder: Encoder,
    rng: random.Random,
    count: int,
    parts: int,
    kind: str,
    mixture: Mixture = DEFAULT_MIXTURE,
) -> list[Batch]:
    """The `count` sequences of one optimiser step, sorted by length, in `parts` of equal tokens."""
    make = MAKERS[kind]
    made = sorted((make(encoder, rng, mixture) for _ in range(count)), key=lambda s: len(s.tokens))
    share = sum(len(s.tokens) for s in made) / parts
    groups, filled = [[]], 0
    for sequence in made:
        if filled >= share * len(groups) and len(groups) < parts:
            groups.append([])
        groups[-1].append(sequence)
        filled += len(sequence.tokens)
    return [pad(group, encoder.end) for group in groups if group]
