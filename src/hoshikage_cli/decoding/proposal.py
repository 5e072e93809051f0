"""What the model would put at each masked position, and how sure it is: the specification.

`propose` is the definition in numpy and double precision; `llama.rows.reduce_rows` computes the
same natively. Order of operations: guidance, banned tokens, temperature, top-p, top-k, softmax,
draw (Dream's order of filters). Ties go to the lower token id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .guidance import guide
from .randomness import Stream, keys, uniform, uniform_tokens


@dataclass(frozen=True)
class ProposalRule:
    """How rows of logits become proposals."""

    temperature: float = 0.0
    """0 is greedy."""
    top_k: int = 0
    """0 is off."""
    top_p: float = 1.0
    """1 is off."""
    gumbel: bool = False
    """Draw as LLaDA does, by adding noise to the logits; without filters."""
    confidence: str = "clean"
    """`clean`: probabilities and entropy are those of the softmax at temperature 1 (LLaDA);
    `sampled`: of the distribution that is drawn from (Dream)."""
    guidance: float = 0.0
    """w of `guidance.guide`; 0 is off."""
    banned: tuple[int, ...] = ()
    """Ids that are never proposed."""
    seed: int = 0
    """Keys the random numbers, with step and position."""
    keep: int | None = None
    """How many of the likeliest tokens are told; None: no `Likeliest` at all."""


@dataclass(frozen=True)
class Likeliest:
    """What the softmax that probabilities are told of holds besides; an entry for each row."""

    logprob: NDArray[np.float64]
    """(n,) of the proposed token, in nats: exact where the probability is nearly 1, or 0."""
    tokens: NDArray[np.int32]
    """(n, keep) the likeliest first, of equals the lower id; -1 where there are no more."""
    logprobs: NDArray[np.float64]
    """(n, keep) theirs; minus infinity where there are no more."""

    def only(self, chosen: NDArray[np.int64]) -> Likeliest:
        """The same for some of the rows, by index."""
        return Likeliest(*(column[chosen] for column in vars(self).values()))

    def top(self, row: int) -> list[tuple[int, float]]:
        """(token, log-probability) of a row, the likeliest first."""
        pairs = zip(self.tokens[row].tolist(), self.logprobs[row].tolist(), strict=True)
        return [pair for pair in pairs if pair[0] >= 0]


@dataclass(frozen=True)
class Proposal:
    """One entry of each array for each row."""

    tokens: NDArray[np.int32]
    """What is proposed."""
    probability: NDArray[np.float32]
    """Of the proposed token."""
    rest: NDArray[np.float64]
    """1 - the largest probability, summed from all others: exact where that is nearly 1."""
    top2: NDArray[np.float64]
    """The second largest probability."""
    entropy: NDArray[np.float64]
    """In nats."""
    runner_up: NDArray[np.int32]
    """The likeliest token other than the proposed one."""
    likeliest: Likeliest | None = None
    """For a rule with `keep`."""

    def only(self, chosen: NDArray[np.int64]) -> Proposal:
        """The same for some of the rows, by index."""
        *columns, likeliest = vars(self).values()
        picked: list[Any] = [column[chosen] for column in columns]
        told = None if likeliest is None else likeliest.only(chosen)
        return replace(Proposal(*picked), likeliest=told)


KINDS = (np.int32, np.float32, np.float64, np.float64, np.float64, np.int32)
"""Types of a proposal's columns, in order."""


def empty_proposal(n: int, keep: int | None = None) -> Proposal:
    """Columns of n rows to be filled in."""
    columns: list[Any] = [np.empty(n, kind) for kind in KINDS]
    likeliest = None if keep is None else empty_likeliest(n, keep)
    return replace(Proposal(*columns), likeliest=likeliest)


def empty_likeliest(n: int, keep: int) -> Likeliest:
    """Of n rows for which there is no token yet."""
    shape = (n, keep)
    return Likeliest(np.empty(n), np.full(shape, -1, np.int32), np.full(shape, -np.inf))


Proposer = Callable[..., Proposal]
"""Called as `propose` is: (logits, unconditional, positions, step, rule)."""


