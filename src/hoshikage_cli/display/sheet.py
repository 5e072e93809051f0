"""A canvas laid out step after step, so that what stands there stays where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

from .layout import Atom, Line, Wrapper, line_of
from .shades import MASK_BLOCK

FEWEST_CELLS = 2
"""Of a mask: a block, and a gap, so that masks can be counted."""
MOST_TIMES = 3
"""How much wider than expected masks become before the text behind them moves."""
MOST_BLANKS = 6
"""How many blanks are left in front of a word, so that it stands still, until no mask is left."""


@dataclass(frozen=True)
class Piece:
    """One position of a canvas as it is to be shown."""

    position: int
    text: str
    """What stands there; of a mask what might, or nothing."""
    look: str
    masked: bool = False
    active: bool = False
    """Whether this step has changed it."""


class Sheet:
    """Remembers where each position stood. Nobody knows how wide the text of a mask will be: masks
    between two words share the cells between them, and so take up whatever the words that came
    turned out to be wider or narrower. Where no mask is left between them blanks do so, until the
    whole text is there."""

    def __init__(self) -> None:
        self._width = 0
        self._places: dict[int, int] = {}
        """Cells in front of a position, each row being as long as the screen is wide."""

    def lines(self, pieces: Sequence[Piece], width: int, expected: int) -> list[Line]:
        """Lines of at most `width` cells; expected: cells of a mask of which nothing is known."""
        if width != self._width:
            self._width, self._places = width, {}
        wrapper = Wrapper(width)
        places: dict[int, int] = {}
        under_way = any(piece.masked for piece in pieces)
        for masked, group in groupby(pieces, key=lambda piece: piece.masked):
            run = list(group)
            if masked:
                self._put_masks(wrapper, run, expected)
                continue
            for piece in run:
                if under_way and _may_follow_blanks(piece.text):
                    self._keep(wrapper, piece.position)
                places[piece.position] = self._place(wrapper)
                wrapper.feed(piece.text, str(piece.position), piece.active)
        if pieces:
            places[pieces[-1].position + 1] = self._place(wrapper)
        # A word that was moved to the next row took its beginning with it.
        self._places = places | _first_cells(wrapper)
        looked = {str(piece.position): piece for piece in pieces}
        return [line_of(_in_looks(row, looked)) for row in wrapper.rows]

    def _place(self, wrapper: Wrapper) -> int:
        return (len(wrapper.rows) - 1) * self._width + wrapper.used

    def _put_masks(self, wrapper: Wrapper, masks: list[Piece], expected: int) -> None:
        """Fill the cells up to where what follows stood before."""
        begin, wanted = self._place(wrapper), expected * len(masks)
        there = self._places.get(masks[-1].position + 1, begin + wanted)
        end = min(there, begin + MOST_TIMES * wanted)
        if any(mask.text for mask in masks):
            self._put_guesses(wrapper, masks, expected, end)
        else:
            self._put_blocks(wrapper, masks, max(end - begin, FEWEST_CELLS * len(masks)))

    def _put_blocks(self, wrapper: Wrapper, masks: list[Piece], cells: int) -> None:
        put = done = 0
        while done < cells:
            room = min(self._width - wrapper.used, cells - done)
            done += room
            upto = round(len(masks) * done / cells)
            _put_row(wrapper, masks[put:upto], room)
            put = upto
            if done < cells:
                wrapper.next_row()

    def _put_guesses(self, wrapper: Wrapper, masks: list[Piece], expected: int, end: int) -> None:
        """As text is put that is there, and nothing up to the end."""
        for mask in masks:
            if mask.text:
                wrapper.feed(mask.text, str(mask.position), mask.active)
            else:
                _put_row(wrapper, [mask], min(expected, self._width - wrapper.used))
        self._blank(wrapper, end)

    def _keep(self, wrapper: Wrapper, position: int) -> None:
        """Leave the blanks in front of a word that hold it where it stood, if they are few."""
        begin = self._place(wrapper)
        there = self._places.get(position, begin)
        if begin < there <= begin + MOST_BLANKS:
            self._blank(wrapper, there)

    def _blank(self, wrapper: Wrapper, end: int) -> None:
        """Nothing up to a place."""
        while self._place(wrapper) < end:
            if wrapper.used == self._width:
                wrapper.next_row()
            room = min(self._width - wrapper.used, end - self._place(wrapper))
            wrapper.put_whole(" " * room, "", room, False)


def _may_follow_blanks(text: str) -> bool:
    """Whether a text begins a word, or a character that is as good as one."""
    return text[:1] == " " or cell_len(text[:1]) > 1


def _put_row(wrapper: Wrapper, masks: list[Piece], room: int) -> None:
    """Masks over exactly `room` cells of a row."""
    done = 0
    for number, mask in enumerate(masks, start=1):
        upto = round(room * number / len(masks))
        text = _block(upto - done, wrapper.used > 0)
        wrapper.put_whole(text, str(mask.position), upto - done, mask.active)
        done = upto
    wrapper.put_whole(" " * (room - done), "", room - done, False)


def _block(cells: int, gap: bool) -> str:
    return f" {MASK_BLOCK * (cells - 1)}" if gap and cells > 1 else MASK_BLOCK * cells


def _first_cells(wrapper: Wrapper) -> dict[int, int]:
    """Where each position that has text begins."""
    found: dict[int, int] = {}
    for number, row in enumerate(wrapper.rows):
        place = number * wrapper.width
        for _, position, cells, _ in row:
            if position:
                found.setdefault(int(position), place)
            place += cells
    return found


def _in_looks(row: list[Atom], pieces: dict[str, Piece]) -> Iterator[Atom]:
    """Positions become their looks; the blanks in front of a word have none, so that they are
    neither underlined nor on the paper of its level."""
    for text, position, cells, active in row:
        piece = pieces.get(position)
        bare = piece is None or (text.isspace() and not piece.text.isspace())
        yield text, "" if bare or piece is None else piece.look, cells, active
