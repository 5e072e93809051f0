"""The model and the settings of a run, and the display that suits them: what commands share."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..display.display import Display
from ..errors import UsageError
from ..files import expanded, refuse_input
from ..llama.families import NONE
from ..models.catalogue import CATALOGUE, DEFAULT_MODEL
from ..models.find import advice, find_model, kept_with
from ..models.header import Header, read_header
from ..settings.declared import PROPOSALS, OutputSettings, Settings, declarations
from ..settings.effect import without_effect
from ..settings.family import confidence_of
from ..settings.layers import Layers
from ..settings.resolve import Resolved
from ..settings.variables import unknown_variables, variable_of
from .input import STDIN
from .options import Typed
from .signals import on_screen
from .streams import STDOUT, descriptor, is_terminal, note

if TYPE_CHECKING:
    from ..display.batch import BatchDisplay
    from ..generation.generator import Generator


@dataclass(frozen=True)
class Setup:
    """The model file and the settings of a run."""

    header: Header
    """What is known of the model before it is loaded."""
    resolved: Resolved
    """The settings as typed, and from all layers below."""
    layers: Layers
    """What counts where no flag says otherwise."""
    idle: tuple[str, ...] = ()
    """A line for whatever was typed and has no effect."""

    @property
    def settings(self) -> Settings:
        return self.resolved.settings

    @property
    def output(self) -> OutputSettings:
        return self.settings.output

    @property
    def kind(self) -> str:
        return self.header.kind

    @property
    def watched(self) -> Resolved:
        """The settings, with what the display needs to be told of each step."""
        return with_proposals(self.resolved, self.output.visual)

    @property
    def name(self) -> str | None:
        """What was asked for; None for the default model."""
        return self.settings.model.model

    @property
    def title(self) -> str:
        """What messages call the model."""
        return self.name or self.header.path.name

    def resolve(self, flags: Mapping[str, Typed], own: Mapping[str, Any] | None = None) -> Resolved:
        """Settings from other flags; own: of a record or a turn, on top of the flags."""
        return self.layers.resolve(flags, own)


# ------------------------------------------------------------------- model and settings


def choose(flags: Mapping[str, Typed]) -> Setup:
    """Settle every setting; the model's own advice needs its header and nothing more."""
    layers = Layers.read(os.environ)
    asked = layers.resolve(flags)
    kept = kept_with(asked.value("model"))
    header = _header(asked, kept)
    layers = layers.of_model({**advice(header.metadata), **kept}, header.family)
    resolved = layers.resolve(flags)
    return Setup(
        header,
        resolved,
        layers,
        tuple(without_effect(flags, resolved, *facts_of(header, resolved))),
    )


def facts_of(header: Header, resolved: Resolved) -> tuple[str, str, dict[str, Any]]:
    """What decides besides settings whether one has an effect: kind, family, and what automatic
    choices come to."""
    shift = resolved.value("shift_logits")
    auto = {"confidence": confidence_of(header.shift_logits if shift is None else shift)}
    return header.family.kind, header.family.name, auto


def with_proposals(resolved: Resolved, view: str | None) -> Resolved:
    """Settings under which each step tells its proposals, if a view shows them."""
    if view != PROPOSALS or resolved.value("trace_proposals") is not None:
        return resolved
    return resolved.with_values(trace_proposals=1)


def refuse_untold(setup: Setup, json: bool | None = None) -> None:
    """Raises UsageError for what was typed to be told and has no place to stand. json: whether
    there is JSON, where that is not for --json to say."""
    output, typed = setup.output, setup.resolved.typed
    if typed("trace_proposals") and output.trace is None:
        raise UsageError("--trace-proposals adds to a trace: give --trace FILE as well")
    if typed("logprobs") and not (output.json if json is None else json):
        raise UsageError("--logprobs is told in JSON: give --json as well")


def refuse_trace(setup: Setup, text: str | None) -> None:
    """Raises UsageError for a trace that would take the place of what it is made from. text: the
    file that the prompt is in, if any."""
    if setup.output.trace is not None:
        file = None if text is None or text == STDIN else expanded(text)
        refuse_input(trace_file(setup), setup.header.path, file, descriptor(sys.stdin))


