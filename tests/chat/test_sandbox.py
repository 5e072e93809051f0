"""Templates that would run for ever, fill the memory or break off inside: each is one line."""

from __future__ import annotations

import time

import pytest

from hoshikage_cli.chat.template import ChatTemplateError, messages, render

GREEDY = {
    "nested ranges": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "nested loops that write": "{% for a in range(99999) %}{% for b in range(999) %}xxxxxxxx"
    "{% endfor %}{% endfor %}",
    "a long text": "{{ 'a' * 10 ** 9 }}",
    "a folded text": "{{ 'a' * 1000000000 }}",
    "a long list": "{{ ([0] * 10 ** 9) | length }}",
    "lists in lists": "{% set x = [[[[1] * 999] * 999] * 999] * 999 %}{{ x }}",
    "a number": "{{ 2 ** (2 ** 40) }}",
    "a number by steps": "{% set n = namespace(x=9) %}{% for i in range(99) %}"
    "{% set n.x = n.x * n.x %}{% endfor %}",
    "a shift of the same": "{{ 10 ** 100000 }}",
    "center": "{{ 'a' | center(1000000000) }}",
    "center, called": "{{ 'a'.center(10 ** 9) }}",
    "ljust": "{{ 'a'.ljust(10 ** 9) }}",
    "zfill": "{{ 'a'.zfill(10 ** 9) }}",
    "join": "{{ range(99999) | join('x' * 99999) }}",
    "join, called": "{{ ('x' * 99999).join(['y'] * 99999) }}",
    "replace": "{{ ('a' * 99999) | replace('a', 'b' * 99999) }}",
    "replace, called": "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
    "indent": "{{ ('\\n' * 99999) | indent(99999, blank=true) }}",
    "tojson": "{{ [[1] * 9999] | tojson(indent=10 ** 8) }}",
    "format": "{{ '{:>1000000000}'.format('a') }}",
    "format by a value": "{{ '{:>{w}}'.format('a', w=10 ** 9) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "percent by a value": "{{ '%*d' % (10 ** 9, 1) }}",
    "percent, filtered": "{{ '%1000000000d' | format(1) }}",
    "doubling": "{% set n = namespace(x='aa') %}{% for i in range(99) %}"
    "{% set n.x = n.x + n.x %}{% endfor %}",
    "doubling by ~": "{% set n = namespace(x='aa') %}{% for i in range(99) %}"
    "{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling in a block": "{% set n = namespace(x='aa') %}{% for i in range(99) %}"
    "{% set y %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = y %}{% endfor %}",
    "doubling in a macro": "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}"
    "{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = m(n.x) %}{% endfor %}",
    "doubling of lists": "{% set n = namespace(x=[1, 2]) %}{% for i in range(99) %}"
    "{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x == n.x }}",
    "lipsum": "{{ lipsum(10 ** 9) }}",
    "a macro without end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "two macros": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
    "{{ m(200) }}",
    "a recursive loop": "{% for a in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}",
    "parentheses": "{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}",
    "lists of lists": "{{ " + "[" * 9999 + "]" * 9999 + " }}",
    "ifs": "{% if 1 %}" * 999 + "{% endif %}" * 999,
    "a long template": "x" * 10 ** 6,
}  # fmt: skip

BROKEN = {
    "truncate": "{{ 'abc' * 99 | truncate(-5) }}",
    "a negative truncate": "{{ ('abc' * 99) | truncate(-5) }}",
    "break": "{% break %}",
    "continue": "a{% continue %}b",
    "cycler": "{{ cycler() }}",
    "include": "{% include 'x' %}",
    "extends": "{% extends 'x' %}",
    "import": "{% import 'x' as y %}",
    "a filter that is none": "{{ 1 | nothing }}",
    "a filter of ours": "{{ 1 | emitted* }}",
    "a list that holds itself": "{% set x = [] %}{{ x.append(x) }}",
    "no key": "{{ messages[0].nothing.at_all }}",
    "strftime": "{{ strftime_now(1) }}",
    "division": "{{ 1 // 0 }}",
}


@pytest.mark.parametrize("name", GREEDY)
def test_no_template_takes_all_there_is(name):
    began = time.perf_counter()
    with pytest.raises(ChatTemplateError, match="the model's chat template failed") as caught:
        render(GREEDY[name], messages("x"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert time.perf_counter() - began < 60


@pytest.mark.parametrize("name", BROKEN)
def test_what_fails_inside_is_one_line(name):
    with pytest.raises(ChatTemplateError, match="--no-chat") as caught:
        render(BROKEN[name], messages("x"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("template", [
    "a\nb\n{{ 1 / 0 }}",
    "a\nb\n{{ raise_exception('no') }}",
    "a\nb\n{{ nothing.x.y }}",
    "a\nb\n{% for %}",
    "\n\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
])  # fmt: skip
def test_the_line_is_told(template):
    with pytest.raises(ChatTemplateError, match="failed in line 3 "):
        render(template, messages("x"))


def test_long_messages_of_a_template_are_shortened():
    with pytest.raises(ChatTemplateError) as caught:
        render("{{ raise_exception('x' * 100000) }}", messages("x"))
    assert len(str(caught.value)) < 500


USUAL = {
    "{% for m in messages %}{{ loop.index }}{{ loop.length }}{{ loop.last }}{% endfor %}": "11True",
    "{{ messages | map(attribute='role') | list | reverse | join }}": "user",
    "{% macro m(l) %}{{ l.index }}{% endmacro %}{% for a in 'ab' %}{{ m(loop) }}{% endfor %}": "12",
    "{% for m in messages if m.role == 'x' %}a{% else %}b{% endfor %}": "b",
    "{% for k, v in {'a': 1}.items() %}{{ k ~ v }}{% endfor %}": "a1",
    "{% set a, b = (1, 2) %}{{ a + b * 3 }}{{ 'x' * 3 }}{{ '%s-%d' % ('a', 3) }}": "7xxxa-3",
    "{% set x %}a{{ 1 }}b{% endset %}{{ x | upper }}": "A1B",
    "{% filter upper %}a{% endfilter %}{{ [1, [2]] }}{{ none }}{{ 2 ** 8 }}": "A[1, [2]]None256",
    "{% macro m(a, b='c') %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}"
    "{% call m(1) %}d{% endcall %}": "1cd",
    "{{ messages | map(attribute='role') | join(', ') }}": "user",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}": "1",
    "{{ {'a': [1, 2]} | tojson(indent=2) }}": '{\n  "a": [\n    1,\n    2\n  ]\n}',
    "{% set n = namespace(n=0) %}{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}"
    "{% set n.n = n.n + i %}{% endfor %}{{ n.n }}": "3",
    "{{ messages[0]['content'].split('b')[-1].lstrip('\\n') }}": "c",
    "{{ 'a-b'.replace('-', '+') }}{{ ['x', 'y'] | join }}{{ '{:>3}'.format('a') }}": "a+bxy  a",
}


@pytest.mark.parametrize("template", USUAL)
def test_what_a_template_may_do_is_as_it_was(template):
    assert render(template, messages("abc")) == USUAL[template]


def test_a_long_conversation_has_room():
    said = [{"role": "user", "content": "x" * 3000}] * 3000
    template = "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content | trim }}{% endfor %}"
    assert len(render(template, said)) == 3000 * 3008
