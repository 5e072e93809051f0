"""Chat templates: the jinja text that a GGUF carries, rendered in a sandbox.

Templates are written for Hugging Face's `apply_chat_template`, whose environment this one follows:
trimmed blocks, loop controls, `raise_exception`, `strftime_now`, a `tojson` that escapes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import RunError

if TYPE_CHECKING:
    from jinja2 import Environment, Template


class ChatTemplateError(RunError):
    """A chat template that cannot be rendered."""


def messages(prompt: str, system_prompt: str | None = None) -> list[dict[str, str]]:
    """A conversation of one question."""
    conversation = [{"role": "user", "content": prompt}]
    if system_prompt:
        conversation.insert(0, {"role": "system", "content": system_prompt})
    return conversation


def plain(conversation: Sequence[Mapping[str, str]]) -> str:
    """A conversation as text for a model without a template; one question is text to go on with."""
    if all(message["role"] != "assistant" for message in conversation):
        return "\n\n".join(message["content"] for message in conversation)
    said = [f"{message['role'].capitalize()}: {message['content']}" for message in conversation]
    return "\n\n".join([*said, "Assistant:"])


def render(
    template: str,
    conversation: Sequence[Mapping[str, str]],
    *,
    bos_token: str = "",
    eos_token: str = "",
    add_generation_prompt: bool = True,
) -> str:
    """The conversation as text for the tokenizer, special tokens spelled out.

    Raises ChatTemplateError where the template is broken, refuses the conversation (a role that it
    does not know), or tries to leave the sandbox.
    """
    from jinja2 import TemplateError

    try:
        return _compiled(template).render(
            messages=list(conversation),
            tools=None,
            documents=None,
            bos_token=bos_token,
            eos_token=eos_token,
            add_generation_prompt=add_generation_prompt,
        )
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ChatTemplateError(
            f"the model's chat template failed ({_one_line(error)}): "
            "--no-chat gives the model the bare prompt"
        ) from error


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    return _environment().from_string(template)


@cache
def _environment() -> Environment:
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`, which marks the assistant's words for training, changes no text."""

        tags = {"generation"}

        def parse(self, parser):
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _raise_exception(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _to_json(value: Any, indent: int | None = None) -> str:
    # jinja's own filter escapes <, > and & for HTML, which would reach the model.
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
