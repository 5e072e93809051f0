"""LLaDA's and Dream's generation as the papers and their code define it: slow, plain, one canvas
position at a time, every pass over everything. Nothing here comes from `hoshikage_cli.decoding`.

A model is a function from tokens (list of ints) to rows of logits (L, V). Temperature 0 only, and
random numbers come in as a function of (step, position), so that runs can be compared.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def model_rows(model, canvas, shift):
    """z_i for every position: Dream's row i - 1 predicts i, and row 0 also predicts 0."""
    rows = [[float(value) for value in row] for row in model(np.array(canvas, np.int32))]
    return [rows[0], *rows[:-1]] if shift else rows


def guided_rows(model, canvas, given, mask, shift, scale):
    """z = z_u + (w + 1)(z_c - z_u); the unconditional canvas masks all that was given."""
    conditional = model_rows(model, canvas, shift)
    if scale <= 0:
        return conditional
    blind = [mask if given[i] else token for i, token in enumerate(canvas)]
    unconditional = model_rows(model, blind, shift)
    return [
        [u + (scale + 1) * (c - u) for c, u in zip(row_c, row_u, strict=True)]
        for row_c, row_u in zip(conditional, unconditional, strict=True)
    ]


def best_token(row):
    return row.index(max(row))


def confidence_of(algorithm, row, noise):
    """Pairs that compare as the exact numbers do: the number, and minus what it falls short of the
    best by, which tells nearly certain ones apart. Rounded to single precision, so that what is
    equal but for the order of an addition ties."""
    if algorithm == "random":
        return noise, 0.0
    top = max(row)
    weights = [math.exp(value - top) for value in row]
    best = best_token(row)
    others = weights[:best] + weights[best + 1 :]
    total, rest, second = math.fsum(weights), math.fsum(others), max(others)
    if algorithm == "confidence":
        return np.float32(1 / total), -np.float32(rest / total)
    if algorithm == "margin":
        margin = np.float32(1 / total) - np.float32(second / total)
        return margin, -np.float32(math.fsum([rest, second]) / total)
    spread = math.fsum(w * math.log(w) for w in others if w > 0)
    return -np.float32(math.log1p(rest) - spread / total), 0.0


def best_positions(scores, count):
    """`count` positions by falling score; among equal ones the lower position."""
    left, taken = sorted(scores), []
    while left and len(taken) < count:
        top = max(scores[i] for i in left)
        winner = next(i for i in left if scores[i] == top)
        taken.append(winner)
        left.remove(winner)
    return taken


def step_once(model, canvas, given, settings, scope, count, step):
    """One denoising step: propose everywhere in scope, commit the `count` most trusted."""
    mask = settings["mask"]
    rows = guided_rows(model, canvas, given, mask, settings["shift"], settings["scale"])
    proposals, scores = {}, {}
    for i in scope:
        if canvas[i] != mask:
            continue
        row = list(rows[i])
        row[mask] = -math.inf
        proposals[i] = best_token(row)
        row = row[:mask] + row[mask + 1 :]
        scores[i] = confidence_of(settings["algorithm"], row, settings["noise"](step, i))
    for i in best_positions(scores, count):
        canvas[i] = proposals[i]
    return canvas


def dream(model, tokens, settings, steps, eps):
    """Dream's diffusion_generate: timesteps from 1 to eps; the number committed follows the
    current number of masks; the last step commits all."""
    canvas, mask = list(tokens), settings["mask"]
    given = [token != mask for token in canvas]
    times = [1 + (Fraction(str(eps)) - 1) * i / steps for i in range(steps + 1)]
    history = []
    for i in range(steps):
        masked = sum(token == mask for token in canvas)
        if masked == 0:
            break
        count = masked
        if i < steps - 1:
            count = math.floor(masked * (1 - times[i + 1] / times[i]))
        canvas = step_once(model, canvas, given, settings, range(len(canvas)), count, i)
        history.append(list(canvas))
    return history


def llada(model, tokens, settings, steps, block_length):
    """LLaDA's generate: blocks left to right, masks shared evenly among a block's steps. The
    blocks begin at the first mask; a ragged last one is shorter; steps are rounded up."""
    canvas, mask = list(tokens), settings["mask"]
    given = [token != mask for token in canvas]
    first = canvas.index(mask)
    edges = list(range(first, len(canvas), block_length))
    scopes = [range(edge, min(edge + block_length, len(canvas))) for edge in edges]
    scopes = [scope for scope in scopes if any(canvas[i] == mask for i in scope)]
    share = math.ceil(steps / len(scopes))
    history, done = [], 0
    for scope in scopes:
        masked = sum(canvas[i] == mask for i in scope)
        for j in range(share):
            count = masked // share + (1 if j < masked % share else 0)
            canvas = step_once(model, canvas, given, settings, scope, count, done + j)
            history.append(list(canvas))
        done += share
    return history
