"""Hostile chat templates: programs for jinja, mostly right in their grammar, wrong in all else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from hoshikage_cli.chat.template import render
from hoshikage_cli.errors import HoshikageError

from .child import RAN, REFUSED
from .texts import FRAGMENTS, text

LOOPS = (
    "messages",
    "range(9)",
    "range(10**9)",
    "messages * 999",
    "'ab'",
    "x",
    "[x] * 10**7",
    "messages | sort",
)
NAMES = (
    "messages",
    "message",
    "bos_token",
    "x",
    "loop",
    "loop.index",
    "namespace(a=1)",
    "self",
    "range",
    "lipsum",
    "cycler",
    "joiner",
    "dict",
    "messages[0]",
    "messages[0]['content']",
    "messages[0].role",
    "none",
    "true",
    "''.__class__",
    "messages.append",
    "x.__init__.__globals__",
    "strftime_now('%Y')",
    "raise_exception('no')",
    "'a' * 10**9",
    "2 ** (2 ** 40)",
    "10 ** 400000",
    "'%999999999d' % 1",
    "'{:>999999999}'.format(1)",
    "1 / 0",
    "'\\ud800'",
    "caller()",
    "super()",
    "[[]] * 999999999",
    "messages ~ messages",
)
FILTERS = (
    "trim",
    "upper",
    "join",
    "tojson",
    "length",
    "first",
    "last",
    "list",
    "center(10**9)",
    "truncate(-5)",
    "indent(10**8)",
    "wordwrap(0)",
    "batch(0)",
    "batch(2) | list",
    "slice(0)",
    "slice(10**9) | list",
    "sort",
    "unique | list",
    "map('upper') | list",
    "selectattr('role')",
    "groupby('role')",
    "replace('', 'x' * 9999)",
    "string",
    "safe",
    "escape",
    "urlize",
    "format",
    "round(400)",
    "int(base=99)",
    "float",
    "random",
    "sum",
    "pprint",
    "filesizeformat",
    "default('x')",
    "attr('__class__')",
    "items | list",
    "xmlattr",
    "reverse",
)


def template(random: Random, depth: int = 0) -> str:
    """A program for jinja: right in its grammar, mostly, and wrong in all else."""
    parts = []
    for _ in range(random.randrange(1, 4)):
        parts.append(random.choice(STATEMENTS if depth < 4 else STATEMENTS[:3])(random, depth + 1))
    return "".join(parts)


def _words(random: Random, depth: int) -> str:
    return random.choice(FRAGMENTS)


def _shown(random: Random, depth: int) -> str:
    filters = "".join(f" | {random.choice(FILTERS)}" for _ in range(random.randrange(3)))
    return f"{{{{ {random.choice(NAMES)}{filters} }}}}"


def _set(random: Random, depth: int) -> str:
    return (
        f"{{% set {random.choice(('x', 'messages', 'ns.a', 'range'))} = {random.choice(NAMES)} %}}"
    )


def _loop(random: Random, depth: int) -> str:
    tail = random.choice(("", " recursive", " if message", " if loop.first"))
    inner = template(random, depth) + random.choice(
        ("", "", "{% break %}", "{% continue %}", "{{ loop(messages) }}")
    )
    return f"{{% for message in {random.choice(LOOPS)}{tail} %}}{inner}{{% endfor %}}"


def _condition(random: Random, depth: int) -> str:
    one, other = template(random, depth), template(random, depth)
    return f"{{% if {random.choice(NAMES)} %}}{one}{{% else %}}{other}{{% endif %}}"


def _macro(random: Random, depth: int) -> str:
    inner = template(random, depth) + random.choice(("", "{{ m() }}", "{{ caller() }}"))
    return f"{{% macro m(x=1) %}}{inner}{{% endmacro %}}{{{{ m() }}}}"


BROKEN = (
    "{% for %}",
    "{{",
    "{% if",
    "{% break %}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{%- -%}",
    "{% call m() %}{% endcall %}",
    "{% block a %}{% endblock %}{{ self.a() }}",
    "{# ",
    "}}",
    "{% import 'os' as x %}",
    "{% generation %}{% endgeneration %}",
    "{% filter upper %}a",
)


def _broken(random: Random, depth: int) -> str:
    return random.choice(BROKEN)


STATEMENTS = (_words, _shown, _set, _loop, _condition, _macro, _shown, _loop, _broken)


@dataclass(frozen=True)
class Rendered:
    """A template of a file, given a conversation."""

    template: str
    messages: tuple[dict[str, str], ...]
    folder: Path

    def __call__(self) -> int:
        try:
            print(repr(render(self.template, self.messages))[:200])
        except HoshikageError as error:
            print(error)
            return REFUSED
        return RAN


def templates(random: Random, folder: Path) -> Rendered:
    """A template, and what people say to it."""
    source = template(random)
    (folder / "template").write_bytes(source.encode("utf-8", "surrogatepass"))
    roles = [
        random.choice(("user", "assistant", "system", "tool")) for _ in range(random.randrange(4))
    ]
    said = tuple({"role": role, "content": text(random)} for role in roles)
    return Rendered(source, said, folder)
