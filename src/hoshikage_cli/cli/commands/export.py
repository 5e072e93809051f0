"""`hoshikage export`: a trace as a page, a picture or a recording of a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import RunError, UsageError
from ...files import expanded, refuse_input, write_whole
from ...settings.declared import VIEWS
from ..exits import Exit
from ..options import REQUIRED, argument, flag, with_options
from ..output import tell_flaw

if TYPE_CHECKING:
    from ...trace import Recording

EXAMPLES = """\b
Examples:
  hoshikage export run.jsonl -o run.html
  hoshikage export run.jsonl -o run.svg --visual=order --columns 60
  hoshikage export run.jsonl -o run.cast && asciinema play run.cast
"""

KINDS = (".html", ".svg", ".cast")


@dataclass(frozen=True)
class ExportFlags:
    file: str = argument(REQUIRED, metavar="FILE", help="What generate --trace wrote.", panel="Run")
    output: str = flag(
        REQUIRED,
        "-o",
        "--output",
        metavar="FILE",
        help="A page (.html), a picture that moves (.svg), or a recording for asciinema (.cast).",
        panel="Output",
    )
    seconds: float | None = flag(
        None,
        "--seconds",
        above=0,
        maximum=1_000_000,
        help="How long the run is to take; without it as long as it took, but 4 to 20.",
        panel="Output",
    )
    columns: int = flag(
        80,
        "--columns",
        minimum=20,
        maximum=400,
        help="Width of the picture or terminal.",
        panel="Output",
    )
    theme: str = flag(
        "auto",
        "--theme",
        choices=("auto", "light", "dark"),
        help="Colours; auto: as the reader prefers.",
        panel="Output",
    )
    visual: str | None = flag(
        None,
        "--visual",
        choices=VIEWS,
        bare="tokens",
        help="What the colours tell; on a page, at first.",
        panel="Output",
    )

    @property
    def kind(self) -> str:
        return Path(self.output).suffix.lower()


@with_options(ExportFlags)
def export(asked: ExportFlags) -> int:
    """Make a page, a picture or a terminal recording of a trace, to share it."""
    from ...trace import read_trace

    if asked.kind not in KINDS:
        raise UsageError(
            f"-o {asked.output}: the name must end in {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        )
    refuse_input(expanded(asked.output), expanded(asked.file))
    recording = read_trace(asked.file)
    if not recording.steps:
        raise RunError(
            f"{asked.file}: the run ended before its first step: there is nothing to show"
        )
    tell_flaw(recording)
    write_whole(expanded(asked.output), document(recording, asked))
    return Exit.OK


def document(recording: Recording, asked: ExportFlags) -> str:
    if asked.kind == ".html":
        from ...export.page import page

        return page(recording, asked.visual, asked.seconds, asked.theme)
    if asked.kind == ".svg":
        from ...export.picture import picture

        return picture(recording, asked.visual, asked.columns, asked.seconds, asked.theme)
    from ...export.cast import cast

    return cast(recording, asked.visual, asked.columns, asked.seconds)
