"""The turns of a conversation: what is shown to a model, kept and taken up again."""

from __future__ import annotations

import pytest

from hoshikage_cli.chat.conversation import Conversation
from hoshikage_cli.errors import UsageError


def test_the_oldest_turns_are_forgotten_together_with_their_answers():
    talk = Conversation("Be kind.")
    for number in range(4):
        talk.say(f"q{number}")
        talk.answer(f"a{number}")
    talk.say("last")
    assert talk.shorten(lambda messages: len(messages) <= 6) == 4
    assert [m["content"] for m in talk.shown] == ["Be kind.", "q2", "a2", "q3", "a3", "last"]
    assert talk.shorten(lambda messages: False) == 4
    assert [m["content"] for m in talk.shown] == ["Be kind.", "last"]
    assert len(talk.turns) == 9


def test_a_conversation_can_be_kept_and_taken_up():
    talk = Conversation("Be kind.")
    talk.say("日本?")
    talk.answer("🎈\n")
    assert Conversation.from_json(talk.to_json()) == talk


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{}",
        "[1]",
        '[{"role": "user"}]',
        '[{"role": "user", "content": "a"}]',
        '[{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]',
        '[{"role": "tool", "content": "a"}, {"role": "user", "content": "b"}]',
    ],
)
def test_what_is_no_conversation(text):
    with pytest.raises(UsageError):
        Conversation.from_json(text)
