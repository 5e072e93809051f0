"""How likely a model holds a text to be: the specification, in numpy and double precision.

An autoregressive model says it exactly, token by token (`chain`). A diffusion model has no such
chain; it is asked in one of two ways. `monte_carlo` is LLaDA's estimate of the bound that such
models are trained by: mask k of the L tokens, k uniform in 1..L and the places too, and weigh what
the model says of them by L / k. `along_order` puts the text onto a masked canvas in the order in
which the model itself would unmask it, and adds up what each token had as its probability then.

Probabilities are those of the softmax over the whole vocabulary at temperature 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .blocks import BlockPlan, Blocks
from .denoiser import Denoiser, Query
from .diffusion import Diffusion, DiffusionPlan
from .guidance import guide, unconditional_canvas
from .proposal import Proposal, ProposalRule, Proposer, propose
from .randomness import Stream, keys, uniform
from .together import alone

Tokens = NDArray[np.int32]
Rows = NDArray[np.float32]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

SERIES = 16
"""Draws of a series have evenly spread numbers of masks, as in a batch of LLaDA's: what is mostly
due to these numbers evens out. Series are independent of each other."""
_SPREAD = (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)
"""The order within a series: one that is cut short is spread out too."""


@dataclass(frozen=True)
class Scored:
    """One entry of each array for each row of logits."""

    log_probability: Floats
    """Of the token in question, in nats."""
    likeliest: NDArray[np.int32]
    """The token that the model would put there."""


@dataclass(frozen=True)
class Likelihood:
    """How likely a text is."""

    log_likelihood: float
    """In nats, of all its tokens together."""
    standard_error: float | None
    """Of that estimate; None where it is exact, or where one draw does not tell."""
    log_probability: Floats
    """(L,) of each token; for an estimate the mean over the draws that masked it; NaN where it is
    not known."""
    likeliest: NDArray[np.int32] | None
    """(L,) what the model would have put there; None for an estimate, where it varies."""
    draws: int | None = None
    """How many there were of an estimate."""
    nfe: int = 0
    """Forward evaluations."""


class Scorer(Protocol):
    """How rows are read: `log_probabilities`, or the same natively."""

    def __call__(
        self, logits: Rows, unconditional: Rows | None, targets: Tokens, guidance: float
    ) -> Scored: ...


def log_probabilities(
    logits: Rows, unconditional: Rows | None, targets: Tokens, guidance: float = 0.0
) -> Scored:
    """ln softmax at the targets (n,) of rows (n, n_vocab), after guidance."""
    z = np.asarray(logits, np.float64)
    if unconditional is not None:
        z = guide(z, np.asarray(unconditional, np.float64), guidance)
    if len(z) == 0:
        return Scored(np.empty(0), np.empty(0, np.int32))
    each, likeliest = np.arange(len(z)), z.argmax(axis=1)
    below = z - z[each, likeliest][:, None]
    return Scored(below[each, targets] - np.log(np.exp(below).sum(1)), likeliest.astype(np.int32))


# ----------------------------------------------------------------------- from left to right


def chain(rows: Iterable[Rows], targets: Tokens, scorer: Scorer = log_probabilities) -> Likelihood:
    """Exactly, from rows in batches, each of which predicts the next of the targets (L,)."""
    parts, start = [], 0
    for batch in rows:
        parts.append(scorer(batch, None, targets[start : start + len(batch)], 0.0))
        start += len(batch)
    found = np.concatenate([part.log_probability for part in parts])
    likeliest = np.concatenate([part.likeliest for part in parts])
    return Likelihood(float(found.sum()), None, found, likeliest, nfe=len(parts))


# ------------------------------------------------------------------------------ by drawing


def drawn(seed: int, draw: int, length: int) -> Indices:
    """The places (k,) of a text of `length` tokens that a draw masks, ascending; k >= 1."""
    series, place = divmod(draw, SERIES)
    (start,) = uniform(keys(seed, Stream.MASKED_COUNT, series, [0]))
    share = (start + _SPREAD[place] / SERIES) % 1.0
    count = 1 + min(int(share * length), length - 1)
    lots = uniform(keys(seed, Stream.MASKED_PLACES, draw, np.arange(length)))
    return np.sort(np.argsort(lots, kind="stable")[:count])


def monte_carlo(
    denoiser: Denoiser,
    tokens: Tokens,
    prompt_length: int,
    draws: int,
    seed: int,
    guidance: float = 0.0,
    scorer: Scorer = log_probabilities,
    heard: Callable[[float], object] = lambda share: None,
) -> Likelihood:
    """LLaDA's estimate for tokens (L,) from `prompt_length` on, given those before.

    A draw depends on its number alone, so that more draws add to those of fewer. `heard` is told
    the share that is done.
    """
    length = len(tokens) - prompt_length
    draws = 1 if length == 1 else draws  # every draw of one token is the same
    width = 2 if guidance > 0 else 1
    together = max(1, denoiser.max_sequences // width)
    estimates: list[float] = []
    sums, counts = np.zeros(len(tokens)), np.zeros(len(tokens))
    for start in range(0, draws, together):
        numbers = range(start, min(start + together, draws))
        batch = [prompt_length + drawn(seed, draw, length) for draw in numbers]
        for places, found in zip(
            batch, _of_masked(denoiser, tokens, prompt_length, batch, guidance, scorer), strict=True
        ):
            estimates.append(float(found.sum()) * length / len(places))
            sums[places] += found
            counts[places] += 1
        heard(len(estimates) / draws)
    mean, error = mean_and_error(np.array(estimates))
    with np.errstate(invalid="ignore"):
        each = sums[prompt_length:] / counts[prompt_length:]
    exact = length == 1
    return Likelihood(mean, 0.0 if exact else error, each, None, draws, draws * width)


def _of_masked(
    denoiser: Denoiser,
    tokens: Tokens,
    prompt_length: int,
    masked: list[Indices],
    guidance: float,
    scorer: Scorer,
) -> list[Floats]:
    """Log-probabilities of the true tokens at the masked positions, from one forward pass."""
    queries: list[Query] = []
    for positions in masked:
        canvas = tokens.copy()
        canvas[positions] = denoiser.mask_token
        queries.append(Query(canvas, positions, sequence=len(queries)))
        if guidance > 0:
            given = np.arange(len(tokens)) < prompt_length
            twin = unconditional_canvas(canvas, given, denoiser.mask_token)
            queries.append(Query(twin, positions, sequence=len(queries)))
    rows = denoiser.logits(queries)
    pairs = zip(rows[::2], rows[1::2], strict=True) if guidance > 0 else ((r, None) for r in rows)
    return [
        scorer(conditional, unconditional, tokens[positions], guidance).log_probability
        for positions, (conditional, unconditional) in zip(masked, pairs, strict=True)
    ]


def mean_and_error(estimates: Floats) -> tuple[float, float | None]:
    """The mean of the draws' estimates, and its standard error by how much series differ.

    Of a single series there is only the spread within, which as a rule is too large.
    """
    parts = [estimates[i : i + SERIES] for i in range(0, len(estimates), SERIES)]
    if len(parts) == 1:
        parts = list(estimates[:, None])
    mean, count = float(estimates.mean()), len(parts)
    if count == 1:
        return mean, None
    off = [len(part) / len(estimates) * (part.mean() - mean) for part in parts]
    return mean, float(np.sqrt(count / (count - 1) * np.square(off).sum()))


# ------------------------------------------------------------------- along the model's order


LOOPS: dict[type, Callable[..., Diffusion | Blocks]] = {DiffusionPlan: Diffusion, BlockPlan: Blocks}
"""The loop of each kind of plan."""


def along_order(
    denoiser: Denoiser,
    tokens: Tokens,
    prompt_length: int,
    plan: DiffusionPlan | BlockPlan,
    proposer: Proposer = propose,
    scorer: Scorer = log_probabilities,
    heard: Callable[[float], object] = lambda share: None,
) -> Likelihood:
    """The sum over a run of `plan` that unmasks the text instead of what it would put itself.

    The plan's rules choose the positions by what the model proposes for them (but for the policy
    that puts end tokens last, which looks at the text's own). Tokens that a step
    unmasks together count as independent of each other, as they are when the model generates; with
    one token a step it is a chain rule along the order. What a last block has behind the text is
    filled as the model would fill it, and counts for nothing. Raises ValueError for a plan that
    edits: a token would count more than once.
    """
    if isinstance(plan, BlockPlan) and plan.profile.edit_threshold is not None:
        raise ValueError("there is no order to score a text along where tokens are edited")
    length = len(tokens)
    found = np.full(length, np.nan)
    likeliest = np.zeros(length, np.int32)
    guidance, nfe = plan.rule.guidance, 0

    def retracing(
        logits: Rows, unconditional: Rows | None, positions: Indices, step: int, rule: ProposalRule
    ) -> Proposal:
        # What stands here when a position is committed is what it was committed by.
        count = int(np.searchsorted(positions, length))
        of_text, blind = positions[:count], unconditional
        scored = scorer(
            logits[:count], None if blind is None else blind[:count], tokens[of_text], guidance
        )
        found[of_text], likeliest[of_text] = scored.log_probability, scored.likeliest
        proposal = proposer(logits, unconditional, positions, step, rule)
        return replace(proposal, tokens=np.concatenate([tokens[of_text], proposal.tokens[count:]]))

    canvas = tokens.copy()
    canvas[prompt_length:] = denoiser.mask_token
    loop = LOOPS[type(plan)]
    run = loop(denoiser, canvas, prompt_length, replace(plan, early_stop=False), retracing)
    for step in alone(denoiser, run):
        nfe += step.nfe
        heard(1 - step.masked / (length - prompt_length))
    found, likeliest = found[prompt_length:], likeliest[prompt_length:]
    return Likelihood(float(found.sum()), None, found, likeliest, nfe=nfe)