def propose(
    logits: NDArray[np.float32],
    unconditional: NDArray[np.float32] | None,
    positions: NDArray[np.int64],
    step: int,
    rule: ProposalRule,
) -> Proposal:
    """Proposals for rows (n, n_vocab) that predict `positions` (n,)."""
    edited = edited_logits(logits, unconditional, rule)
    rows = [
        _propose_row(row, position, step, rule)
        for row, position in zip(edited, positions, strict=True)
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(KINDS)
    arrays: list[Any] = [np.array(c, kind) for c, kind in zip(columns, KINDS, strict=True)]
    proposal = Proposal(*arrays)
    if rule.keep is None:
        return proposal
    return replace(proposal, likeliest=_likeliest(edited, proposal.tokens, rule, rule.keep))


def edited_logits(
    logits: NDArray[np.float32], unconditional: NDArray[np.float32] | None, rule: ProposalRule
) -> NDArray[np.float64]:
    """Rows after guidance, with the banned tokens at minus infinity."""
    z = np.asarray(logits, np.float64)
    if unconditional is not None:
        z = guide(z, np.asarray(unconditional, np.float64), rule.guidance)
    if rule.banned:
        z = z.copy()
        z[:, [t for t in rule.banned if 0 <= t < z.shape[1]]] = -np.inf
    return z


def filtered(
    z: NDArray[np.float64], temperature: float, top_p: float, top_k: int
) -> NDArray[np.float64]:
    """One row over temperature, with what the filters drop at minus infinity."""
    y = z / temperature if temperature > 0 else z.copy()
    if top_p < 1:
        y = keep_top_p(y, top_p)
    if top_k > 0:
        y = keep_top_k(y, top_k)
    return y


def keep_top_p(y: NDArray[np.float64], top_p: float) -> NDArray[np.float64]:
    """Drops a token when the probability of those before it exceeds `top_p`; never the first."""
    order = np.argsort(-y, kind="stable")
    p = softmax(y)[order]
    before = np.concatenate([[0.0], np.cumsum(p)[:-1]])
    dropped = before > top_p * (1 + 1e-7)  # sums in single precision: equal means equal
    dropped[0] = False
    kept = y.copy()
    kept[order[dropped]] = -np.inf
    return kept


def keep_top_k(y: NDArray[np.float64], top_k: int) -> NDArray[np.float64]:
    """Drops what is below the k-th largest; ties with it stay."""
    if top_k >= len(y):
        return y
    kth = np.partition(y, -top_k)[-top_k]
    return np.where(y < kth, -np.inf, y)


def softmax(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax of one row."""
    e = np.exp(y - y.max())
    return e / e.sum()


def log_softmax(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Its logarithm: the largest is left out of the sum, which would swallow the others."""
    below = y - y.max()
    others = np.delete(np.exp(below), int(np.argmax(y))).sum()
    return below - np.log1p(others)


Row = tuple[int, float, float, float, float, int]


def _propose_row(z: NDArray[np.float64], position: int, step: int, rule: ProposalRule) -> Row:
    y = _drawn_from(z, rule)
    token = _draw(z, y, position, step, rule)
    first, second, probability, *statistics = _statistics(z if rule.confidence == "clean" else y)
    return token, probability[token], *statistics, second if token == first else first


def _drawn_from(z: NDArray[np.float64], rule: ProposalRule) -> NDArray[np.float64]:
    noisy = rule.gumbel and rule.temperature > 0
    return filtered(z, rule.temperature, 1.0 if noisy else rule.top_p, 0 if noisy else rule.top_k)


def _likeliest(
    edited: NDArray[np.float64], proposed: NDArray[np.int32], rule: ProposalRule, keep: int
) -> Likeliest:
    found = empty_likeliest(len(edited), keep)
    for row, (z, token) in enumerate(zip(edited, proposed, strict=True)):
        y = z if rule.confidence == "clean" else _drawn_from(z, rule)
        logprobs, order = log_softmax(y), np.argsort(-y, kind="stable")[:keep]
        order = order[y[order] > -np.inf]
        found.logprob[row] = logprobs[token]
        found.tokens[row, : len(order)] = order
        found.logprobs[row, : len(order)] = logprobs[order]
    return found


def _statistics(y: NDArray[np.float64]) -> tuple[Any, ...]:
    """Of one row: ids of the two largest, probabilities, and what they leave, the second, entropy.

    Sums leave the largest out, which would swallow the others where it is nearly certain."""
    first, second = _two_largest(y)
    below = y - y[first]
    e = np.exp(below)
    others = np.delete(e, first).sum()
    total = 1 + others
    depth = -(below[e > 0] * e[e > 0]).sum() / total
    top2 = e[second] / total if second != first else 0.0
    return first, second, e / total, others / total, top2, np.log1p(others) + depth


def _draw(
    z: NDArray[np.float64], y: NDArray[np.float64], position: int, step: int, rule: ProposalRule
) -> int:
    if rule.temperature <= 0:
        return int(np.argmax(y))
    if rule.gumbel:
        (key,) = keys(rule.seed, Stream.GUMBEL, step, [position])
        return int(np.argmax(gumbel_scores(z, uniform_tokens(key, len(z)), rule.temperature)))
    (u,) = uniform(keys(rule.seed, Stream.DRAW, step, [position]))
    return inverse_cdf(softmax(y), u)


def gumbel_scores(
    z: NDArray[np.float64], u: NDArray[np.float64], temperature: float
) -> NDArray[np.float64]:
    """z - T ln(-ln u): the argmax is an exact draw from softmax(z / T)."""
    return z - temperature * np.log(-np.log(u))


def inverse_cdf(p: NDArray[np.float64], u: float) -> int:
    """The first token, by id, at which the cumulative probability exceeds u."""
    chosen = int(np.searchsorted(np.cumsum(p), u * p.sum(), side="right"))
    return min(chosen, int(np.flatnonzero(p)[-1]))


def _two_largest(y: NDArray[np.float64]) -> tuple[int, int]:
    first = int(np.argmax(y))
    rest = y.copy()
    rest[first] = -np.inf
    return first, int(np.argmax(rest))
