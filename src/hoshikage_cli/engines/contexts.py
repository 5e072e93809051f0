"""Contexts on lease: each belongs to one run at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..llama.context import Context
from ..llama.errors import ContextError
from ..llama.model import Model

SomeContext = TypeVar("SomeContext", bound=Context)
Key = tuple[Any, ...]

IDLE = 2
"""Contexts kept for the next run that wants the same: most calls are alike."""


class Contexts:
    """The contexts of one model.

    No two runs ever share a context: a run, or several that go side by side, leases one and gives
    it back when it is over. It is clean, or knows what each cell was computed from, so that what
    the last run has left serves this one as far as it is the same. Runs may then be interleaved in
    any way, from any thread; each has a context of its own as far as memory allows, and one that
    gets none raises ContextError.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._idle: list[tuple[Key, Context]] = []
        self.leased = 0
        """How many runs have one at the moment."""
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, cls: type[SomeContext], *, length: int, **wanted: Any) -> Iterator[SomeContext]:
        """A context of this class and these parameters, for texts of up to `length`."""
        key = (cls, None if cls.grows else length, *sorted(wanted.items()))
        context = self._idle_one(key, length) or self._open(cls, length, wanted)
        self._count(+1)
        try:
            yield context
        finally:
            self._count(-1)
            self._give_back(key, context)

    def forget(self) -> None:
        """Let those that no run has know nothing of earlier runs."""
        with self._lock:
            for _, context in self._idle:
                context.clear()

    def close(self) -> None:
        """Close those that no run has; the model closes the others."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, context in idle:
            context.close()

    def _count(self, change: int) -> None:
        with self._lock:
            self.leased += change

    def _idle_one(self, key: Key, length: int) -> Any:
        with self._lock:
            found = next((i for i, (k, _) in enumerate(self._idle) if k == key), None)
            if found is None:
                return None
            context = self._idle.pop(found)[1]
        try:
            context.ready(length)
        except ContextError:  # it could not grow; without it there may be memory for a larger one
            context.close()
            return None
        return context

    def _open(self, cls: type[SomeContext], length: int, wanted: dict[str, Any]) -> SomeContext:
        self.close()  # what lies idle is of another shape, and may be what memory lacks
        try:
            return cls(self._model, length=length, **wanted)
        except ContextError as error:
            raise ContextError(f"{error}{self._others()}") from None

    def _others(self) -> str:
        if not self.leased:
            return ""
        runs = "run of this model is" if self.leased == 1 else "runs of this model are"
        return f" ({self.leased} other {runs} under way: finish or drop what is not needed)"

    def _give_back(self, key: Key, context: Context) -> None:
        if context.closed:
            return
        with self._lock:
            self._idle.append((key, context))
            surplus = [old for _, old in self._idle[:-IDLE]]
            self._idle = self._idle[-IDLE:]
        for old in surplus:
            old.close()
