"""What a step commits: the algorithm's first ones, as many as are due, and whatever else the
parallel rule accepts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .parallel import Rule
from .selection import Algorithm, perturbed, ranked
from .view import Decision, Flags, Floats, View


class Chooser:
    """An algorithm and a parallel rule, as a plan combines them."""

    def __init__(
        self,
        algorithm: Algorithm,
        rule: Rule | None,
        alg_temp: float = 0.0,
        late: Iterable[int] = (),
    ) -> None:
        """late: tokens that are committed behind all others, and that no rule accepts."""
        self.algorithm = algorithm
        self.rule = rule
        self._alg_temp = alg_temp
        self._late_tokens = np.array(sorted(late), np.int32)

    def choose(self, view: View) -> Decision:
        """The most trusted first; all that were drawn, by an algorithm that draws."""
        if self.algorithm.draw is not None:
            return Decision(np.arange(len(view.positions)))
        late = np.isin(view.proposal.tokens, self._late_tokens)
        order = ranked(self._scores(view), late)
        first = np.arange(len(order)) < view.quota
        return Decision(order[first | self._accepted(view, late)[order]])

    def _scores(self, view: View) -> Floats:
        scores = self.algorithm.score(view)
        if self._alg_temp <= 0:
            return scores
        return perturbed(scores, self._alg_temp, view.positions, view.step, view.seed)

    def _accepted(self, view: View, late: Flags) -> Flags:
        """What the parallel rule accepts of all that is not late."""
        accepted = np.zeros(len(late), bool)
        if self.rule is not None:
            counted = np.flatnonzero(~late)
            accepted[counted] = self.rule.accepts(view.only(counted))
        return accepted