def trace_file(setup: Setup) -> int | Path:
    """Where the trace goes. Raises UsageError where something else goes there as well."""
    assert setup.output.trace is not None
    if setup.output.trace != STDOUT:
        return expanded(setup.output.trace)
    if setup.output.json:
        raise UsageError("--trace - and --json both take stdout: give --trace a file")
    return descriptor(sys.stdout)


def choose_output(flags: Mapping[str, Typed]) -> OutputSettings:
    """What a command that runs no model needs to know."""
    return Layers.read(os.environ).resolve(flags).settings.output


def _header(resolved: Resolved, kept: Mapping[str, Any]) -> Header:
    with _told_where(resolved, "model"):
        path = located(resolved.value("model"), resolved.value("quiet"))
    header = read_header(path)
    with _told_where(resolved, "family"):
        return header.as_family(resolved.value("family") or kept.get("family"))


REMOTE = "hf:"


def located(name: str | None, quiet: bool) -> Path:
    """The file that a name means; one of the hub is fetched unless it is here."""
    if name is None or not name.startswith(REMOTE):
        return find_model(name)
    from ..hub.fetch import cached, fetch_model
    from ..hub.repository import reference_of, refuse_missing
    from ..llama.memory import available

    refuse_missing()
    reference = reference_of(name)
    if (here := cached(reference)) is not None:
        return here
    with on_screen(progress_display(quiet, f"fetching {reference}")) as display:
        return fetch_model(reference, available(), display.loading)


@contextmanager
def _told_where(resolved: Resolved, name: str) -> Iterator[None]:
    """A refusal of a setting that was not typed says where it stands."""
    try:
        yield
    except UsageError as error:
        variable = variable_of(declarations()[name], os.environ)
        told = {"environment": f"{variable}: ", "config": "config file: "}
        where = told.get(resolved.sources[name], "")
        raise UsageError(f"{where}{error}") from None


def tell_setup(setup: Setup) -> None:
    """What a user should know before the run: nothing, mostly. What was said to no effect is told
    with -q as well."""
    listen(setup.output)
    for line in (*unknown_variables(os.environ), *setup.idle):
        note(line)
    for line in decisions(setup) if setup.output.logged else ():
        note(line)
    if setup.output.quiet:
        return
    if setup.header.recognised.by != "architecture" and setup.resolved.sources["family"] != "flag":
        note(f"{setup.title}: {recognition(setup.header)}")
    if setup.name is None:
        note(f"no --model given: using the shipped demo model {DEFAULT_MODEL}")


def listen(output: OutputSettings) -> None:
    """Let what is logged be seen on stderr, as far as that is wanted."""
    if output.logged:
        level = logging.DEBUG if output.debug else logging.INFO
        logging.basicConfig(level=level, format="%(name)s: %(message)s")


def decisions(setup: Setup) -> Iterator[str]:
    """What was settled, and why: the model, and whatever is not as it is by default."""
    header = setup.header
    yield f"{header.path} is {header.kind}, of the family {header.family.name}"
    for name, value, source in setup.resolved.rows():
        if source != "default" and name not in ("verbose", "debug"):
            yield f"{name} is {value} ({source})"


def recognition(header: Header) -> str:
    """What a model was recognised as, and by what."""
    found = header.recognised
    by = {"name": "as it was named", "file": "as its file says", "mask token": "by its mask token"}
    otherwise = f"; --family {NONE}: as an autoregressive model"
    return f"{found.family.name}, {by[found.by]}{otherwise if found.by == 'mask token' else ''}"


GPU_BUILD = "make CMAKE_ARGS=-DGGML_CUDA=ON builds for one, docs/models.md tells for which"


def gpus() -> list[str]:
    """Devices that layers can be kept on besides the processor."""
    from ..llama.library import devices

    return [name for name in devices() if not name.startswith(("CPU", "BLAS"))]


