"""`hoshikage export`: a trace as a page, a picture or a recording of a terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import RunError, UsageError
from ...files import expanded, refuse_input, write_whole
from ...settings.declared import PROPOSALS, VIEWS
from ..exits import Exit
from ..input import STDIN, read_recording
from ..options import REQUIRED, argument, flag, with_options
from ..output import tell_flaw, tell_unseen
from ..streams import STDOUT, descriptor, note, write_exactly

if TYPE_CHECKING:
    from ...trace import Recording

EXAMPLES = """\b
Examples:
  hoshikage export run.jsonl -o run.html
  hoshikage export one.jsonl other.jsonl -o both.html
  hoshikage export run.jsonl -o run.svg --visual=order --columns 60
  hoshikage export run.jsonl -o run.cast && asciinema play run.cast
  hoshikage generate --trace - "Tell a story." | hoshikage export - -o run.html

Behind the address of a page, #step=12 opens it at that step, and #embed leaves the text and its
controls, for a frame in another page: <iframe src="run.html#embed" height="320"></iframe>
"""

FORMATS = ("html", "svg", "cast")
WITHOUT_EFFECT = {"html": ("columns",), "svg": (), "cast": ("theme",)}
"""Options that a format does not read."""


@dataclass(frozen=True)
class ExportFlags:
    files: tuple[str, ...] = argument(
        REQUIRED,
        metavar="FILE...",
        help='What generate --trace wrote; "-" reads it from stdin. A page takes several, and has '
        "them side by side.",
        panel="Run",
    )
    output: str = flag(
        REQUIRED,
        "-o",
        "--output",
        metavar="FILE",
        help="A page (.html), a picture that moves (.svg), or a recording for asciinema (.cast); "
        '"-" writes it to stdout.',
        panel="Output",
    )
    format: str | None = flag(
        None,
        "--format",
        choices=FORMATS,
        help="What it is, whatever the name; on stdout a page, unless this says otherwise.",
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
    columns: int | None = flag(
        None,
        "--columns",
        minimum=20,
        maximum=400,
        help="Width of the picture or terminal; 80 without it.",
        panel="Output",
    )
    theme: str | None = flag(
        None,
        "--theme",
        choices=("auto", "light", "dark"),
        help="Colours of a page or picture; auto, and without it: as the reader prefers.",
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
    def made(self) -> str:
        """One of `FORMATS`. Raises UsageError where nothing says which."""
        ending = "html" if self.output == STDOUT else Path(self.output).suffix.lower()[1:]
        made = self.format or ending
        if made not in FORMATS:
            endings = ", ".join(f".{name}" for name in FORMATS[:-1])
            raise UsageError(
                f"-o {self.output}: the name must end in {endings} or .{FORMATS[-1]}, "
                "or --format say what it is"
            )
        return made


@with_options(ExportFlags)
def export(asked: ExportFlags) -> int:
    """Make a page, a picture or a terminal recording of a trace, to share it."""
    made = asked.made
    refuse_several(asked, made)
    tell_idle(asked, made)
    inputs = [place(file, sys.stdin) for file in asked.files]
    refuse_input(place(asked.output, sys.stdout), *inputs)
    recordings = [read(file, asked.visual) for file in asked.files]
    _write(asked.output, document(recordings, asked, made))
    return Exit.OK


def place(name: str, stream: object) -> int | Path:
    """The path of a file, or the open file behind "-"."""
    return descriptor(stream) if name == STDIN else expanded(name)


def refuse_several(asked: ExportFlags, made: str) -> None:
    """Raises UsageError for more traces than can be shown."""
    if len(asked.files) > 1 and made != "html":
        raise UsageError("several traces are shown side by side on a page: give -o a name in .html")
    if asked.files.count(STDIN) > 1:
        raise UsageError('"-" twice: stdin is one trace')


def tell_idle(asked: ExportFlags, made: str) -> None:
    for name in WITHOUT_EFFECT[made]:
        if getattr(asked, name) is not None:
            note(f"--{name} has no effect on a .{made}")
    if asked.visual == PROPOSALS and made == "svg":
        note("a picture shows no proposals, but what is new: a page (.html) has them")


def read(file: str, view: str | None) -> Recording:
    recording = read_recording(file)
    if not recording.steps:
        name = "stdin" if file == STDIN else file
        raise RunError(f"{name}: the run ended before its first step: there is nothing to show")
    tell_flaw(recording)
    tell_unseen(recording, view)
    return recording


def document(recordings: list[Recording], asked: ExportFlags, made: str) -> str:
    columns, theme = asked.columns or 80, asked.theme or "auto"
    if made == "html":
        from ...export.page import page

        return page(recordings, asked.visual, asked.seconds, theme)
    if made == "svg":
        from ...export.picture import picture

        return picture(recordings[0], asked.visual, columns, asked.seconds, theme)
    from ...export.cast import cast

    return cast(recordings[0], asked.visual, columns, asked.seconds)


def _write(output: str, document: str) -> None:
    if output == STDOUT:
        write_exactly(document)
    else:
        write_whole(expanded(output), document)
