"""Filling holes in a text: what stands around them is kept byte for byte.

The text is laid out on a canvas (`holes`), the diffusion loop does the rest, and `filled` puts the
result together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..engines.blocks import BlockEngine, BlockJob
from ..engines.diffusion import CanvasJob, DiffusionEngine, mask_token_of
from ..engines.engine import Engine
from ..errors import PromptTooLong, UsageError
from ..llama.families import Family
from ..llama.vocabulary import Vocabulary
from ..settings.declared import Settings
from .filled import Holes
from .holes import Layout, Template, lay_out, spaced


@dataclass(frozen=True)
class Filling:
    """Holes that are ready to be filled."""

    template: Template
    layout: Layout
    job: CanvasJob | BlockJob
    probes: int
    """Forward passes that it took to find the layout."""

    def holes(self, vocabulary: Vocabulary) -> Holes:
        """Where they are; end tokens, and those that pad, leave them shorter."""
        unused = {t for t in [vocabulary.pad] if t not in (None, self.job.mask_token)}
        spans, absorbed = self.layout.spans, self.layout.absorbed
        return Holes(self.template.kept, spans, absorbed, vocabulary.end_tokens | unused)


Filler = DiffusionEngine | BlockEngine
"""The engines of models that can look at what comes after a hole, if only in its block."""


def refuse_causal(family: Family, name: str) -> None:
    """Raises UsageError unless the model can look at what comes after a hole."""
    if family.in_order:
        raise UsageError(
            f"{name} is autoregressive: it writes from left to right and cannot see what follows a "
            "hole; give a diffusion model with --model"
        )


def prepare(
    engine: Engine, template: Template, before: list[int], settings: Settings, seed: int
) -> Filling:
    """Lay a text with holes out behind the tokens `before`. Raises PromptTooLong when text and
    holes exceed the context, UsageError for a hole that would be filled without having seen what
    is known behind it."""
    assert isinstance(engine, Filler)  # those of all families that are not refused
    _check_length(engine, template, len(before), settings)
    settings = _for_infill(settings, template)
    filling = _best_layout(engine, template, before, settings, seed)
    filling.job.chosen["eos_policy"] = settings.diffusion.eos_policy
    return filling


def _for_infill(settings: Settings, template: Template) -> Settings:
    """A hole of one token is one token: where all are, none may be left empty."""
    if max(template.lengths) > 1 or settings.diffusion.eos_policy != "natural":
        return settings
    return replace(settings, diffusion=replace(settings.diffusion, eos_policy="suppress"))


def _without_blank_end(template: Template) -> Template:
    """A text that ends in a hole may end in a newline as well, which a block need not have seen."""
    *kept, last = template.kept
    return replace(template, kept=(*kept, "" if last.isspace() else last))


def _refuse_blind(job: CanvasJob | BlockJob, layout: Layout) -> None:
    """Blocks see themselves and what is before them: text in later ones would go unseen."""
    if not isinstance(job, BlockJob) or (place := job.blind_spot) is None:
        return
    hole = next((i for i, (_, end) in enumerate(layout.spans) if place < end), 0)
    raise UsageError(
        f"hole {hole + 1} would be filled without having seen all text behind it, as a model that "
        f"writes in blocks of {job.attention.length} does: leave holes at the end, or give a model "
        "of whole canvases with --model"
    )


def _check_length(engine: Filler, template: Template, before: int, settings: Settings) -> None:
    """Before anything of that length is made."""
    vocabulary = engine.model.vocabulary
    kept = before + sum(len(vocabulary.tokenize(part)) for part in template.kept)
    limit = settings.model.ctx_size or engine.model.n_ctx_train
    if kept + template.masks > limit:
        raise PromptTooLong(
            f"a text of {kept} tokens and holes of {template.masks} exceed the context of {limit}: "
            "shorten the text or the holes"
        )


def _best_layout(
    engine: Filler, template: Template, before: list[int], settings: Settings, seed: int
) -> Filling:
    """The layout in which the model finds its words.

    A hole takes over the space before it if what the model would put there is a word that begins
    with one; a digit, or a character of a language without spaces, leaves it where it was.
    """
    vocabulary, mask_token = engine.model.vocabulary, mask_token_of(engine.model, settings)
    shown = _without_blank_end(template) if isinstance(engine, BlockEngine) else template

    def filling(absorbed: frozenset[int], probes: int) -> Filling:
        layout = lay_out(shown, vocabulary, mask_token, before, absorbed)
        # An end token in one hole is no end of the others.
        job = engine.canvas_job(layout.tokens, len(before), settings, seed, early_stop=False)
        _refuse_blind(job, layout)
        return Filling(template, layout, job, probes)

    first = filling(spaced(template), 0)
    holes = sorted(first.layout.absorbed)
    if not holes:
        return first
    places = [first.layout.spans[i][0] for i in holes]
    likeliest, passes = engine.likeliest(first.job, places)  # type: ignore[arg-type]
    pieces = zip(holes, map(vocabulary.piece, likeliest), strict=True)
    words = frozenset(i for i, piece in pieces if piece[:1] == b" " and piece.strip())
    return filling(words, passes)
