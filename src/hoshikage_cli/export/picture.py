"""A run as an SVG that moves: no script, only CSS, so that it plays wherever a picture is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from rich.cells import cell_len, set_cell_size

from ..display.figures import progress_facts, share_done
from ..display.frame import GAP, PROMPT_LINES, header_facts
from ..display.layout import Line, pack, printable, shorten, wrap
from ..display.palette import GROUNDS, SCALES, Tone
from ..display.shades import END_CELL, PROPOSALS, legend, shade, view_of
from ..generation.run import TextEvent
from ..generation.text import MASK_CELL, Cell
from ..trace import Recording
from .timeline import timeline

CELL, ROW, MARGIN, FONT = 8.4, 20, 18, 14
HOLD = 3.0
LEVELS = {f"{view} {i}": tone for view, tones in SCALES.items() for i, tone in enumerate(tones)}
"""The tones by the names of their looks."""
MOVING = re.compile(r"\b[aben]\d+\b")
STILL = {"settled": "", "ink": "", "fresh": "new", "replaced": "edit"}
CLASSES = re.compile(r' class="([^"]*)"')
SETTLING = 0.9
FONTS = (
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Noto Sans Mono CJK JP',"
    "'Noto Sans CJK JP','Noto Color Emoji',monospace"
)
LIGHT, DARK = GROUNDS["light"], GROUNDS["dark"]
THEMES = {"auto": (LIGHT, DARK), "light": (LIGHT, LIGHT), "dark": (DARK, DARK)}


def picture(
    recording: Recording,
    view: str | None,
    columns: int,
    seconds: float | None,
    theme: str = "auto",
) -> str:
    """The SVG document. Where motion is not wanted it shows the end of the run."""
    return _Picture(recording, view, columns, seconds, theme).document()


@dataclass(frozen=True)
class _Part:
    """Text of one position in one row, from column `x` on."""

    x: int
    y: int
    text: str
    cells: int
    position: int


@dataclass(frozen=True)
class _Stay:
    """What stands at a position from the end of one step to the end of another."""

    begin: int
    """The number of the step that put it there."""
    text: str | None
    """None where the position is masked."""
    replaces: bool
    """Whether another token stood there before."""


class _Picture:
    def __init__(
        self,
        recording: Recording,
        view: str | None,
        columns: int,
        seconds: float | None,
        theme: str,
    ) -> None:
        # What moves without a script has no room for what changes at every step.
        self.view = view_of(None if view == PROPOSALS else view, recording.has_masks)
        self.columns = columns
        self.themes = THEMES[theme]
        self.recording = recording
        self.run = recording.play()
        self.events: list[TextEvent] = list(self.run)
        self.times = timeline(recording, seconds)
        self.length = (self.times[-1] if self.times else 0.0) + HOLD
        self.cells = self.events[-1].cells if self.events else []
        self.stays = self._all_stays()
        self.name = recording.name

    def document(self) -> str:
        body = [*self._header(), *self._canvas(), *self._footer()]
        self.passing = self._all_passing()
        self.moving = set(MOVING.findall(" ".join(CLASSES.findall("".join(body)))))
        width = round(self.columns * CELL + 2 * MARGIN)
        height = round(self.row * ROW + 2 * MARGIN)
        text = self.events[-1].text if self.events else ""
        verb = "unmasking" if self.run.has_masks else "writing"
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" role="img" aria-labelledby="t d">',
                f'<title id="t">{_clean(f"{self.name} {verb} its answer")}</title>',
                f'<desc id="d">{_clean(text)}</desc>',
                f"<style>{self._style()}</style>",
                f'<rect class="paper" width="{width}" height="{height}" rx="10"/>',
                *body,
                "</svg>\n",
            ]
        )

    def _all_stays(self) -> dict[int, list[_Stay]]:
        """What stood at each position that was changed, one after the other."""
        stays: dict[int, list[_Stay]] = {}
        canvas = self.recording.texts()
        for number, event in enumerate(self.events):
            canvas.put(self.recording.placed(event.step))
            for commit in event.step.commits:
                text = canvas.texts[commit.position]
                stay = _Stay(number, text, commit.replaced is not None)
                stays.setdefault(commit.position, []).append(stay)
            for position in event.step.remasked:
                stays.setdefault(position, []).append(_Stay(number, None, True))
        return stays

    def _all_passing(self) -> dict[int, set[int]]:
        """By the step in which something came that did not stay, the steps in which it went."""
        found: dict[int, set[int]] = {}
        for stays in self.stays.values():
            for stay, following in pairwise(stays):
                found.setdefault(stay.begin, set()).add(following.begin)
        return found

    # ------------------------------------------------------------------------- the parts

    def _header(self) -> Iterator[str]:
        self.row = 0
        facts = [[(fact, "dim")] for fact in header_facts(self.run)]
        yield from self._still(pack(facts, self.columns, GAP, "dim"))
        self.row += 1

    def _canvas(self) -> Iterator[str]:
        split = self.run.prompt_length
        prompt = shorten(wrap(self._pieces(self.cells[:split]), self.columns), PROMPT_LINES, "dim")
        while prompt and not prompt[-1].runs:
            prompt.pop()
        yield from self._still([_in_one_look(line, "dim") for line in prompt])
        for line in wrap(self._pieces(self.cells[split:]), self.columns):
            yield from self._answer_line(line)
            self.row += 1
        self.row += 1

    def _pieces(self, cells: list[Cell]) -> list[tuple[str, str, bool]]:
        """The end of the run, the look of each piece being its position."""
        return [(_shown(cell), str(cell.position), False) for cell in cells]

    def _answer_line(self, line: Line) -> Iterator[str]:
        x = 0
        for text, position in line.runs:
            cells = cell_len(text)
            yield from self._token(_Part(x, self.row, text, cells, int(position)))
            x += cells

    def _token(self, part: _Part) -> Iterator[str]:
        """The quiet cells of a mask, where there are masks, and the text that comes."""
        stays = self.stays.get(part.position)
        if stays is None:
            yield _bar(part, "m") if part.text == MASK_CELL else _text(part, "")
            return
        if self.run.has_masks:
            yield _bar(part, f"m b{stays[0].begin}")
        for stay, following in pairwise(stays):
            yield _passing(part, stay, f"s{stay.begin}t{following.begin}")
        yield from self._last_stay(part, stays[-1])

    def _last_stay(self, part: _Part, stay: _Stay) -> Iterator[str]:
        born = stay.begin
        look = self._final_look(self.cells[part.position])
        if stay.text is None:
            yield _bar(part, f"back a{born}")
        elif look in LEVELS:
            yield from _toned(_without_blanks(part), look, f" a{born}")
        elif look == "end":
            yield _text(part, f"dim a{born}")
        else:
            yield _text(part, f"{'e' if stay.replaces else 'n'}{born}")

    def _final_look(self, cell: Cell) -> str:
        last = self.events[-1].step
        lasting = replace(cell, state="settled") if cell.state == "replaced" else cell
        return shade(lasting, self.view, last.index, last.total).removesuffix(" new")

    def _footer(self) -> Iterator[str]:
        yield from self._progress()
        self.row += 1
        tallest = 1
        for number, event in enumerate(self.events):
            facts = [[(fact, "ink")] for fact in self._facts(event)]
            lines = pack(facts, self.columns, GAP, "ink")
            tallest = max(tallest, len(lines))
            last = " last" if number == len(self.events) - 1 else ""
            yield f'<g class="f{number} fact{last}">'
            start = self.row
            yield from self._still(lines)
            self.row = start
            yield "</g>"
        self.row += tallest
        if self.events:
            yield from self._still(pack(legend(self.view, self.events[-1]), self.columns, "  ", ""))

    def _facts(self, event: TextEvent) -> list[str]:
        # The time left is of no interest where time runs at another pace.
        facts = progress_facts(event)
        return facts[: len(facts) - (share_done(event) > 0)]

    def _progress(self) -> Iterator[str]:
        width = self.columns * CELL
        y = _y(self.row) - 5
        yield f'<rect class="track" x="{MARGIN}" y="{y}" width="{width:.1f}" height="3" rx="1"/>'
        yield f'<rect class="done" x="{MARGIN}" y="{y}" width="{width:.1f}" height="3" rx="1"/>'

    def _still(self, lines: list[Line]) -> Iterator[str]:
        for line in lines:
            x = 0
            for text, look in line.runs:
                part = _Part(x, self.row, text, cell_len(text), -1)
                if look in ("masked", "remasked"):
                    yield _bar(part, "m" if look == "masked" else "back")
                elif look in LEVELS:
                    yield from _toned(part, look)
                else:
                    yield _text(part, STILL.get(look, "dim"))
                x += part.cells
            self.row += 1

    # ------------------------------------------------------------------------- the style

    def _style(self) -> str:
        light, dark = self.themes
        rules = [_colours(light)]
        if dark is not light:
            rules.append(f"@media (prefers-color-scheme:dark){{{_colours(dark)}}}")
        rules += [
            f"text{{font:{FONT}px {FONTS};white-space:pre;fill:var(--ink)}}",
            ".paper{fill:var(--paper)}.dim{fill:var(--dim)}.new{fill:var(--new);font-weight:bold}",
            ".edit{fill:var(--edit);font-weight:bold}.back{fill:var(--back)}.gone{opacity:0}"
            ".m,.track{fill:var(--mask)}.done{fill:var(--new);transform-origin:"
            f"{MARGIN}px 0}}.fact{{opacity:0}}.last{{opacity:1}}[class*=' b']{{opacity:0}}",
        ]
        if self.view in SCALES:
            rules += [_rules(name, LEVELS[name]) for name in LEVELS if name.startswith(self.view)]
        if self.events:
            moving = "".join(self._motion())
            rules.append(f"@media (prefers-reduced-motion:no-preference){{{moving}}}")
        return "".join(rules)

    def _motion(self) -> Iterator[str]:
        play = f"{self.length:.2f}s linear infinite"
        shares = []
        for number, time in enumerate(self.times):
            at = _percent(time / self.length)
            after = _percent((time + SETTLING) / self.length)
            yield from self._motion_of_tokens(number, at, after, play)
            yield self._motion_of_facts(number, at, play)
            yield from self._motion_of_passing(number, at, play)
            shares.append(f"{at}{{transform:scaleX({share_done(self.events[number]):.4f})}}")
        yield (
            f"@keyframes done{{0%{{transform:scaleX(0)}}{''.join(shares)}"
            f"100%{{transform:scaleX({share_done(self.events[-1]):.4f})}}}}"
            f".done{{animation:done {self.length:.2f}s step-end infinite}}"
        )

    def _motion_of_tokens(self, number: int, at: str, after: str, play: str) -> Iterator[str]:
        """A mask that goes (b), a token that comes (a), and one that is bright at first: new (n),
        or in the place of another (e)."""

        def bright(name: str) -> str:
            fill = f"fill:var(--{name})"
            # Without a colour of its own the last frame would be reached from the one before.
            settled = f"{after},to{{opacity:1;fill:var(--ink)}}"
            return f"0%,{at}{{opacity:0;{fill}}}{_next(at)}{{opacity:1;{fill}}}{settled}"

        frames = {
            "b": f"0%,{at}{{opacity:1}}{_next(at)},to{{opacity:0}}",
            "a": f"0%,{at}{{opacity:0}}{_next(at)},to{{opacity:1}}",
            "n": bright("new"),
            "e": bright("edit"),
        }
        for kind, moves in frames.items():
            name = f"{kind}{number}"
            if name in self.moving:
                yield f"@keyframes {name}{{{moves}}}.{name}{{animation:{name} {play}}}"

    def _motion_of_passing(self, begin: int, at: str, play: str) -> Iterator[str]:
        """What comes in one step and goes in a later one."""
        for end in sorted(self.passing.get(begin, ())):
            name = f"s{begin}t{end}"
            until = _percent(self.times[end] / self.length)
            yield (
                f"@keyframes {name}{{0%,{at}{{opacity:0}}{_next(at)},{until}{{opacity:1}}"
                f"{_next(until)},to{{opacity:0}}}}.{name}{{animation:{name} {play}}}"
            )

    def _motion_of_facts(self, number: int, at: str, play: str) -> str:
        begin = f"0%,{at}{{opacity:0}}{_next(at)}" if number else "0%"
        if number == len(self.times) - 1:
            return (
                f"@keyframes f{number}{{{begin},to{{opacity:1}}}}"
                f".f{number}{{animation:f{number} {play}}}"
            )
        end = _percent(self.times[number + 1] / self.length)
        return (
            f"@keyframes f{number}{{{begin},{end}{{opacity:1}}{_next(end)},to{{opacity:0}}}}"
            f".f{number}{{animation:f{number} {play}}}"
        )


def _toned(part: _Part, look: str, moves: str = "") -> Iterator[str]:
    """Text of a level, and what is behind it."""
    if LEVELS[look].paper:
        yield _rect(part, f"p{look[-1]}{moves}")
    yield _text(part, f"i{look[-1]}{moves}")


def _without_blanks(part: _Part) -> _Part:
    """What stands in front of a word is not of its level."""
    blanks = len(part.text) - len(part.text.lstrip(" "))
    return replace(part, x=part.x + blanks, cells=part.cells - blanks, text=part.text[blanks:])


def _rules(look: str, tone: Tone) -> str:
    facts = [f"fill:{tone.ink or 'var(--ink)'}"]
    facts += ["text-decoration:underline"] * tone.underline + ["font-weight:bold"] * tone.bold
    paper = f".p{look[-1]}{{fill:{tone.paper}}}" if tone.paper else ""
    return f"{paper}.i{look[-1]}{{{';'.join(facts)}}}"


def _passing(part: _Part, stay: _Stay, moves: str) -> str:
    """What does not stay, no wider than what will stand there in the end."""
    if stay.text is None:
        return _bar(part, f"back gone {moves}")
    look = "edit gone" if stay.replaces else "gone"
    text = "".join(map(printable, " ".join(stay.text.split()))) or END_CELL
    return _text(replace(part, text=set_cell_size(text, part.cells)), f"{look} {moves}")


def _in_one_look(line: Line, look: str) -> Line:
    # Put together, since what joins an emoji may stand in a token of its own.
    text = "".join(text for text, _ in line.runs)
    return Line([(text, look)], cell_len(text))


def _shown(cell: Cell) -> str:
    return (cell.text.strip() or END_CELL) if cell.state == "end" else cell.text


def _colours(theme: dict[str, str]) -> str:
    return "svg{" + "".join(f"--{name}:{value};" for name, value in theme.items()) + "}"


def _percent(share: float) -> str:
    return f"{min(share * 100, 99.9):.3f}%"


def _next(percent: str) -> str:
    return f"{float(percent[:-1]) + 0.01:.3f}%"


def _y(row: int) -> int:
    return MARGIN + row * ROW + FONT


def _text(part: _Part, look: str) -> str:
    """Set to the grid, whatever font there is; nothing for blanks."""
    bare = part.text.strip(" ")
    if not bare:
        return ""
    x = MARGIN + (part.x + len(part.text) - len(part.text.lstrip(" "))) * CELL
    classes = f" class={quoteattr(look)}" if look else ""
    return (
        f'<text{classes} x="{x:.1f}" y="{_y(part.y)}" textLength="{cell_len(bare) * CELL:.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{_clean(bare)}</text>'
    )


def _bar(part: _Part, look: str) -> str:
    """A mask as the terminal draws one: low, and with a gap in front where a blank will be."""
    part = _without_blanks(part)
    if not part.cells:
        return ""
    return (
        f'<rect class="{look}" x="{MARGIN + part.x * CELL + 0.7:.1f}" y="{_y(part.y) - 4}" '
        f'width="{part.cells * CELL - 1.4:.1f}" height="6" rx="1.5"/>'
    )


def _rect(part: _Part, look: str) -> str:
    if not part.cells:
        return ""
    return (
        f'<rect class="{look}" x="{MARGIN + part.x * CELL:.1f}" y="{_y(part.y) - FONT - 1}" '
        f'width="{part.cells * CELL:.1f}" height="{ROW - 1}"/>'
    )


def _clean(text: str) -> str:
    return escape("".join(printable(character) for character in text.replace("\n", " ")))
