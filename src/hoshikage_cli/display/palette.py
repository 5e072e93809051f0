"""What the looks of `shades` are in colours: the one place for terminal, picture and page.

Two scales have five levels each. That of confidence is calm where the model was sure, which is
most of a text, and strong where it doubted: plain text, tinted, underlined, and two blocks. So a
level is told by its form as well as by its colour. That of the order is a ramp, since no step is
worth more than another. All of it reads on dark and on light grounds, of which a terminal says
nothing, with every kind of colour blindness, and in grey.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.style import Style

from ..settings.declared import VIEWS


@dataclass(frozen=True)
class Tone:
    """How text of a level looks."""

    ink: str | None = None
    """Its colour; None: that of all text."""
    paper: str | None = None
    """What is behind it; None: the ground."""
    underline: bool = False
    bold: bool = False

    @property
    def words(self) -> str:
        """The same, as rich writes it."""
        marks = ["bold"] * self.bold + ["underline"] * self.underline
        return " ".join([*marks, self.ink or "", *([f"on {self.paper}"] if self.paper else [])])


_, CONFIDENCE, ORDER, _ = VIEWS

DOUBT = (
    Tone("#ffffff", "#cf2a6b", bold=True),
    Tone("#000000", "#e08a1e"),
    Tone("#c5540f", underline=True),
    Tone("#a86808"),
    Tone(),
)
"""Confidence, the least first."""
# As viridis, whose lightness rises evenly; without its ends, which are lost on black and on white.
RAMP = (
    Tone("#ffffff", "#5d3a9b"),
    Tone("#ffffff", "#3b6fa8"),
    Tone("#000000", "#21918c"),
    Tone("#000000", "#5ec962"),
    Tone("#000000", "#ecd731"),
)
"""The order of unmasking, the first first."""
SCALES = {CONFIDENCE: DOUBT, ORDER: RAMP}
"""The tones of each view that has levels."""

GROUNDS = {
    "light": {
        "paper": "#ffffff",
        "ink": "#1f2328",
        "dim": "#59636e",
        "mask": "#e3e8ed",
        "new": "#1a7f37",
        "edit": "#8250df",
        "back": "#e5534b",
    },
    "dark": {
        "paper": "#0d1117",
        "ink": "#e6edf3",
        "dim": "#9198a1",
        "mask": "#262c36",
        "new": "#3fb950",
        "edit": "#ab7df8",
        "back": "#c93c37",
    },
}
"""Where the ground is known: ground, text, what is dim, masked, new, replaced, taken back."""

# Named colours follow the terminal's own palette, so they read on light and dark grounds.
PLAIN = {
    "": "",
    "dim": "dim",
    "prompt": "dim",
    "masked": "dim",
    "ghost": "dim italic",
    "fresh": "bold green",
    "recent": "green",
    "replaced": "bold underline magenta",
    "remasked": "bold red",
    "settled": "",
    "end": "dim",
    "done": "green",
}
# The nearest of the 256 colours that leave the ink readable.
OF_256 = {
    CONFIDENCE: (
        "bold color(231) on color(161)",
        "color(16) on color(172)",
        "underline color(166)",
        "color(130)",
        "",
    ),
    ORDER: (
        "color(231) on color(54)",
        "color(231) on color(25)",
        "color(16) on color(30)",
        "color(16) on color(77)",
        "color(16) on color(220)",
    ),
}
OF_8 = {
    CONFIDENCE: ("bold white on red", "black on yellow", "underline red", "red", ""),
    ORDER: (
        "white on magenta",
        "white on blue",
        "black on cyan",
        "black on green",
        "black on yellow",
    ),
}
MARKS = ("reverse", "underline italic", "underline", "italic", "")


def palette(console: Console) -> dict[str, Style]:
    """A style for every look, as far as the console's colours go."""
    looks = dict(PLAIN)
    for view in SCALES:
        for level, look in enumerate(_levels(console, view)):
            looks[f"{view} {level}"] = look
            looks[f"{view} {level} new"] = f"bold {look}"
    return {name: Style.parse(look) for name, look in looks.items()}


def _levels(console: Console, view: str) -> tuple[str, ...]:
    if console.no_color or console.color_system is None:
        return MARKS
    if console.color_system == "truecolor":
        return tuple(tone.words for tone in SCALES[view])
    return (OF_256 if console.color_system == "256" else OF_8)[view]
