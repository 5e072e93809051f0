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


def kl_divergence(p, q):
    return math.fsum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True) if a > 0)


def distribution(row):
    top = max(row)
    weights = [math.exp(value - top) for value in row]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def longest(order, enough):
    """Positions of `order` while `enough` holds of them and those before; the first alone is no
    company."""
    taken = []
    for i in order:
        if not enough([*taken, i]):
            break
        taken.append(i)
    return taken if len(taken) > 1 else []


def accepted_by(rule, rows, seen):
    """Positions that a parallel rule accepts. rows: by position, without the mask token; seen: the
    distributions of earlier steps by position, the present one last."""
    if rule is None:
        return []
    name, *limits = rule
    confidence = {i: float(confidence_of("confidence", row, None)[0]) for i, row in rows.items()}
    entropy = {i: -float(confidence_of("entropy", row, None)[0]) for i, row in rows.items()}
    order = best_positions(confidence, len(confidence))
    low = [i for i in rows if entropy[i] < limits[0]]
    if name == "threshold":
        return [i for i in rows if confidence[i] >= limits[0]]
    if name == "factor":
        return longest(
            order, lambda t: len(t) == 1 or confidence[t[-1]] >= 1 - limits[0] / (len(t) + 1)
        )
    if name == "entropy_bound":
        return longest(
            order, lambda t: sum(entropy[i] for i in t) - max(entropy[i] for i in t) <= limits[0]
        )
    if name == "entropy_threshold":
        return low
    if name == "entropy_exit":
        return order[: len(low)]
    still = [
        i
        for i in rows
        if len(seen[i]) > 2
        and kl_divergence(seen[i][-1], seen[i][-2]) < limits[1]
        and kl_divergence(seen[i][-2], seen[i][-3]) < limits[1]
    ]
    return [i for i in still if confidence[i] > limits[0]]


def step_once(model, canvas, given, settings, scope, count, step, seen):
    """One denoising step: propose everywhere in scope, commit the `count` most trusted and what the
    parallel rule accepts besides; where end tokens come last they neither count nor precede."""
    mask, rule = settings["mask"], settings["rule"]
    rows = guided_rows(model, canvas, given, mask, settings["shift"], settings["scale"])
    proposals, scores, kept = {}, {}, {}
    for i in scope:
        if canvas[i] != mask:
            continue
        row = list(rows[i])
        row[mask] = -math.inf
        proposals[i] = best_token(row)
        kept[i] = row[:mask] + row[mask + 1 :]
        seen.setdefault(i, []).append(distribution(kept[i]))
        scores[i] = confidence_of(settings["algorithm"], kept[i], settings["noise"](step, i))
        if settings["alg_temp"]:
            u = settings["alg_noise"](step, i)
            score = float(scores[i][0])
            scores[i] = score / settings["alg_temp"] - math.log(-math.log(u)), 0.0
    late = [i for i in proposals if proposals[i] in settings["ends_last"]]
    early = [i for i in proposals if i not in late]
    order = best_positions({i: scores[i] for i in early}, count)
    order += best_positions({i: scores[i] for i in late}, count - len(order))
    for i in order + accepted_by(rule, {i: kept[i] for i in early}, seen):
        canvas[i] = proposals[i]
    return canvas


def dream(model, tokens, settings, steps, eps):
    """Dream's diffusion_generate: timesteps from 1 to eps; the number committed follows the
    current number of masks; the last step commits all."""
    canvas, mask = list(tokens), settings["mask"]
    given = [token != mask for token in canvas]
    times = [1 + (Fraction(str(eps)) - 1) * i / steps for i in range(steps + 1)]
    history, seen = [], {}
    for i in range(steps):
        masked = sum(token == mask for token in canvas)
        if masked == 0:
            break
        count = masked
        if i < steps - 1:
            count = math.floor(masked * (1 - times[i + 1] / times[i]))
        count = max(count, settings["rule"] is not None)
        canvas = step_once(model, canvas, given, settings, range(len(canvas)), count, i, seen)
        history.append(list(canvas))
    return history


def llada(model, tokens, settings, steps, block_length):
    """LLaDA's generate: blocks left to right, masks shared evenly among a block's steps. The
    blocks begin at the first mask; a ragged last one is shorter; steps are rounded up. With
    DPad's suffix dropout at its simplest: masks beyond `look_ahead` behind the block are not there.
    """
    canvas, mask, ahead = list(tokens), settings["mask"], settings["look_ahead"]
    given = [token != mask for token in canvas]
    known = max([i + 1 for i in range(len(canvas)) if given[i]], default=0)
    first = canvas.index(mask)
    edges = list(range(first, len(canvas), block_length))
    scopes = [range(edge, min(edge + block_length, len(canvas))) for edge in edges]
    scopes = [scope for scope in scopes if any(canvas[i] == mask for i in scope)]
    share = math.ceil(steps / len(scopes))
    history, done, seen = [], 0, {}
    for scope in scopes:
        masked = sum(canvas[i] == mask for i in scope)
        end = len(canvas) if ahead is None else max(known, scope[-1] + 1 + ahead)
        for j in range(share):
            count = masked // share + (1 if j < masked % share else 0)
            count = max(count, settings["rule"] is not None)
            near = canvas[:end], given[:end]
            canvas[:end] = step_once(model, *near, settings, scope, count, done + j, seen)
            history.append(list(canvas))
        done += share
    return history
