"""`hoshikage export`: a trace as a page, a picture or a recording of a terminal."""

from __future__ import annotations

from pathlib import Path

from ...display.figures import counted
from ...errors import RunError, UsageError
from ...settings.declared import declarations
from ...settings.values import parse
from ...trace import Recording, read_trace
from ..exits import Exit
from ..options import number_above_zero, whole_number
from ..streams import note

KINDS = (".html", ".svg", ".cast")
THEMES = ("auto", "light", "dark")
FEWEST_COLUMNS, MOST_COLUMNS = 20, 400


def run_export(
    file: str,
    output: str,
    seconds: str | None,
    columns: str,
    theme: str,
    visual: str | None,
) -> int:
    kind = Path(output).suffix.lower()
    if kind not in KINDS:
        raise UsageError(
            f"-o {output}: the name must end in {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        )
    if theme not in THEMES:
        raise UsageError(f"--theme: {theme!r} is unknown: choose auto, light or dark")
    width = whole_number(columns, "--columns", FEWEST_COLUMNS, MOST_COLUMNS)
    lasting = None if seconds is None else number_above_zero(seconds, "--seconds")
    view = None if visual is None else parse(declarations()["visual"], visual, "--visual")
    recording = read_trace(file)
    if not recording.steps:
        raise RunError(f"{file}: the run ended before its first step: there is nothing to show")
    if recording.flaw:
        made = counted(len(recording.steps), "step")
        note(f"{recording.flaw} after {made}: the text is unfinished")
    _write(output, _document(recording, kind, view, lasting, width, theme))
    return Exit.OK


def _document(
    recording: Recording,
    kind: str,
    view: str | None,
    seconds: float | None,
    columns: int,
    theme: str,
) -> str:
    if kind == ".html":
        from ...export.page import page

        return page(recording, view, seconds, theme)
    if kind == ".svg":
        from ...export.picture import picture

        return picture(recording, view, columns, seconds, theme)
    from ...export.cast import cast

    return cast(recording, view, columns, seconds)


def _write(output: str, document: str) -> None:
    try:
        Path(output).expanduser().write_text(document, encoding="utf-8", newline="\n")
    except OSError as error:
        raise RunError(f"cannot write {output}: {error.strerror}") from None
