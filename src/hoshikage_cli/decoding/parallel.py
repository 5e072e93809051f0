"""Which positions a step commits besides the schedule's quota: the table of parallel rules.

A rule reads the probability of each proposal, or its entropy, whatever algorithm puts them in
order, and flags those that it accepts. To add one, write its function and its row in RULES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .view import Flags, Indices, View


@dataclass(frozen=True)
class Rule:
    """Which proposals are sure enough to be committed together."""

    accepts: Callable[..., Flags]
    """Called with a view and the rule's limits: a flag (n,) for each position."""
    memory: int = 0
    """Over how many steps it wants to know how far the distributions have moved."""


@dataclass(frozen=True)
class ParallelRule:
    """A rule of the table, with its limits."""

    name: str
    limits: tuple[float, ...]


def over_threshold(view: View, least: float) -> Flags:
    """Every probability of at least `least` (Fast-dLLM)."""
    return view.proposal.probability >= least


def by_factor(view: View, factor: float) -> Flags:
    """By falling probability, while the n-th is at least 1 - factor / (n + 1), from the second on
    (Fast-dLLM)."""
    order = _by_probability(view)
    n = np.arange(1, len(order) + 1)
    least = np.where(n == 1, -np.inf, 1 - factor / (n + 1))
    return _whole_prefix(order, view.proposal.probability[order] >= least)


def within_entropy_bound(view: View, bound: float) -> Flags:
    """By falling probability, while the sum of the entropies less the largest stays within `bound`
    nats (EB sampler)."""
    order = _by_probability(view)
    entropy = view.proposal.entropy[order]
    return _whole_prefix(order, np.cumsum(entropy) - np.maximum.accumulate(entropy) <= bound)


def below_entropy(view: View, limit: float) -> Flags:
    """Every entropy below `limit` nats (d3LLM)."""
    return view.proposal.entropy < limit


def as_many_below_entropy(view: View, limit: float) -> Flags:
    """The most probable, as many as there are entropies below `limit` nats (diffuse-cpp)."""
    accepted = np.zeros(len(view.positions), bool)
    accepted[_by_probability(view)[: np.count_nonzero(below_entropy(view, limit))]] = True
    return accepted


def settled(view: View, least: float, most: float) -> Flags:
    """Every probability above `least` whose distribution has moved by less than `most` nats in each
    of the last two steps (KLASS)."""
    return (view.proposal.probability > least) & (view.divergences < most).all(axis=0)


RULES = {
    "threshold": Rule(over_threshold),
    "factor": Rule(by_factor),
    "entropy_bound": Rule(within_entropy_bound),
    "entropy_threshold": Rule(below_entropy),
    "entropy_exit": Rule(as_many_below_entropy),
    "klass": Rule(settled, memory=2),
}


def rule_of(named: ParallelRule | Rule | Callable[[View], Flags]) -> Rule:
    """A row of the table with its limits, one of your own, or a function of a view."""
    if isinstance(named, ParallelRule):
        row = RULES[named.name]
        return Rule(lambda view: row.accepts(view, *named.limits), row.memory)
    return named if isinstance(named, Rule) else Rule(named)


def prefix_of(rule: Rule) -> Rule:
    """What a rule accepts up to the first position that it does not accept (SDLM)."""
    return Rule(lambda view: np.logical_and.accumulate(rule.accepts(view)), rule.memory)


def _by_probability(view: View) -> Indices:
    return np.argsort(-view.proposal.probability, kind="stable")


def _whole_prefix(order: Indices, enough: Flags) -> Flags:
    """Flags of the longest prefix of `order` that is enough throughout. The first alone is always
    enough and says nothing: a step that commits no other leaves its choice to the algorithm."""
    flags = np.zeros(len(order), bool)
    prefix = order[np.logical_and.accumulate(enough)]
    flags[prefix] = len(prefix) > 1
    return flags
