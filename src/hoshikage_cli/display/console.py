"""Where displays draw: stderr, which may go away in the middle."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import IO, Any, cast

from rich.console import Console


class _Unwatched:
    """stderr without its errors: where nobody watches any more, answers still go to stdout."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def on_stderr() -> Console:
    """rich's console over it."""
    return Console(file=cast(IO[str], _Unwatched(sys.stderr)), highlight=False)
