"""Help pages: options by topic, llama.cpp's spellings left out for brevity."""

from __future__ import annotations

from typing import Any

import typer.core

from .options import declared_for, with_bare_values

OTHERS = "Other"


class TopicsCommand(typer.core.TyperCommand):
    """A command whose help lists its options under the topics that they were declared with."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = [p for p in self.get_params(ctx) if isinstance(p, typer.core.TyperOption)]
        valued = {flag for option in options if not option.is_flag for flag in option.opts}
        return super().parse_args(ctx, with_bare_values(args, declared_for(self.callback), valued))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        topics: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if not getattr(parameter, "hidden", False):
                topic = getattr(parameter, "rich_help_panel", None) or OTHERS
                topics.setdefault(topic, []).append(help_row(parameter, ctx))
        for topic in sorted(topics, key=lambda name: name == OTHERS):
            with formatter.section(topic):
                formatter.write_dl(topics[topic], col_max=32)


def help_row(parameter: Any, ctx: Any) -> tuple[str, str]:
    """What stands left and right for one parameter."""
    if parameter.param_type_name == "argument":
        return (parameter.metavar or parameter.name).upper(), parameter.help or ""
    short = [flag for flag in parameter.opts if not flag.startswith("--")]
    long = [flag for flag in parameter.opts if flag.startswith("--")]
    names = ", ".join([*short, *long[:1]])
    opposite = "".join(f"/{flag}" for flag in parameter.secondary_opts[:1])
    value = "" if parameter.is_flag else f" {parameter.metavar or 'TEXT'}".replace(" [=", "[=")
    default = parameter.show_default
    told = f" [default: {default}]" if isinstance(default, str) else ""
    return f"{names}{opposite}{value}", f"{parameter.help or ''}{told}"
