"""LLaDA's likelihoods as its formula has them: slow, plain, one number at a time. Nothing here
comes from `hoshikage_cli`.

A model is a function from tokens (list of ints) to rows of logits (L, V), as in `papers`.
"""

from __future__ import annotations

import itertools
import math

import numpy as np


def log_softmax(row, token):
    top = max(float(value) for value in row)
    return float(row[token]) - top - math.log(sum(math.exp(float(v) - top) for v in row))


def rows_of(model, canvas, shift):
    rows = model(np.array(canvas, np.int32))
    return [rows[max(0, i - 1)] if shift else rows[i] for i in range(len(canvas))]


def guided(model, canvas, prompt_length, mask, shift, scale):
    """z_u + (w + 1)(z_c - z_u), where the prompt is masked for z_u."""
    conditional = rows_of(model, canvas, shift)
    if scale <= 0:
        return conditional
    blind = [mask] * prompt_length + list(canvas[prompt_length:])
    unconditional = rows_of(model, blind, shift)
    return [
        [float(u) + (scale + 1) * (float(c) - float(u)) for c, u in zip(*pair, strict=True)]
        for pair in zip(conditional, unconditional, strict=True)
    ]


def of_draw(model, tokens, prompt_length, masked, mask, shift=False, scale=0.0):
    """- sum over the masked of -ln p / (k / L), for one set of masked positions."""
    length = len(tokens) - prompt_length
    canvas = [mask if i in masked else int(token) for i, token in enumerate(tokens)]
    rows = guided(model, canvas, prompt_length, mask, shift, scale)
    loss = sum(-log_softmax(rows[i], int(tokens[i])) for i in masked)
    return -loss / (len(masked) / length)


def expectation(model, tokens, prompt_length, mask, shift=False, scale=0.0):
    """The mean over every number of masks and every choice of so many: no draws at all."""
    answer = range(prompt_length, len(tokens))
    by_count = []
    for count in range(1, len(answer) + 1):
        choices = list(itertools.combinations(answer, count))
        values = [
            of_draw(model, tokens, prompt_length, set(c), mask, shift, scale) for c in choices
        ]
        by_count.append(sum(values) / len(values))
    return sum(by_count) / len(by_count)


def independent_draws(model, tokens, prompt_length, mask, count, seed):
    """Mean and standard error over draws of their own."""
    rng = np.random.default_rng(seed)
    length = len(tokens) - prompt_length
    values = []
    for _ in range(count):
        k = int(rng.integers(1, length + 1))
        masked = set((prompt_length + rng.permutation(length)[:k]).tolist())
        values.append(of_draw(model, tokens, prompt_length, masked, mask))
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(count))


def along_confidence(model, tokens, prompt_length, mask):
    """One token a step, where the model is surest of what it would put: the sum of ln p of the
    tokens that stand there. The mask is never proposed."""
    canvas = [*map(int, tokens[:prompt_length]), *[mask] * (len(tokens) - prompt_length)]
    total, order = 0.0, []
    while mask in canvas:
        rows = model(np.array(canvas, np.int32))
        sureness = {}
        for i in [i for i, token in enumerate(canvas) if token == mask]:
            others = [-math.inf if t == mask else float(v) for t, v in enumerate(rows[i])]
            # In single precision, so that what is equal but for a rounding ties.
            sureness[i] = np.float32(math.exp(log_softmax(others, others.index(max(others)))))
        place = max(sureness, key=lambda i: (sureness[i], -i))
        total += log_softmax(rows[place], int(tokens[place]))
        canvas[place] = int(tokens[place])
        order.append(place)
    return total, order
