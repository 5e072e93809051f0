"""How answers are counted, and whose turn it is; the answers are made up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hoshikage_cli.batch.records import Record
from hoshikage_cli.bench.accuracy import NO_TASK, Answer, Score, Tally, Trial
from hoshikage_cli.bench.tasks import Item
from hoshikage_cli.errors import PromptTooLong
from hoshikage_cli.llama.errors import DecodeAborted


def item(line, task=""):
    return Item(Record(line, f"prompt {line}"), lambda answer: answer == "right", task)


def score(name, rights, tasks=""):
    """A score of one answer a line, of 2 evaluations and 3 tokens each, a second each."""
    tasks = tasks or " " * len(rights)
    answers = {
        line: Answer(item(line, task.strip()), right, "text", 2, 3)
        for line, (right, task) in enumerate(zip(rights, tasks, strict=True), 1)
    }
    return Score(name, answers, float(len(rights)))


def test_figures_of_a_score():
    found = score("x", [True, False, True, True])
    assert found.tally == Tally(3, 4)
    assert str(found.tally) == "3/4"
    assert (found.nfe, found.tokens_per_second, found.seconds_per_prompt) == (2, 3, 1)
    assert found.tasks() == {}


def test_tasks_are_counted_apart_in_the_order_of_the_file():
    found = score("x", [True, False, True, False], "ba b")
    assert list(found.tasks().items()) == [
        ("b", Tally(1, 2)),
        ("a", Tally(0, 1)),
        (NO_TASK, Tally(1, 1)),
    ]


def test_points_lost_are_of_what_both_have_answered():
    reference = score("reference", [True, True, False, False, True])
    other = score("other", [True, False, False, False])
    assert other.points_lost(reference) == pytest.approx(25)
    assert reference.points_lost(reference) == 0


# ------------------------------------------------------------------------------------- turns


class Player:
    """Answers as it is told to, and notes who asked for what."""

    def __init__(self, answer=lambda name, prompt: "right"):
        self.turns = []
        self.forgotten = 0
        self._answer = answer

    def forget(self):
        self.forgotten += 1

    def generate_many(self, jobs, at_once):
        self.turns.append((jobs[0][1], [prompt.split()[1] for prompt, _ in jobs]))
        for number, (prompt, name) in reversed(list(enumerate(jobs))):
            yield number, self._outcome(name, prompt)

    def _outcome(self, name, prompt):
        made = self._answer(name, prompt)
        return (
            made
            if isinstance(made, Exception)
            else SimpleNamespace(text=made, nfe=1, completion_tokens=1)
        )


def trial(player, count, names="ab"):
    settings = {name: lambda own, name=name: name for name in names}
    return Trial(player, [item(line) for line in range(1, count + 1)], settings, at_once=1)


def test_settings_take_turns_and_begin_by_turns():
    player = Player()
    made = trial(player, 6)
    assert [progress.done for progress in made][-1] == 12
    assert player.turns == [
        ("a", ["1"]),
        ("b", ["1"]),
        ("a", ["1", "2", "3", "4"]),
        ("b", ["1", "2", "3", "4"]),
        ("b", ["5", "6"]),
        ("a", ["5", "6"]),
    ]
    assert made.over
    assert player.forgotten == 4, "once a turn that is measured"
    assert [each.tally for each in made.scores] == [Tally(6, 6)] * 2


def test_what_cannot_be_answered_is_wrong():
    def answer(name, prompt):
        return PromptTooLong("too long") if prompt.endswith("2") else "right"

    made = trial(Player(answer), 3, "a")
    assert list(made)[-1].bad == 1
    (found,) = made.scores
    assert found.tally == Tally(2, 3)
    assert [(each.item.record.line, each.error) for each in found.errors] == [(2, "too long")]


def test_a_turn_that_is_broken_off_counts_for_nothing():
    def answer(name, prompt):
        return DecodeAborted("stopped") if (name, prompt) == ("b", "prompt 2") else "right"

    made = trial(Player(answer), 4)
    with pytest.raises(DecodeAborted):
        list(made)
    assert not made.over
    assert [(each.name, each.tally) for each in made.scores] == [("a", Tally(4, 4))]
