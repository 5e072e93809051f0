"""What every display of a run has: loading, steps, answers, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..generation.run import Result, TextEvent


class Display:
    """Shows nothing; every other display is one that does something at some of these moments."""

    watched = False
    """Whether steps are shown in place, so that it makes sense to wait between them."""

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def loading(self, share: float) -> None:
        """The share of the model that is loaded, 0 to 1."""

    def event(self, event: TextEvent) -> None:
        """A step was made."""

    def answered(self, count: int) -> None:
        """So many of several answers are there."""

    def scoring(self, share: float) -> None:
        """The share of what is to be scored that is done, 0 to 1."""

    def kept(self, result: Result) -> str | None:
        """The answer in the colours that it was watched in, for a terminal; None: it has none."""
        return None

    def explain(self) -> None:
        """What the colours of an answer that was kept mean."""

    def finish(self, result: Result) -> None:
        """The run is over."""

    def pause(self) -> None:
        """Leave the terminal to others for a while, as when the program is stopped. May be called
        by a signal handler, at any moment and any number of times, as may `redraw`."""

    def redraw(self) -> None:
        """Take the terminal back, wherever its cursor is by now."""

    def close(self) -> None:
        """Leave the terminal to what comes next."""
