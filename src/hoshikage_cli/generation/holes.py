"""Holes in a text: how they are spelled, and how the text around them is laid out on a canvas.

A hole is spelled `[MASK]` (one token) or `[MASK:12]` (up to twelve). The text between holes is
tokenised piece by piece, with masked positions in the places of the holes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError, shortened
from ..llama.vocabulary import Vocabulary

MARKER = "[MASK]"
CLOSING = ")]}>"
MOST_DIGITS = 18


# ------------------------------------------------------------------------------ the template


@dataclass(frozen=True)
class Template:
    """A text with holes: `kept[0]`, a hole of up to `lengths[0]` tokens, `kept[1]`, and so on."""

    kept: tuple[str, ...]
    lengths: tuple[int, ...]

    @property
    def masks(self) -> int:
        """Masked positions of all holes."""
        return sum(self.lengths)


def parse(text: str, marker: str = MARKER) -> Template:
    """Split `text` at its holes. A marker that ends in a bracket takes a length in front of the
    bracket, as in `[MASK:12]`; any other marker stands for one token.

    Raises UsageError for a text without holes and for a hole of length 0.
    """
    if not marker:
        raise UsageError("the mask marker is empty: give the text that stands for a hole")
    kept, lengths, place = [], [], 0
    for match in _pattern(marker).finditer(text):
        kept.append(text[place : match.start()])
        lengths.append(_length(match))
        place = match.end()
    if not lengths:
        raise UsageError(
            f"there is no hole to fill: write {_spellings(marker)} where text is wanted"
        )
    return Template((*kept, text[place:]), tuple(lengths))


def _pattern(marker: str) -> re.Pattern[str]:
    if marker[-1] not in CLOSING:
        return re.compile(f"{re.escape(marker)}()")
    return re.compile(f"{re.escape(marker[:-1])}(?::([0-9]+))?{re.escape(marker[-1])}")


def _length(match: re.Match[str]) -> int:
    digits = (match[1] or "1").lstrip("0")
    if not digits:
        raise UsageError(f"{shortened(match[0])} is a hole of no tokens: give 1 or more")
    if len(digits) > MOST_DIGITS:
        raise UsageError(f"{shortened(match[0])} is longer than any context")
    return int(digits)


def _spellings(marker: str) -> str:
    if marker[-1] not in CLOSING:
        return marker
    return f"{marker} (one token) or {marker[:-1]}:12{marker[-1]} (up to twelve)"


# -------------------------------------------------------------------------------- the canvas


@dataclass(frozen=True)
class Layout:
    """A template as tokens."""

    tokens: NDArray[np.int32]
    spans: tuple[tuple[int, int], ...]
    """[start, end) of each hole."""
    absorbed: frozenset[int]
    """Holes whose first token may carry the space that the text before them ends with."""


def lay_out(
    template: Template,
    vocabulary: Vocabulary,
    mask_token: int,
    before: Sequence[int] = (),
    absorbed: frozenset[int] = frozenset(),
) -> Layout:
    """The canvas of a template behind the tokens `before`."""
    tokens, spans = list(before), []
    for i, part in enumerate(template.kept):
        shown = part[:-1] if i in absorbed else part
        tokens += continued(vocabulary, shown) if tokens else vocabulary.tokenize(shown).tolist()
        if i < len(template.lengths):
            spans.append((len(tokens), len(tokens) + template.lengths[i]))
            tokens += [mask_token] * template.lengths[i]
    return Layout(np.array(tokens, np.int32), tuple(spans), absorbed)


def continued(vocabulary: Vocabulary, text: str, parse_special: bool = False) -> list[int]:
    """Tokens of a text that does not begin anything.

    Some vocabularies put a space in front of every text; behind a newline they cannot.
    """
    read, write = vocabulary.tokenize, vocabulary.detokenize
    if parse_special:
        read, write = partial(read, parse_special=True), partial(write, special=True)
    tokens = read(text).tolist()
    if not text or write(tokens) == text.encode("utf-8", "surrogatepass"):
        return tokens
    start, longer = read("\n").tolist(), read("\n" + text).tolist()
    return longer[len(start) :] if longer[: len(start)] == start else tokens


def spaced(template: Template) -> frozenset[int]:
    """Holes behind a space.

    Most vocabularies hold words with the space in front (" kite"), so that a model cannot write a
    usual word behind a space that is a token of its own.
    """
    return frozenset(i for i in range(len(template.lengths)) if template.kept[i].endswith(" "))
