"""The figures of a run in words, alike in every display."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..settings.declared import alternatives

if TYPE_CHECKING:
    from ..generation.run import Result, TextEvent


def step_count(event: TextEvent) -> str:
    total = event.step.total
    return f"step {event.step.index + 1}" + (f"/{total}" if total else "")


def share_done(event: TextEvent) -> float:
    """Of the steps; of the positions, where a step commits all that the model is sure of."""
    step, run = event.step, event.run
    if any(run.settings.get(rule) is not None for rule in alternatives()["parallel rule"]):
        wanted = len(step.canvas) - run.prompt_length
        return 1 - step.masked / wanted if wanted else 0.0
    return (step.index + 1) / step.total if step.total else 0.0


def seconds_left(event: TextEvent) -> float | None:
    """At the pace so far; None where the end is not known."""
    share = share_done(event)
    return event.step.elapsed * (1 - share) / share if share > 0 else None


LONG = 10.0
"""Seconds from which on a wait is worth a word before."""


def expectation(event: TextEvent) -> str | None:
    """One line about a run that will take a while. The first step has more to do than others, so it
    is behind the second one that their pace is known; None for all other steps, and short runs."""
    step, left = event.step, seconds_left(event)
    if step.index != 1 or left is None or step.elapsed + left < LONG:
        return None
    steps = "" if step.total is None else f": up to {step.total} steps of {step.elapsed / 2:.1f} s"
    return f"this will take about {in_words(step.elapsed + left)}{steps}"


class LoadExpectation:
    """One line about a model that will take a while to load, when its pace is known."""

    PATIENCE = 1.0
    """Seconds after which it is."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._told = False

    def line(self, share: float, now: float) -> str | None:
        """The share that is loaded at a time; the line where it is due."""
        self._began = now if self._began is None else self._began
        passed = now - self._began
        if self._told or share <= 0 or passed < self.PATIENCE:
            return None
        self._told = True
        whole = passed / share
        return f"this will take about {in_words(whole)} to load" if whole >= LONG else None


def in_words(seconds: float) -> str:
    """`24 s`, from a minute and a half on as `minutes` says it."""
    return f"{round(seconds)} s" if seconds < 90 else minutes(seconds)


def minutes(seconds: float) -> str:
    """`4 minutes`, `1 hour 10 minutes`."""
    hours, rest = divmod(round(seconds / 60), 60)
    parts = [counted(hours, "hour")] * bool(hours) + [counted(rest, "minute")] * bool(rest)
    return " ".join(parts)


def duration(seconds: float) -> str:
    """`3 s`, `2:05`, `1:02:03`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def speed(tokens_per_second: float) -> str:
    return f"{tokens_per_second:.{0 if tokens_per_second >= 100 else 1}f} tokens/s"


def progress_facts(event: TextEvent) -> list[str]:
    """Step, block, masks left, NFE, speed and time left, each in words."""
    step = event.step
    facts = [step_count(event)]
    if step.block is not None:
        facts.append(f"block {step.block[0]}-{step.block[1] - 1}")
    if event.run.has_masks:
        facts.append(f"{step.masked} masked")
    facts += [f"NFE {event.nfe}", speed(event.tokens_per_second)]
    left = seconds_left(event)
    return facts if left is None else [*facts, f"{duration(left)} left"]


def step_facts(event: TextEvent) -> list[str]:
    """A step where no colours tell: its number, how much is masked, what it has revised."""
    step, facts = event.step, [step_count(event)]
    if event.run.has_masks:
        facts.append(f"{step.masked} masked")
    if step.remasked:
        facts.append(f"{len(step.remasked)} taken back")
    replaced = sum(commit.replaced is not None for commit in step.commits)
    return [*facts, f"{replaced} replaced"] if replaced else facts


def counted(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def summary(result: Result) -> str:
    """One line about a run that is over, short enough for 80 columns."""
    facts = [
        counted(result.completion_tokens, "token"),
        counted(result.steps, "step"),
        f"NFE {result.nfe}",
        f"{result.timings['generate']:.2f} s",
        speed(result.timings["tokens_per_second"]),
        f"seed {result.seed}",
    ]
    # "end" is what one expects: only the others are worth a word.
    return " · ".join(facts if result.stop_reason == "end" else [*facts, result.stop_reason])
