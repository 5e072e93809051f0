"""Functions that stand for values of settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import SettingsError


class Function(str):
    """A function under its name, `module:function`: as text it is all that may be written down."""

    function: Callable[..., Any]

    def __new__(cls, name: str, function: Callable[..., Any]) -> Function:
        made = super().__new__(cls, name)
        made.function = function
        return made

    def __reduce__(self) -> tuple[type[Function], tuple[str, Callable[..., Any]]]:
        """What a copy is made of."""
        return Function, (str(self), self.function)

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


def named(given: Callable[..., Any], takes: Sequence[str], label: str) -> Function:
    """A function that can be called with `takes`. Raises SettingsError that begins `label`."""
    found = given if isinstance(given, Function) else Function(name_of(given), given)
    try:
        inspect.signature(found.function).bind(*takes)
    except TypeError as error:
        raise SettingsError(
            f"{label}: {found} cannot be called with ({', '.join(takes)}): {error}"
        ) from None
    except ValueError:
        # Some that are written in C do not say what they take.
        pass
    return found


def name_of(given: Callable[..., Any]) -> str:
    """`module:function`, of an object with a call `module:Class`; never an address."""
    inner = getattr(given, "func", given)  # a partial's
    said = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{said.__module__}:{said.__qualname__}"
