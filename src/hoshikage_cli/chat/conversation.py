"""A conversation: its turns, what of it fits into the context, and how it is kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError

ROLES = ("system", "user", "assistant")
Message = dict[str, str]


@dataclass
class Conversation:
    """Messages in turn, user first. forgotten: how many of the oldest the model is no longer
    shown; they stay in the conversation, and in the file that it is saved to."""

    system: str | None = None
    turns: list[Message] = field(default_factory=list)
    forgotten: int = 0

    def say(self, text: str) -> None:
        self.turns.append({"role": "user", "content": text})

    def answer(self, text: str) -> None:
        self.turns.append({"role": "assistant", "content": text})

    def take_back(self) -> None:
        """Unsay the last message, which got no answer."""
        self.turns.pop()
        self.forgotten = min(self.forgotten, len(self.turns))

    def undo(self) -> tuple[str, str]:
        """Forget the last message and its answer, which are given back. Raises UsageError where
        nothing has been said."""
        if not self.turns:
            raise UsageError("nothing has been said yet")
        answer, question = self.turns.pop(), self.turns.pop()
        self.forgotten = min(self.forgotten, len(self.turns))
        return question["content"], answer["content"]

    def reset(self) -> None:
        self.turns, self.forgotten = [], 0

    @property
    def shown(self) -> list[Message]:
        """What the model is shown."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return system + self.turns[self.forgotten :]

    def shorten(self, fits: Callable[[list[Message]], bool]) -> int:
        """Forget the oldest turns until what is left `fits`; how many messages were forgotten.

        The last message is never forgotten, and a turn goes together with its answer.
        """
        before = self.forgotten
        while len(self.turns) - self.forgotten > 2 and not fits(self.shown):
            self.forgotten += 2
        return self.forgotten - before

    # ------------------------------------------------------------------------------ in a file

    def to_json(self) -> str:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return json.dumps(system + self.turns, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Conversation:
        """Raises UsageError for a text that is no conversation."""
        try:
            messages = json.loads(text)
        except (ValueError, RecursionError):
            raise UsageError("it is not JSON") from None
        if not isinstance(messages, list) or not all(map(_is_message, messages)):
            raise UsageError('it is no list of {"role": …, "content": …}')
        system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
        turns = messages[1:] if system is not None else messages
        wanted = [("user", "assistant")[i % 2] for i in range(len(turns))]
        if [turn["role"] for turn in turns] != wanted or len(turns) % 2:
            raise UsageError("user and assistant do not take turns in it")
        return cls(system, [{key: turn[key] for key in ("role", "content")} for turn in turns])


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("role") in ROLES
        and isinstance(value.get("content"), str)
    )
