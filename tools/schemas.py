"""Those of docs/schema that follow from the declarations: settings, in all that tells them.

The others are written by hand, and tests hold them to what the commands print.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hoshikage_cli.settings.declared import declarations
from hoshikage_cli.settings.option import Declaration
from hoshikage_cli.settings.resolve import LAYERS

FOLDER = Path(__file__).parents[1] / "docs" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
LIMITS = {"minimum": "minimum", "maximum": "maximum", "above": "exclusiveMinimum"}


def schemas() -> dict[Path, str]:
    """The text of each file."""
    made = {FOLDER / name: {"$id": name} | schema for name, schema in by_name().items()}
    return {path: json.dumps(made[path], indent=2, ensure_ascii=False) + "\n" for path in made}


def by_name() -> dict[str, dict[str, Any]]:
    """Each by the name of its file."""
    known = declarations()
    of_runs = {n: value(d) for n, d in known.items() if d.group != "output" and d.option.told}
    shown = {n: with_source(value(d)) for n, d in known.items()}
    in_file = {key: spelled(d) for d in known.values() if d.option.config for key in d.names}
    return {
        "settings.json": described("Settings, as results and traces tell them", of_runs, of_runs),
        "show-settings.json": described("hoshikage generate --show-settings --json", shown, shown),
        "config.json": described(
            "hoshikage config show --json: what the config file says", in_file
        ),
    }


def described(
    title: str, properties: dict[str, Any], required: dict[str, Any] | None = None
) -> dict[str, Any]:
    found = {"$schema": DIALECT, "title": title, "type": "object"}
    return found | ({"required": list(required)} if required else {}) | {"properties": properties}


def with_source(schema: dict[str, Any]) -> dict[str, Any]:
    both = {"value": schema, "source": {"enum": list(LAYERS)}}
    return {"type": "object", "required": list(both), "properties": both}


def spelled(known: Declaration) -> dict[str, Any]:
    """A setting in a file, where 1 may stand for yes and a name for a number."""
    types = ["string", "number", "boolean"] + ["array"] * known.repeated
    return {"description": known.option.help, "type": types}


def value(known: Declaration) -> dict[str, Any]:
    """What a setting may be; a function is told by its name."""
    facts = known.option
    if known.repeated:
        return {"description": facts.help, "type": "array", "items": {"type": "string"}}
    if facts.choices and not facts.takes:
        return {
            "description": facts.help,
            "enum": [*facts.choices, *([None] if none(known) else [])],
        }
    found = {"description": facts.help, "type": [TYPES[known.type]] + ["null"] * none(known)}
    given = {name: getattr(facts, fact) for fact, name in LIMITS.items()}
    return found | {name: limit for name, limit in given.items() if limit is not None}


def none(known: Declaration) -> bool:
    """Whether there may be no value."""
    facts = known.option
    return known.default is None or facts.unset is not None or facts.one_of is not None
