"""The story grammar: two characters, one thing, one place, and a checker for its sentences.

A story is an opening, a middle and an ending. Slots that occur twice must agree: that is what
`is_consistent` tests, with regular expressions made from the very templates.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

GIRLS = ("Mia Anna Lily Emma Sara Nora Ella Ruth Yuki Zoe Clara Ida").split()
BOYS = ("Ben Tom Leo Max Sam Jack Finn Hugo Kenji Paul Omar Noah").split()
NAMES = GIRLS + BOYS
THINGS = (
    "kite ball boat book drum lamp hat bell cake map key ring doll train flute robot bike "
    "basket lantern cup coin box mirror puppet"
).split()
COLOURS = ("red blue green yellow white black golden silver").split()
PLACES = ("park beach garden forest river school market lake").split()

OPENINGS = ("{n} had a {c} {o}.", "{n} found a {c} {o}.", "{n} got a {c} {o}.")
MIDDLES = (
    "{P} took the {o} to the {p}.",
    "{P} lost the {o} at the {p}.",
    "{P} hid the {o} in the {p}.",
)
ENDINGS = {
    MIDDLES[0]: ("There {p2} played with {f} until night.", "{f} loved the {c} {o} too."),
    MIDDLES[1]: ("{f} found the {c} {o} and gave it back.", "{f} helped {q} find the {o} again."),
    MIDDLES[2]: ("{f} looked for it and found the {c} {o}.", "Only {f} knew where the {o} was."),
}
CLOSING = "{n} was very happy."


@dataclass(frozen=True)
class Story:
    """A story's cast and text."""

    name: str
    thing: str
    text: str


def pronouns(name: str) -> dict[str, str]:
    """The words for a name: `P` opens a sentence, `p2` stands within one, `q` is an object."""
    she = name in GIRLS
    return {"P": "She" if she else "He", "p2": "she" if she else "he", "q": "her" if she else "him"}


def make_story(rng: random.Random, name: str, thing: str) -> Story:
    """A story about `name` and `thing`, the other slots drawn from `rng`."""
    middle = rng.choice(MIDDLES)
    friend = rng.choice([other for other in NAMES if other != name])
    form = " ".join((rng.choice(OPENINGS), middle, rng.choice(ENDINGS[middle]), CLOSING))
    text = form.format(
        n=name, o=thing, c=rng.choice(COLOURS), p=rng.choice(PLACES), f=friend, **pronouns(name)
    )
    return Story(name, thing, text)


def all_forms() -> list[str]:
    """Every sequence of templates that the grammar allows."""
    return [
        " ".join((opening, middle, ending, CLOSING))
        for opening in OPENINGS
        for middle in MIDDLES
        for ending in ENDINGS[middle]
    ]


def form_pattern(form: str, name: str, thing: str) -> re.Pattern[str]:
    """A regular expression for `form` told of `name` and `thing`; repeated slots must repeat."""
    fixed = {"n": name, "o": thing, **pronouns(name)}
    choices = {"c": COLOURS, "p": PLACES, "f": [other for other in NAMES if other != name]}
    pattern, seen = "", set()
    for literal, slot in re.findall(r"([^{]*)(?:\{(\w+)\})?", form):
        pattern += re.escape(literal)
        if slot in fixed:
            pattern += re.escape(fixed[slot])
        elif slot in seen:
            pattern += f"(?P={slot})"
        elif slot:
            pattern += f"(?P<{slot}>{'|'.join(choices[slot])})"
            seen.add(slot)
    return re.compile(pattern)


def is_consistent(text: str, name: str, thing: str) -> bool:
    """Whether `text` is a story of the grammar about `name` and `thing` without contradictions."""
    return any(form_pattern(form, name, thing).fullmatch(text.strip()) for form in all_forms())
