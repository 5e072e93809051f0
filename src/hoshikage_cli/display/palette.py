"""What the looks of `shades` are on a terminal with many colours, with eight, and with none."""

from __future__ import annotations

from rich.console import Console
from rich.style import Style

# Named colours follow the terminal's own palette, so they read on light and dark backgrounds.
PLAIN = {
    "": "",
    "dim": "dim",
    "prompt": "dim",
    "masked": "dim",
    "fresh": "bold green",
    "recent": "green",
    "replaced": "bold underline yellow",
    "remasked": "bold red",
    "settled": "",
    "end": "dim",
    "done": "green",
}
# Viridis: its lightness rises evenly, so it reads with every colour blindness and in grey. As a
# background it brings its own contrast to any terminal.
VIRIDIS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
INKS = ("#ffffff", "#ffffff", "#000000", "#000000", "#000000")
# The nearest of the 256 colours that leave the ink readable.
PAPERS_OF_256 = (53, 60, 30, 77, 220)
INKS_OF_256 = (231, 231, 16, 16, 16)
EIGHT = (
    "white on magenta",
    "white on blue",
    "black on cyan",
    "black on green",
    "black on yellow",
)
MARKS = ("reverse", "underline italic", "underline", "italic", "")


def palette(console: Console) -> dict[str, Style]:
    """A style for every look, as far as the console's colours go."""
    looks = dict(PLAIN)
    for level, look in enumerate(_levels(console)):
        looks[f"level {level}"] = look
        looks[f"level {level} new"] = f"bold {look}"
    return {name: Style.parse(look) for name, look in looks.items()}


def _levels(console: Console) -> tuple[str, ...]:
    if console.no_color or console.color_system is None:
        return MARKS
    if console.color_system == "truecolor":
        return tuple(f"{ink} on {paper}" for ink, paper in zip(INKS, VIRIDIS, strict=True))
    if console.color_system == "256":
        pairs = zip(INKS_OF_256, PAPERS_OF_256, strict=True)
        return tuple(f"color({ink}) on color({paper})" for ink, paper in pairs)
    return EIGHT
