"""Settings from layers that are given as keywords, for short."""

from __future__ import annotations

from hoshikage_cli.settings.resolve import resolve


def resolved(flags=(), environ=(), config=(), advice=(), kind="diffusion", family=()):
    return resolve(dict(flags), dict(environ), dict(config), dict(advice), kind, dict(family))


def told(name, **layers):
    """(value, source) of a setting."""
    found = resolved(**layers)
    return found.value(name), found.sources[name]
