"""Hostile texts, numbers and trees of JSON, drawn by a seed: what all inputs are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

FRAGMENTS = (
    "",
    " ",
    "\n",
    "\r",
    "\t",
    "a",
    "Hello, who are you?",
    "é",
    "日本語",
    "👩‍👩‍👧‍👦",
    "\u202egnal",
    "a\u0301" * 9,
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b2J",
    "\0",
    "\ufeff",
    "\ufffd",
    "\ud800",
    "\udcff",
    "%s%n",
    "${HOME}",
    "<|mask|>",
    "<|endoftext|>",
    "<|user|>",
    "<|assistant|>",
    "<|im_end|>",
    "</s>",
    "[MASK]",
    "[MASK:3]",
    "[MASK:0]",
    "[MASK:99999999999999999999]",
    "[MASK:-1]",
    "[MASK",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "../../etc",
    "/help",
    "/set steps 99",
    "/save out.json",
    "/load out.json",
    "/retry",
    "/undo",
    "/system",
    "/view nonsense",
    "<script>alert(1)</script>",
    "</script>",
    "<!--",
    "]]>",
    "&lt;",
    "'",
    '"',
    "\\",
    "`",
    "|",
    "- ",
    "0",
    "-1",
)
NUMBERS = (
    "-1",
    "0",
    "1",
    "2",
    "3",
    "7",
    "0.5",
    "1.5",
    "-0.0",
    "1e-45",
    "1e308",
    "1e309",
    "nan",
    "inf",
    "-inf",
    "255",
    "65536",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775808",
    "1" + "0" * 30,
    "9" * 5000,
    "0x10",
    "1_000",
    "１２",
    "+3",
    " 4 ",
    "",
    "1,2",
    "1e3",
    ".5",
    "5.",
    "true",
    "none",
    "auto",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**64,
    10**40,
    0.5,
    -0.5,
    1e308,
    1e-320,
    "",
    "x",
    "\ud800",
    "\x1b[2J",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"token": -1},
    "x" * 5000,
    [0] * 300,
)


def text(random: Random, longest: int = 12) -> str:
    """Fragments, some of them many times over."""
    parts = [random.choice(FRAGMENTS) for _ in range(random.randrange(longest))]
    if parts and random.random() < 0.1:
        place = random.randrange(len(parts))
        parts[place] *= random.choice((10, 1000, 20_000))
    return random.choice(("", " ", "\n")).join(parts)


def encoded(random: Random, what: str) -> bytes:
    """As UTF-8 or nearly so: now and then cut, torn or in another encoding."""
    data = what.encode("utf-8", "surrogatepass")
    how = random.randrange(12)
    if how == 0:
        return data[: random.randrange(len(data) + 1)]
    if how == 1:
        return flipped(random, data)
    return what.encode("utf-16", "surrogatepass") if how == 2 else data


def flipped(random: Random, data: bytes) -> bytes:
    """A few bytes are others."""
    torn = bytearray(data)
    for _ in range(random.choice((1, 3, 20)) if torn else 0):
        torn[random.randrange(len(torn))] = random.randrange(256)
    return bytes(torn)


# ------------------------------------------------------------------------------------ JSON


def changed(random: Random, tree: Any) -> Any:
    """A tree of JSON with something in it that should not be there, or without what should."""
    places = list(_places(tree))
    if not places:
        return random.choice(VALUES)
    holder, key = random.choice(places)
    CHANGES[random.randrange(len(CHANGES))](random, holder, key)
    return tree


def _places(tree: Any) -> Any:
    """Every place in a tree, as what holds it and its key there."""
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    for key in list(keys):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from _places(tree[key])


def _replace(random: Random, holder: Any, key: Any) -> None:
    holder[key] = random.choice(VALUES)


def _shift(random: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[key] = value + random.choice((-1, 1, 1000, -(10**9)))
    else:
        holder[key] = [value]


def _remove(random: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _double(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, list):
        holder[key:key] = [holder[key]] * random.choice((1, 50))
    else:
        holder[f"{key}{random.choice(FRAGMENTS)}"] = holder[key]


def _nest(random: Random, holder: Any, key: Any) -> None:
    for _ in range(random.choice((1, 60, 400))):
        holder[key] = [holder[key]]


CHANGES: tuple[Callable[[Random, Any, Any], None], ...] = (
    _replace,
    _replace,
    _shift,
    _shift,
    _remove,
    _double,
    _nest,
)


def json_line(random: Random, tree: Any) -> bytes:
    """A tree as a line; now and then in a form that JSON has no name for."""
    said = json.dumps(tree, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.05:
        said = said.replace(":", random.choice((": NaN,", ":" + "[" * 3000, ":" + "9" * 5000)), 1)
    return (
        encoded(random, said + "\n")
        if random.random() < 0.1
        else said.encode("utf-8", "surrogatepass") + b"\n"
    )