def load_model(setup: Setup, display: Display | None = None) -> Generator:
    """The chosen model; the display shows how far it is, or a bar that is gone thereafter."""
    if display is None:
        with on_screen(loading_display(setup)) as display:
            return load_model(setup, display)
    from ..generation.generator import load_file

    fits = fits_or_forced(setup)
    layers = setup.settings.model.gpu_layers
    if layers != 0 and setup.resolved.typed("gpu_layers") and not gpus():
        note(f"--gpu-layers has no effect, there is no GPU that this build can use: {GPU_BUILD}")
    name = setup.name if setup.name in CATALOGUE else setup.header.path.name
    title = name if setup.name else DEFAULT_MODEL
    return load_file(
        setup.header,
        title,
        gpu_layers=layers,
        repack=fits and setup.settings.model.repack,
        on_progress=display.loading,
    )


def fits_or_forced(setup: Setup) -> bool:
    """Whether the memory holds the model and its run. Where --force goes on all the same, the file
    must stay mapped: weights that are laid out anew cannot be read from the disk again.

    Raises DoesNotFit without --force."""
    if on_gpu(setup):
        return True
    from ..models.fit import DoesNotFit, need_of, refuse_unfit

    canvas, header = setup.settings.canvas, setup.header
    positions = canvas.max_length or canvas.max_tokens or 1
    need = need_of(header, positions, header.size_bytes, at_once=header.family.both_ways)
    try:
        refuse_unfit(need, setup.title, positions)
    except DoesNotFit:
        if not setup.output.force:
            raise
        return False
    return True


def on_gpu(setup: Setup) -> bool:
    """Whether layers are kept elsewhere than in the machine's memory."""
    return setup.settings.model.gpu_layers != 0 and bool(gpus())


# ----------------------------------------------------------------------------- displays


def display_for(setup: Setup) -> Display:
    """The display that suits the settings and where stderr and stdout go."""
    output = setup.output
    # llama.cpp's log would be written into what is drawn in place.
    plain = output.logged or not is_terminal(sys.stderr)
    if output.visual:
        return view(output.visual, plain, figures=not output.quiet)
    if output.quiet:
        return Display()
    if plain:
        from ..display.plain import Expectation

        return Expectation()
    from ..display.progress import Bar, Summary

    return Summary() if answers_stream(setup) and is_terminal(sys.stdout) else Bar()


def view(colours: str | None, plain: bool, alone: bool = True, figures: bool = True) -> Display:
    """Every step: as a line each, or drawn in place; colours: one of VIEWS, None for what suits.
    alone: whether it has the screen to itself. figures: whether lines end with those of the run."""
    if plain:
        from ..display.plain import PlainLines

        return PlainLines(figures)
    from ..display.visual import LiveView

    return LiveView(colours, alone=alone)


def progress_display(quiet: bool, words: str) -> Display:
    """A bar of how far something is that takes long, where somebody watches."""
    if quiet or not is_terminal(sys.stderr):
        return Display()
    from ..display.progress import Loading

    return Loading(words=words)


def loading_display(setup: Setup) -> Display:
    """How far a model is that is loaded before anything else is shown."""
    if setup.output.quiet or setup.output.logged or not is_terminal(sys.stderr):
        return Display()
    from ..display.progress import Loading

    return Loading()


def display_of_many(setup: Setup, apart: bool = True) -> BatchDisplay:
    """How far many prompts are; apart: whether nothing else goes to the terminal meanwhile."""
    from ..display.batch import BatchBar, BatchDisplay, BatchLines

    if setup.output.quiet:
        return BatchDisplay()
    if apart and is_terminal(sys.stderr) and not setup.output.logged:
        return BatchBar()
    return BatchLines()


def answers_stream(setup: Setup) -> bool:
    """Whether the answer goes to stdout as it comes."""
    live = setup.output.visual and is_terminal(sys.stdout) and is_terminal(sys.stderr)
    return setup.header.family.streams and not setup.output.json and not live


def delay_of(output: OutputSettings, display: Display) -> float:
    """Seconds to wait after a step, where there is somebody to watch it."""
    return output.visual_delay / 1000 if display.watched else 0.0
