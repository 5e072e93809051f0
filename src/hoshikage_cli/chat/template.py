"""Chat templates: the jinja text that a GGUF carries, rendered in a sandbox (`sandbox`).

Templates are written for Hugging Face's `apply_chat_template`, whose environment this one follows:
trimmed blocks, loop controls, `raise_exception`, `strftime_now`, a `tojson` that escapes nothing.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from ..errors import RunError, shortened

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
    does not know), tries to leave the sandbox, or takes more than it may have.
    """
    from .sandbox import budget

    said = len(str(conversation))
    with budget(said):
        try:
            pieces = _compiled(template).generate(
                messages=list(conversation),
                tools=None,
                documents=None,
                bos_token=bos_token,
                eos_token=eos_token,
                add_generation_prompt=add_generation_prompt,
            )
            return "".join(pieces)
        # A template is a program of somebody else's: whatever it runs into is its own failure.
        except Exception as error:
            raise ChatTemplateError(
                f"the model's chat template failed{_place(error)} ({_one_line(error)}): "
                "--no-chat gives the model the bare prompt"
            ) from error


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    from .sandbox import LONGEST_TEMPLATE

    if len(template) > LONGEST_TEMPLATE:
        raise ValueError(f"it has {len(template):,} characters, of at most {LONGEST_TEMPLATE:,}")
    return _environment().from_string(template)


@cache
def _environment() -> Environment:
    from .sandbox import Sandbox

    return Sandbox()


def _place(error: BaseException) -> str:
    """Where in the template it happened, if that is known."""
    inside = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == "<template>"
    ]
    line = getattr(error, "lineno", None) or (inside[-1] if inside else None)
    return f" in line {line}" if line else ""


def _one_line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it calls itself without end, or is nested too deeply"
    if isinstance(error, MemoryError):
        return "it wants more memory than there is"
    words = " ".join(str(error).split())
    return shortened(words) or type(error).__name__
