"""Chat templates in the styles of real models."""

from __future__ import annotations

import pytest

from hoshikage_cli.chat.template import ChatTemplateError, messages, render

CHATML = """
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

LLAMA_3 = """
{{- bos_token }}
{%- if tools is not none %}{{- 'Tools: ' ~ tools | tojson }}{%- endif %}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

DEFAULT_SYSTEM = """\
{% if messages[0]['role'] == 'system' %}
    {% set system = messages[0]['content'] %}
    {% set messages = messages[1:] %}
{% else %}
    {% set system = 'Be brief.' %}
{% endif %}
{{ '[SYS]' + system + '[/SYS]' -}}
{% for message in messages %}
    {% if message['role'] != 'user' %}{% continue %}{% endif %}
    {{- '[INST]' + message['content'] + '[/INST]' -}}
{% endfor %}
"""


def test_chatml():
    assert render(CHATML, messages("Hi", "Be kind.")) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama_3_with_its_first_token():
    assert render(LLAMA_3, messages(" Hi \n"), bos_token="<|begin|>") == (
        "<|begin|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_trimmed_blocks_and_loop_controls():
    assert render(DEFAULT_SYSTEM, messages("Hi")) == "[SYS]Be brief.[/SYS][INST]Hi[/INST]"
    assert render(DEFAULT_SYSTEM, messages("Hi", "X")) == "[SYS]X[/SYS][INST]Hi[/INST]"


def test_without_generation_prompt():
    assert render(CHATML, messages("Hi"), add_generation_prompt=False).endswith("<|im_end|>\n")


def test_text_is_not_escaped_and_not_run():
    prompt = "<b>&{{ 7 * 7 }}{% raw %}"
    assert prompt in render(CHATML, messages(prompt))
    assert render("{{ messages | tojson }}", messages("<é>")) == (
        '[{"role": "user", "content": "<é>"}]'
    )


def test_generation_blocks_change_nothing():
    assert render("a{% generation %}b{% endgeneration %}c", messages("x")) == "abc"


def test_the_date_of_today():
    assert len(render("{{ strftime_now('%Y') }}", messages("x"))) == 4


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{% for %}",
        "{{ messages[7].content }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ 1 / 0 }}",
        "{{ nothing + 'x' }}",
    ],
)
def test_a_template_that_fails_says_what_to_type(template):
    with pytest.raises(ChatTemplateError, match="--no-chat") as caught:
        render(template, messages("x"))
    assert "\n" not in str(caught.value)


def test_its_own_words_are_told():
    with pytest.raises(ChatTemplateError, match="roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}", messages("x"))
