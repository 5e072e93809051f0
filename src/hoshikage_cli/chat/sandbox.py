"""The environment that chat templates run in: a sandbox, and a budget of steps, time and size.

A template comes with a model file and is a program. It can reach nothing (jinja's sandbox), and
here it cannot run for ever or fill the memory either: every loop, call, filter and text that it
makes is charged to the budget of the rendering under way. All that can grow a text beyond what
goes in is looked at before it is done.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes, pass_context
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from ..errors import shortened

STEPS = 1_000_000
"""Turns of loops, calls and filters."""
SECONDS = 10.0
LONGEST = 1 << 24
"""Characters or elements of anything that is made; more where more was said."""
ELEMENT = 16
"""Characters that an element of a list counts for: it takes that much memory."""
LARGEST_NUMBER = 10_000
"""Bits of a whole number."""
MOST_INDENT = 16
LONGEST_TEMPLATE = 1 << 18
"""Characters of a template: ten times those of any that is known."""


class TooMuch(TemplateError):
    """A template that wants more than it may have."""


class Budget:
    """What a rendering may still use."""

    def __init__(self, said: int) -> None:
        self.longest = LONGEST + 4 * said
        self._steps = STEPS
        self._room = self.longest
        self._until = time.monotonic() + SECONDS

    def spend(self, steps: int = 1) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TooMuch(f"it takes more than {STEPS:,} steps")
        if time.monotonic() > self._until:
            raise TooMuch(f"it takes more than {SECONDS:g} seconds")

    def allow(self, size: int) -> None:
        """A text, list or number of this size may be made."""
        self.spend()
        if size > self.longest:
            raise TooMuch(f"it makes something of more than {self.longest:,} characters")

    def emit(self, size: int) -> None:
        """A text of this size is written."""
        self.spend()
        self._room -= size
        if self._room < 0:
            raise TooMuch(f"it writes more than {self.longest:,} characters")


_BUDGET: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def budget(said: int) -> Iterator[None]:
    """A new budget, for a conversation of so many characters."""
    token = _BUDGET.set(Budget(said))
    try:
        yield
    finally:
        _BUDGET.reset(token)


# --------------------------------------------------------------------------- what grows a text


def _size(value: Any) -> int:
    """Characters and elements, inner ones as often as they are met: what has few parts can be
    much to write, to compare and to search. Stops counting beyond what is allowed."""
    if isinstance(value, str):
        return len(value)
    longest, counted, waiting = _BUDGET.get().longest, 1, [value]
    while waiting and counted <= longest:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += (*item.keys(), *item.values())
        elif isinstance(item, (list, tuple)):
            waiting += item
        if isinstance(item, (str, list, tuple, dict)):
            counted += len(item) * (1 if isinstance(item, str) else ELEMENT)
    return counted


def _at_hand(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments that can be gone through more than once; `loop` is no list of anything."""
    return tuple(
        list(item) if isinstance(item, Iterator) and not isinstance(item, LoopContext) else item
        for item in given
    )


def _times(left: Any, right: Any) -> int:
    if isinstance(left, int) and isinstance(right, int):
        return _of_bits(left.bit_length() + right.bit_length())
    if isinstance(right, int):
        left, right = right, left
    return _size(right) * max(0, left) if isinstance(left, int) else 0


def _power(left: Any, right: Any) -> int:
    if isinstance(left, int) and isinstance(right, int):
        return _of_bits(left.bit_length() * max(0, right))
    return 0


def _plus(left: Any, right: Any) -> int:
    return _size(left) + _size(right)


def _of_bits(bits: int) -> int:
    if bits > LARGEST_NUMBER:
        raise TooMuch("it computes a number of thousands of digits")
    return 0


def _formatted(form: Any, values: Any) -> int:
    """Widths stand in the text and among the values."""
    if not isinstance(form, str):
        return 0
    given = values if isinstance(values, tuple) else (values,)
    widths = [int(digits[:12]) for digits in re.findall("[0-9]+", form)]
    numbers = [abs(value) for value in given if isinstance(value, int) and "*" in form]
    texts = [_size(value) for value in given]
    # Each width or value may be asked for wherever a % or a { stands.
    places = form.count("%") + form.count("{")
    return len(form) + places * sum((*widths, *numbers, *texts))


BINARY: dict[str, Callable[[Any, Any], int]] = {
    "*": _times,
    "**": _power,
    "+": _plus,
    "%": _formatted,
}
"""By operator: how large its result can be."""


def _widened(text: Any, width: Any = 0, *_: Any, **__: Any) -> int:
    return _size(text) + (abs(width) if isinstance(width, int) else 0)


