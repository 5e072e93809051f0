"""`hoshikage score`: how likely a text is to a model, or which of several is the likeliest."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...display.display import Display
from ...display.figures import counted
from ...errors import UsageError
from ...settings.declared import declarations
from ...settings.effect import listed
from ..exits import Exit
from ..input import STDIN, read_text
from ..options import RUN, Typed, argument, flag, with_options, with_settings
from ..output import write_json
from ..setup import Setup, choose, load_model, tell_setup
from ..signals import Interrupts, on_screen, run_through
from ..streams import is_terminal, note, write

if TYPE_CHECKING:
    from ...generation.scoring import Score

EXAMPLES = """\b
Examples:
  hoshikage score -p "What is the capital of Japan?" "The capital of Japan is Tokyo."
  hoshikage score -m model.gguf -f novel.txt --json | jq .bits_per_byte
  hoshikage score -m llada.gguf --samples 512 --visual -f essay.txt
  hoshikage score --no-chat -p "2 + 3 =" --choices " 4" --choices " 5" --choices " 6"
"""
NO_TEXT = (
    'no text: type one, as in hoshikage score "The capital of Japan is Tokyo.", '
    "or give a file with -f, or pipe one in"
)


@dataclass(frozen=True)
class ScoreFlags:
    text: str | None = argument(
        None, help='The text that is scored; "-" reads it from stdin.', panel="Text"
    )
    file: str | None = flag(
        None, "-f", "--file", metavar="FILE", help="Read the text from a file.", panel="Text"
    )
    prompt: str | None = flag(
        None, "-p", "--prompt", help="What the text is the answer to.", panel="Prompt"
    )
    choices: tuple[str, ...] = flag(
        (),
        "--choices",
        "--choice",
        metavar="TEXT",
        help="Instead of a text, one of several to be ranked, the likeliest first; given again "
        "for each.",
        panel="Text",
    )
    choices_file: str | None = flag(
        None,
        "--choices-file",
        metavar="FILE",
        help='Read the texts to be ranked from a file, a line each; "-" is stdin.',
        panel="Text",
    )
    method: str | None = flag(
        None,
        "--method",
        choices=("monte-carlo", "order"),
        help="For diffusion models: an estimate from random masks (LLaDA's; without this flag), or "
        "the sum along the model's own order of unmasking, which is how models that write in "
        "blocks are scored.",
        panel="Scoring",
    )
    samples: int = flag(
        128,
        "--samples",
        minimum=1,
        maximum=1_000_000,
        help="Random masks of an estimate; without it 128.",
        panel="Scoring",
    )
    visual: bool = flag(
        False,
        "--visual",
        help="Show the text on stderr, coloured by how likely each token is.",
        panel="Output",
    )


# A text that is scored stands as it is.
EDITING = ("edit_threshold", "max_post_steps")
# What each method reads of the settings that are not about the model or the prompt.
READ_BY: dict[str, tuple[str, ...]] = {
    "exact": (),
    "monte-carlo": ("cfg_scale", "seed"),
    "order": tuple(
        d.name
        for d in declarations().values()
        if d.group in ("diffusion", "speed") and d.name not in EDITING
    )
    + ("temperature", "top_k", "top_p", "seed"),
}


@with_options(ScoreFlags)
@with_settings(*RUN, "json")
def score(asked: ScoreFlags, **flags: Typed) -> int:
    """Tell how likely a text is to a model: log-likelihood, perplexity, bits per byte.

    The text is the argument, a file, or what is piped in, and is taken byte for byte. Texts given
    with --choices are ranked.
    """
    choices = read_choices(asked)
    texts = choices or [read_text(asked.text, asked.file, NO_TEXT)]
    if not all(texts):
        raise UsageError("an empty text has no likelihood: give some text")
    setup = choose(flags)
    tell_setup(setup)
    tell_unread(setup, asked, flags)
    scores = scored(setup, texts, asked)
    if len(scores) < len(texts):
        note("interrupted: no figures")
        return Exit.INTERRUPTED
    if asked.visual:
        show_tokens(scores)
    print_scores(scores, bool(choices), setup.output.json)
    return Exit.OK


def read_choices(asked: ScoreFlags) -> list[str]:
    """The texts to be ranked; none where one text is scored. Raises UsageError for both."""
    given = bool(asked.choices), asked.choices_file is not None
    if any(given) and (all(given) or asked.text is not None or asked.file is not None):
        raise UsageError("a text, --choices and --choices-file exclude each other: give one")
    if asked.choices_file is None:
        return list(asked.choices)
    file = None if asked.choices_file == STDIN else asked.choices_file
    lines = read_text(STDIN if file is None else None, file, NO_TEXT).splitlines()
    if not (texts := [line for line in lines if line]):
        raise UsageError(f"{asked.choices_file}: no texts to rank; write one on each line")
    return texts


def tell_unread(setup: Setup, asked: ScoreFlags, flags: dict[str, Typed]) -> None:
    """What was typed and the method does not look at; `tell_setup` has told the rest."""
    method = method_for(setup, asked)
    known = declarations()
    unread = [
        known[name].flag
        for name, typed in flags.items()
        if typed not in (None, False)
        and known[name].group in ("diffusion", "speed", "sampling")
        and known[name].read_by(setup.kind)
        and name not in READ_BY[method]
    ]
    if unread:
        verb = "has" if len(unread) == 1 else "have"
        note(f"{listed(unread)} {verb} no effect on a likelihood by the method {method}")


def method_for(setup: Setup, asked: ScoreFlags) -> str:
    from ...engines.scoring import method_of

    return method_of(setup.kind, asked.method)


def scored(setup: Setup, texts: Sequence[str], asked: ScoreFlags) -> list[Score]:
    """A score for each text, fewer after a Ctrl-C."""
    from ...llama.errors import DecodeAborted

    found: list[Score] = []
    interrupts = Interrupts()

    def told(share: float) -> None:
        display.scoring(share)
        if interrupts.seen:
            raise DecodeAborted("between two passes, where there was none to stop")

    with on_screen(display_for(setup)) as display, load_model(setup, display) as generator:
        scores: Iterable[Score] = generator.scores(
            texts,
            asked.prompt,
            setup.resolved,
            method=asked.method,
            samples=asked.samples,
            on_progress=told,
        )
        run_through(scores, found.append, interrupts=interrupts)
    return found


def display_for(setup: Setup) -> Display:
    if setup.output.quiet or setup.output.logged or not is_terminal(sys.stderr):
        return Display()
    from ...display.progress import Bar

    return Bar()


def show_tokens(scores: Sequence[Score]) -> None:
    from ...display.likelihood import show_coloured, show_lines

    show = show_coloured if is_terminal(sys.stderr) else show_lines
    show(scores)


# ------------------------------------------------------------------------------- the figures


def print_scores(scores: Sequence[Score], ranked: bool, as_json: bool) -> None:
    if ranked:
        scores = sorted(scores, key=lambda each: -each.log_likelihood)
    if as_json:
        write_json(ranking(scores) if ranked else scores[0].to_dict())
    elif ranked:
        write(table(scores))
    else:
        write(line(scores[0]) + "\n")


def line(score: Score) -> str:
    return (
        f"log-likelihood {nats(score)} nats, perplexity {score.perplexity:.4g}, "
        f"{score.bits_per_byte:.4f} bits per byte "
        f"({counted(len(score.tokens), 'token')}, {counted(score.bytes, 'byte')})"
    )


def nats(score: Score) -> str:
    error = score.standard_error
    return f"{score.log_likelihood:.4f}" + (f" ± {error:.4f}" if error else "")


def table(scores: Sequence[Score]) -> str:
    """A line a text: place, nats, bits per byte, the text."""
    rows = [
        (f"{place}.", f"{nats(each)} nats", f"{each.bits_per_byte:.4f} bits per byte")
        for place, each in enumerate(scores, 1)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        "  ".join([*(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)), text])
        + "\n"
        for row, text in zip(rows, map(one_line, scores), strict=True)
    )


def one_line(score: Score) -> str:
    """The text on one line: its line breaks as \\\\n and \\\\r."""
    return score.text.replace("\n", "\\n").replace("\r", "\\r")


def ranking(scores: Sequence[Score]) -> dict[str, Any]:
    """The likeliest first, and which it is by the byte, where a long text is at no disadvantage."""
    return {
        "choices": [each.to_dict() for each in scores],
        "likeliest": scores[0].text,
        "likeliest_per_byte": min(scores, key=lambda each: each.bits_per_byte).text,
    }
