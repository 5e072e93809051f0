"""Decoding in torch, only to watch training: confidence order, timestep schedule, temperature 0;
in blocks one token a step.

What counts are Hoshikage's own figures (`evaluate.py`); this follows the same rules.
"""

from __future__ import annotations

import torch

from . import batches, corpus, vocabulary
from .network import Network
from .phrasings import Side

EPS = 1e-3
BLOCK_LENGTH = 4


def stacked(prompts: list[list[int]], room: int, filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts followed by `room` positions, and the padding behind them: tokens and visible."""
    longest = max(map(len, prompts)) + room
    tokens = torch.full((len(prompts), longest), filler)
    visible = torch.zeros(len(prompts), longest, dtype=torch.bool)
    for i, prompt in enumerate(prompts):
        tokens[i, : len(prompt)] = torch.tensor(prompt)
        visible[i, : len(prompt) + room] = True
    return tokens, visible


@torch.no_grad()
def denoise(
    network: Network, prompts: list[list[int]], mask: int, end: int, canvas: int, steps: int
) -> list[list[int]]:
    """Fills a canvas behind each prompt; the tokens before the first end token."""
    tokens, visible = stacked(prompts, canvas, end)
    for i, prompt in enumerate(prompts):
        tokens[i, len(prompt) : len(prompt) + canvas] = mask
    delta = (1 - EPS) / steps
    for step in range(steps):
        left = int((tokens[0] == mask).sum())
        take = left if step == steps - 1 else int(left * delta / (1 - step * delta))
        if take:
            commit(network, tokens, visible, mask, take)
    answers = [tokens[i, len(p) : len(p) + canvas].tolist() for i, p in enumerate(prompts)]
    return [a[: a.index(end)] if end in a else a for a in answers]


def commit(
    network: Network,
    tokens: torch.Tensor,
    visible: torch.Tensor,
    mask: int,
    take: int,
    masked: torch.Tensor | None = None,
) -> None:
    """Unmasks, in place, the `take` most confident positions of every row, of those that are
    `masked` (bool, as `tokens`; all masks where it is not given)."""
    masked = tokens == mask if masked is None else masked
    seen = visible[:, None] if visible.ndim == 3 else visible[:, None, None]
    logits = network.head(network.hidden(tokens, seen)[masked])
    logits[:, mask] = -torch.inf
    top = logits.softmax(-1).max(-1)
    confidence = torch.full(tokens.shape, -1.0).masked_scatter(masked, top.values)
    proposed = tokens.masked_scatter(masked, top.indices)
    chosen = confidence.topk(take, dim=1).indices
    none = confidence.gather(1, chosen) < 0  # fewer masks than `take`
    kept = torch.where(none, tokens.gather(1, chosen), proposed.gather(1, chosen))
    tokens.scatter_(1, chosen, kept)


@torch.no_grad()
def denoise_blocks(
    network: Network, prompts: list[list[int]], mask: int, end: int, canvas: int, length: int
) -> list[list[int]]:
    """Fills block after block behind each prompt; the tokens before the first end token."""
    room = canvas + (-canvas % length) + length
    tokens, visible = stacked(prompts, room, end)
    block = torch.arange(tokens.shape[1]) // length
    seen = (block[:, None] >= block) & visible[:, None]
    first = torch.tensor([len(p) // length for p in prompts])
    for i, prompt in enumerate(prompts):
        tokens[i, len(prompt) : len(prompt) + room] = mask
    for at in range(canvas // length + 1):
        under_way = block == first[:, None] + at
        for _ in range(length):
            masked = under_way & (tokens == mask)
            if masked.any():
                commit(network, tokens, seen, mask, 1, masked)
    answers = [tokens[i, len(p) : len(p) + canvas].tolist() for i, p in enumerate(prompts)]
    return [a[: a.index(end)] if end in a else a for a in answers]


@torch.no_grad()
def continue_greedily(
    network: Network, prompts: list[list[int]], end: int, room: int
) -> list[list[int]]:
    """The most likely next token, again and again, until the end token."""
    tokens, _ = stacked(prompts, room, end)
    at = torch.tensor([len(p) for p in prompts])
    rows, done = torch.arange(len(prompts)), torch.zeros(len(prompts), dtype=torch.bool)
    for step in range(room):
        width = int((at + step).max())
        hidden = network.hidden(tokens[:, :width])[rows, at + step - 1]
        tokens[rows, at + step] = torch.where(done, end, network.head(hidden).argmax(-1))
        done |= tokens[rows, at + step] == end
        if done.all():
            break
    answers = [tokens[i, len(p) : len(p) + room].tolist() for i, p in enumerate(prompts)]
    return [a[: a.index(end)] if end in a else a for a in answers]


def answers(
    network: Network,
    kind: str,
    encoder: batches.Encoder,
    examples: list[corpus.Example],
    steps: int = 50,
    canvas: int = batches.CANVAS,
) -> list[str]:
    """The model's answers to chat examples."""
    prompts = [encoder(vocabulary.chat_prompt(e.prompt)) for e in examples]
    if kind == "autoregressive":
        found = continue_greedily(network, prompts, encoder.end, canvas)
    elif kind == "block":
        found = denoise_blocks(network, prompts, encoder.mask, encoder.end, canvas, BLOCK_LENGTH)
    else:
        found = denoise(network, prompts, encoder.mask, encoder.end, canvas, steps)
    return [encoder.tokenizer.decode(ids, skip_special_tokens=True) for ids in found]


def scores(
    network: Network,
    kind: str,
    encoder: batches.Encoder,
    items: int,
    steps: int = 50,
    side: Side = Side.PLAIN,
) -> tuple[dict[str, float], dict[str, list[tuple[str, str]]]]:
    """The share of right answers per task on held-out items, and (prompt, answer) samples."""
    table, samples = {}, {}
    for name in corpus.GENERATORS:
        examples = corpus.held_out_examples(name, items, side=side)
        texts = answers(network, kind, encoder, examples, steps)
        right = [corpus.is_right(e, t) for e, t in zip(examples, texts, strict=True)]
        table[name] = sum(right) / len(right)
        shown = sorted(zip(right, examples, texts, strict=True), key=lambda row: row[0])[:2]
        samples[name] = [(e.prompt, t) for _, e, t in shown]
    return table, samples