def _replaced(text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> int:
    text, old, new = str(text), str(old), str(new)
    return len(text) + text.count(old) * len(new)


def _joined(items: Iterable[Any], between: Any = "", *_: Any, **__: Any) -> int:
    return sum(_size(item) + _size(between) for item in items)


def _multiplied(value: Any, *given: Any, **named: Any) -> int:
    """The most of any function that puts what it is given in many places of a text."""
    wanted = (*given, *named.values())
    sizes = [v if isinstance(v, int) else _size(v) for v in wanted]
    return _size(value) * max((1, *sizes))


def _written_out(form: Any, *given: Any, **named: Any) -> int:
    values = (*given, *named.values())
    numbers = sum(abs(value) for value in values if isinstance(value, int) and "{" in str(form))
    return _formatted(form, values) + str(form).count("{") * numbers


def _wrapped(text: Any, *given: Any, **named: Any) -> int:
    between = [_size(value) for value in (*given, *named.values()) if isinstance(value, str)]
    return _size(text) * (1 + sum(between))


GROWING: dict[str, Callable[..., int]] = {
    "center": _widened, "ljust": _widened, "rjust": _widened, "zfill": _widened,
    "replace": _replaced, "join": _joined, "format": _written_out, "format_map": _written_out,
    "expandtabs": _multiplied, "indent": _multiplied, "wordwrap": _wrapped,
    "translate": _multiplied, "batch": _widened, "slice": _widened,
}  # fmt: skip
"""By name of the filter, or of the text's method: how large its result can be."""


def _method_size(called: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> int:
    """Of a call that may be one of a text's methods."""
    called = getattr(called, "__wrapped__", called)
    owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    if not isinstance(owner, str) or name not in GROWING:
        return 0
    # `between.join(items)` is the filter's `items | join(between)`.
    if name == "join":
        return _joined(*given[:1], owner)
    return GROWING[name](owner, *given, **named)


# --------------------------------------------------------------------------------- the sandbox


class _Generation(Extension):
    """`{% generation %}`, which marks the assistant's words for training, changes no text."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Counted:
    """What a loop goes through, each element charged."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        spend = _BUDGET.get().spend
        for item in self._items:
            spend()
            yield item


@pass_context
def _emitted(context: Any, value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    _BUDGET.get().emit(len(text))
    return text


@pass_context
def _allowed(context: Any, value: Any) -> Any:
    _BUDGET.get().allow(_size(value))
    return value


class _Charging(NodeTransformer):
    """Puts the budget where a template loops, writes, and makes texts without a call."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "counted*")
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        self.generic_visit(node)
        node.nodes = [_filtered(_as_text(child), "emitted*") for child in node.nodes]
        return node

    def made(self, node: nodes.Expr) -> nodes.Expr:
        """Of a text or a list that is put together without a call."""
        self.generic_visit(node)
        return node if getattr(node, "ctx", "load") == "store" else _filtered(node, "allowed*")

    visit_Concat = visit_List = visit_Tuple = visit_Dict = made

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.AssignBlock:
        self.generic_visit(node)
        node.filter = _filtered(node.filter, "allowed*")
        return node


def _as_text(node: nodes.Node) -> nodes.Node:
    if not isinstance(node, nodes.TemplateData):
        return node
    return nodes.Const(node.data, lineno=node.lineno)


def _filtered(node: nodes.Node | None, name: str) -> nodes.Filter:
    """A filter of a name that no template can spell."""
    return nodes.Filter(node, name, [], [], None, None, lineno=getattr(node, "lineno", 1))


class Sandbox(ImmutableSandboxedEnvironment):
    """jinja's sandbox, with the budget of the rendering under way."""

    intercepted_binops = frozenset(BINARY)

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", _Generation],
            # What is folded while a template is compiled would be charged to nobody.
            optimized=False,
        )
        self.filters["tojson"] = _to_json
        self.filters = {name: _charged(name, each) for name, each in self.filters.items()}
        self.filters |= {"counted*": _Counted, "emitted*": _emitted, "allowed*": _allowed}
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = _strftime_now

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _Charging().visit(super()._parse(source, name, filename))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _BUDGET.get().allow(BINARY[operator](left, right))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, called: Any, /, *given: Any, **named: Any) -> Any:
        allow, given = _BUDGET.get().allow, _at_hand(given)
        allow(_method_size(called, given, named))
        made = super().call(context, called, *given, **named)
        allow(_size(made))
        return made


def _charged(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose work and result are charged."""
    grows = GROWING.get(name)
    # Some filters are given the context or the environment before the value.
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def charged(*given: Any, **named: Any) -> Any:
        now, given = _BUDGET.get(), _at_hand(given)
        value = given[first] if len(given) > first else None
        now.spend(1 + (len(value) if isinstance(value, (str, list, tuple, dict)) else 0) // 64)
        if grows:
            now.allow(grows(*given[first:], **named))
        made = function(*given, **named)
        now.allow(_size(made))
        return made

    return charged


def _raise_exception(message: Any) -> None:
    raise TemplateError(str(message))


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _to_json(value: Any, indent: int | None = None) -> str:
    if isinstance(indent, int) and indent > MOST_INDENT:
        raise TooMuch(f"it indents by {shortened(str(indent))}")
    # jinja's own filter escapes <, > and & for HTML, which would reach the model.
    return json.dumps(value, ensure_ascii=False, indent=indent)
