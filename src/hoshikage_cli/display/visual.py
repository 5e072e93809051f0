"""The canvas while it is being unmasked, live on a terminal's stderr."""

from __future__ import annotations

from rich.console import Console

from ..generation.run import Result, TextEvent
from .console import on_stderr
from .display import Display
from .figures import summary
from .frame import Memory, answer_lines, frame
from .layout import Line, pack
from .painter import Painter
from .progress import say
from .shades import OF_MASKS, legend, view_of


class LiveView(Display):
    """Header, canvas, progress and legend, redrawn in place; gone when the run is over, but for an
    answer that is kept in its colours."""

    watched = True

    def __init__(
        self, view: str | None = None, console: Console | None = None, *, alone: bool = True
    ) -> None:
        """alone: whether it has the screen to itself, and shows what the answer follows; else it
        stands below a conversation."""
        self.view = view
        self.alone = alone
        self.console = console or on_stderr()
        self._painter = Painter(self.console)
        self._region = self._painter.region
        self._memory = Memory()
        self._event: TextEvent | None = None

    def __enter__(self) -> LiveView:
        self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._painter.stop()

    def loading(self, share: float) -> None:
        self._painter.show(lambda: [Line([(f"loading the model: {share:.0%}", "dim")])])

    def event(self, event: TextEvent) -> None:
        self._event = event
        self._region.alone = self.alone
        view = self._view_of(event)
        self._painter.show(lambda: frame(event, view, *self.console.size, self._memory, self.alone))

    def kept(self, result: Result) -> str | None:
        event = self._event
        if event is None or self._view_of(event) in OF_MASKS:
            return None
        lines = answer_lines(event, self._view_of(event), self.console.width, len(result.text))
        return "\n".join(self._region.rendered(line) for line in lines)

    def explain(self) -> None:
        if self._event is not None:
            view, room = self._view_of(self._event), max(self.console.width - 1, 2)
            self._region.below(pack(legend(view, self._event)[-2:], room, "  ", "dim"))

    def _view_of(self, event: TextEvent) -> str:
        return view_of(self.view, event.run.has_masks)

    def pause(self) -> None:
        self._painter.pause()

    def redraw(self) -> None:
        self._painter.redraw()

    def finish(self, result: Result) -> None:
        self._painter.stop()
        say(self.console, summary(result))
