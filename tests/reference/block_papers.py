"""How each family that writes in blocks does it, from the formulas of its code: slow, plain, every
pass over everything that is visible. Nothing here comes from `hoshikage_cli.decoding`.

A model gives cells(tokens, sees) and rows(cells, sees), where sees[i][j] says whether position i
sees j. Temperature 0. Each function yields (text so far, passes so far) after each pass: passes
that denoise, and those whose last row gives a block's first token. Clean blocks are read in the
pass that follows them, but where they are read in another way. Rules written > here differ from
>= in ties alone, so limits are to be such as no probability meets.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Guess(NamedTuple):
    """The likeliest token but for the mask, and how sure it is."""

    token: int
    p: float
    rank: tuple[float, float]
    """Compares as p does, and where that is nearly 1 as what it falls short of it; in single
    precision, so that what is equal but for the order of an addition ties."""


def guess(row, mask):
    allowed = [-math.inf if token == mask else float(value) for token, value in enumerate(row)]
    top = max(allowed)
    best = allowed.index(top)
    others = [math.exp(value - top) for i, value in enumerate(allowed) if i != best]
    total, rest = math.fsum([1, *others]), math.fsum(others)
    return Guess(best, 1 / total, (np.float32(1 / total), -np.float32(rest / total)))


def block_sees(length, size, first):
    """Blocks of `size` from `first` on and before it: each sees itself and those before."""
    number = [(i - first) // size for i in range(length)]
    return [[number[j] <= number[i] for j in range(length)] for i in range(length)]


def causal_sees(length, block=None):
    """Only what is before; positions from `block` on all see each other."""
    free = length if block is None else block
    return [[j <= i or (i >= free and j >= free) for j in range(length)] for i in range(length)]


def rows_of(model, tokens, sees):
    return model.rows(model.cells(tokens, sees), sees)


def largest(x0, positions, count):
    """`count` positions by falling sureness, the first of equal ones."""
    return sorted(positions, key=lambda i: (-x0[i].rank[0], -x0[i].rank[1], i))[:count]


def shares(masks, steps):
    """masks // steps, and one more in the first masks % steps steps."""
    return [masks // steps + (step < masks % steps) for step in range(steps)]


def ended(tokens, prompt, ends, upto):
    """Whether an end token stands before `upto` in the answer."""
    return any(token in ends for token in tokens[prompt:upto])


def first_block(tokens, prompt, size, mask):
    """Where decoding begins: with the whole blocks of the prompt done, or at a hole in them."""
    return tokens.index(mask) // size if mask in tokens[:prompt] else prompt // size


def sdar(model, prompt, length, size, steps, mode, limit, mask, ends=()):
    """SDAR and TraDo; Stable-DiffCoder and LLaDA2.0 differ in their numbers alone."""
    p = len(prompt)
    blocks = -(-(p + length) // size)
    x = list(prompt) + [mask] * (blocks * size - p)
    passes = 0
    for b in range(first_block(x, p, size, mask), blocks):
        block = range(b * size, (b + 1) * size)
        masks = sum(x[i] == mask for i in block)
        quotas = shares(masks, steps or max(1, masks))
        for quota in quotas:
            masked = [i for i in block if x[i] == mask]
            if not masked:
                break
            z = rows_of(model, x[: block.stop], block_sees(block.stop, size, 0))
            passes += 1
            x0 = {i: guess(z[i], mask) for i in masked}
            taken = masked[:quota] if mode == "sequential" else largest(x0, masked, quota)
            if mode == "dynamic":
                over = [i for i in masked if x0[i].p > limit]
                taken = over if len(over) >= quota else largest(x0, masked, quota)
            for i in taken:
                x[i] = x0[i].token
            yield x[: p + length], passes
        if ended(x, p, ends, block.stop):
            return


def fast_dllm_v2(model, prompt, length, size, sub, limit, mask, cached=False, ends=()):
    p = len(prompt)
    blocks = -(-(p + length) // size)
    x = list(prompt) + [mask] * (blocks * size - p)
    passes = 0
    for b in range(p // size, blocks):
        start, stop = b * size, (b + 1) * size
        if x[start] == mask and start > 0:
            z = rows_of(model, x[:start], block_sees(start, size, 0))
            passes += 1
            x[start] = guess(z[start - 1], mask).token
            yield x[: p + length], passes
        kept = None
        for s in range(start, stop, sub):
            part = range(s, min(s + sub, stop))
            while any(x[i] == mask for i in part):
                sees = block_sees(stop, size, 0)
                now = model.cells(x[:stop], sees)
                if cached and kept is not None and x[s] != mask:
                    kept[part.start : part.stop] = now[part.start : part.stop]
                else:
                    kept = now
                z = model.rows(kept, sees)
                z = list(z[:start]) + [z[start]] + list(z[start : stop - 1])
                passes += 1
                x0 = {i: guess(z[i], mask) for i in part if x[i] == mask}
                for i in {*largest(x0, x0, 1), *(i for i in x0 if x0[i].p > limit)}:
                    x[i] = x0[i].token
                yield x[: p + length], passes
            if ended(x, p, ends, part.stop):
                return


def llada21(model, prompt, length, size, limit, edit, post_steps, mask, ends=()):
    p = len(prompt)
    given = [token != mask for token in prompt]
    blocks = -(-(p + length) // size)
    x = list(prompt) + [mask] * (blocks * size - p)
    passes = 0
    for b in range(first_block(x, p, size, mask), blocks):
        block = range(b * size, (b + 1) * size)
        if mask not in x[block.start : block.stop]:
            continue  # given as a whole, behind a hole of the prompt
        post = 0
        while True:
            masked = [i for i in block if x[i] == mask]
            if not masked:
                post += 1
                if post > post_steps:
                    break
            z = rows_of(model, x[: block.stop], block_sees(block.stop, size, 0))
            passes += 1
            x0 = {i: guess(z[i], mask) for i in block}
            filled = [i for i in masked if x0[i].p > limit]
            filled = filled or largest(x0, masked, 1)
            edits = [
                i
                for i in block
                if i not in masked
                and not (i < p and given[i])
                and x0[i].p > edit
                and x0[i].token != x[i]
            ]
            for i in filled + edits:
                x[i] = x0[i].token
            yield x[: p + length], passes
            if not masked and not edits:
                break
        if ended(x, p, ends, min(block.stop, p + length)):
            return


def bd3lm(model, prompt, length, size, steps, mask, ends=()):
    """As SDAR's static mode, on a grid that begins where the prompt ends."""
    p = len(prompt)
    blocks = -(-length // size)
    x = list(prompt) + [mask] * (blocks * size)
    passes = 0
    for b in range(blocks):
        block = range(p + b * size, p + (b + 1) * size)
        for quota in shares(size, steps or size):
            masked = [i for i in block if x[i] == mask]
            if not quota:
                break
            z = rows_of(model, x[: block.stop], block_sees(block.stop, size, p))
            passes += 1
            x0 = {i: guess(z[i], mask) for i in masked}
            for i in largest(x0, masked, quota):
                x[i] = x0[i].token
            yield x[: p + length], passes
        if ended(x, p, ends, block.stop):
            return


def nemotron(model, prompt, length, size, limit, steps, mask, ends=()):
    p = len(prompt)
    x = list(prompt) + [mask] * length
    passes = 0
    for start in range(p, p + length, size):
        stop = min(start + size, p + length)
        z = rows_of(model, x[:start], causal_sees(start))
        passes += 1
        x[start] = guess(z[start - 1], mask).token
        yield list(x), passes
        step = 0
        while masked := [i for i in range(start, stop) if x[i] == mask]:
            z = rows_of(model, x[:stop], causal_sees(stop, start))
            passes += 1
            step += 1
            x0 = {i: guess(z[i], mask) for i in masked}
            taken = [i for i in masked if x0[i].p > limit] or largest(x0, masked, 1)
            for i in masked if step == steps else taken:
                x[i] = x0[i].token
            yield list(x), passes
        if ended(x, p, ends, stop):
            return


def sdlm(model, prompt, length, size, limit, mask, ends=()):
    p = n = len(prompt)
    x = list(prompt)
    passes = 0
    while n < p + length:
        window = x + [mask] * (size - 1)
        z = rows_of(model, window, causal_sees(n - 1 + size, n - 1))
        passes += 1 if n == 1 else 2  # what is before the window is read causally, by itself
        found = [guess(z[n - 1 + k], mask) for k in range(size)]
        kept = 0
        while kept < size and found[kept].p > limit:
            kept += 1
        x = x + [each.token for each in found[: max(1, kept)]]
        n = len(x)
        yield (x + [mask] * length)[: p + length], passes
        if ended(x, p, ends, n):
            return
