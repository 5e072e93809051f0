"""From messages to tokens: a template may write control tokens, what people say is never one.

A control token that a message merely spells (`<|user|>`, `<|mask|>`) is text like any other. Before
the template sees the message, each such spelling gets a mark inside; the rendered prompt is cut at
the marks and its pieces are tokenised one by one, so that no spelling is whole. A message without
such a spelling gets no mark, and the prompt's tokens are those of the rendered text as it stands.
What a template makes itself out of a message (by replacing a part of it, say) counts as its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from ..chat import template as chat
from ..llama.vocabulary import Vocabulary
from .holes import continued

Message = Mapping[str, str]

AT_ONCE = 4096
"""Characters of a message that are looked at together: the library's time for spelled-out tokens
grows with the square of their number."""
LONGEST = 256
"""No control token is spelled with more characters."""


def prompt_tokens(
    vocabulary: Vocabulary,
    template: str | None,
    messages: Sequence[Message],
    parse_special: bool = False,
) -> NDArray[np.int32]:
    """Tokens of a conversation; `parse_special`: control tokens spelled in it count as such."""
    if template is None:
        text = chat.plain(messages)
        return vocabulary.tokenize(text, add_special=True, parse_special=parse_special)
    mark = _unused(messages)
    if not parse_special:
        messages = [_marked(message, vocabulary, mark) for message in messages]
    rendered = chat.render(
        template,
        messages,
        bos_token=_spelled(vocabulary, vocabulary.bos),
        eos_token=_spelled(vocabulary, vocabulary.eos),
    )
    first, *others = rendered.split(mark)
    behind = {piece: continued(vocabulary, piece, parse_special=True) for piece in set(others)}
    tokens = vocabulary.tokenize(first, parse_special=True).tolist()
    tokens += (token for piece in others for token in behind[piece])
    return np.array(tokens, np.int32)


def _spelled(vocabulary: Vocabulary, token: int | None) -> str:
    return "" if token is None else vocabulary.text(token)


def _unused(messages: Sequence[Message]) -> str:
    """A mark that stands in no message: digits between characters that are none, and that no
    template trims or changes to upper case."""
    said = "".join(message["content"] for message in messages)
    return next(mark for n in count() if (mark := f"\ufdd0{n}\ufdd1") not in said)


def _marked(message: Message, vocabulary: Vocabulary, mark: str) -> Message:
    """A message with the mark behind the first character of each control token that it spells."""
    said = text = message["content"]
    while spellings := set(_control_spellings(text, vocabulary)):
        longest_first = sorted(map(re.escape, spellings), key=len, reverse=True)
        text = re.sub("|".join(longest_first), lambda m: m[0][:1] + mark + m[0][1:], text)
    return message if text == said else {**message, "content": text}


def _control_spellings(text: str, vocabulary: Vocabulary) -> Iterator[str]:
    for start in range(0, len(text), AT_ONCE):
        part = text[start : start + AT_ONCE + LONGEST]
        for token in np.unique(vocabulary.tokenize(part, parse_special=True)).tolist():
            spelling = vocabulary.text(token)
            if vocabulary.is_control(token) and len(spelling) > 1 and spelling in part:
                yield spelling
