"""The model and settings of a run, and the display that suits them: what the commands share."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..display.display import Display
from ..display.plain import PlainLines
from ..errors import UsageError
from ..generation.generator import Generator, load
from ..llama.errors import ModelLoadError
from ..models.catalogue import CATALOGUE, DEFAULT_MODEL
from ..models.find import advice, find_model
from ..models.header import Header, check_whole, read_header
from ..settings.declared import OutputSettings
from ..settings.file import read_config
from ..settings.resolve import Resolved, resolve, unknown_variables
from .streams import is_terminal, note


@dataclass(frozen=True)
class Setup:
    """The model file and the settings of a run."""

    header: Header
    resolved: Resolved

    @property
    def kind(self) -> str:
        return self.header.kind

    @property
    def output(self) -> OutputSettings:
        return self.resolved.settings.output

    def delay(self, display: Display) -> float:
        """Seconds to wait after a step that somebody watches."""
        return self.output.visual_delay / 1000 if display.watched else 0.0

    @property
    def name(self) -> str | None:
        """What was asked for; None for the default model."""
        return self.resolved.settings.model.model


def choose(flags: dict[str, Any]) -> Setup:
    """Settle every setting; the model's own advice needs its header and nothing more."""
    config = read_config(os.environ)
    first = resolve(flags, os.environ, config, {})
    header = read_header(_find(first))
    resolved = resolve(flags, os.environ, config, advice(header.metadata), header.kind)
    return Setup(header, resolved)


def _find(resolved: Resolved) -> Path:
    try:
        return find_model(resolved.settings.model.model)
    except UsageError as error:
        source = resolved.sources["model"]
        where = {"environment": "HOSHIKAGE_MODEL: ", "config": "config file: "}.get(source, "")
        raise UsageError(f"{where}{error}") from None


def tell_setup(setup: Setup) -> None:
    """What a user should know before the run: nothing, mostly."""
    for line in unknown_variables(os.environ):
        note(line)
    if setup.name is None:
        note(f"no --model given: using the shipped demo model {DEFAULT_MODEL}")


def display_for(setup: Setup) -> Display:
    """The display that suits the settings and where stderr and stdout go."""
    output = setup.output
    if output.quiet and not output.visual:
        return Display()
    if output.verbose or not is_terminal(sys.stderr):
        return PlainLines() if output.visual else Display()
    if output.visual:
        from ...display.visual import LiveView

        return LiveView(output.visual)
    from ...display.progress import Bar, Summary

    return Summary() if answers_stream(setup) and is_terminal(sys.stdout) else Bar()


def answers_stream(setup: Setup) -> bool:
    """Whether text goes to stdout as it comes."""
    live = setup.output.visual and is_terminal(sys.stdout) and is_terminal(sys.stderr)
    return setup.kind == "autoregressive" and not setup.output.json and not live


def load_chosen(setup: Setup, display: Display) -> Generator:
    """The chosen model; the display shows how far it is."""
    known = setup.resolved.settings.model
    path = setup.name if setup.name in CATALOGUE else setup.header.path
    try:
        return load(
            path if setup.name else None, gpu_layers=known.gpu_layers, on_progress=display.loading
        )
    except ModelLoadError:
        check_whole(setup.header)
        raise


def answers_display(setup: Setup, total: int) -> Display:
    if setup.output.quiet or setup.output.verbose or not is_terminal(sys.stderr):
        return Display()
    from ...display.progress import AnswerBar

    return AnswerBar(total)
