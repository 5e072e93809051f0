"""The typer app: commands and their words; each command's work is in its own module."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any, Optional

import typer

from ..settings.declared import GROUPS, VIEWS
from .commands.config import config_app
from .commands.models import models_app
from .exits import Exit
from .help import TopicsCommand
from .options import all_but, complete_model, with_settings

GLOBAL_FLAGS = ("--help", "-h", "--version", "-V", "--install-completion", "--show-completion")
CONTEXT = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="hoshikage",
    no_args_is_help=True,
    context_settings=CONTEXT,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# \b keeps the lines as they are.
ROOT_EXAMPLES = """\b
Examples:
  hoshikage generate "What is the capital of Japan?"
  hoshikage generate -m dream.gguf --visual "Write a haiku about the sea."
  hoshikage infill "Mia found a [MASK:2]. Ben loved the red kite too."
  hoshikage batch prompts.jsonl -o answers.jsonl
  hoshikage chat -m dream.gguf
  hoshikage inspect dream.gguf
  hoshikage bench -m dream.gguf --vary cache=none,dual
"""

GENERATE_EXAMPLES = """\b
Examples:
  hoshikage generate "What is the capital of Japan?"
  hoshikage generate -m llada.gguf --block-length 32 --visual "Tell a story."
  cat notes.txt | hoshikage generate -m dream.gguf "Summarise this." > out.txt
  hoshikage generate -m dream.gguf --json -f prompt.txt | jq .timings

llama.cpp's spellings are understood as well (--diffusion-steps 128, -ub 512), and each option can
be set in the config file under its long name.
"""

REPLAY_EXAMPLES = """\b
Examples:
  hoshikage generate --trace run.jsonl "Tell a story."
  hoshikage replay run.jsonl --visual=confidence --speed 0.5
"""

EXPORT_EXAMPLES = """\b
Examples:
  hoshikage export run.jsonl -o run.html
  hoshikage export run.jsonl -o run.svg --visual=order --columns 60
  hoshikage export run.jsonl -o run.cast && asciinema play run.cast
"""

INFILL_EXAMPLES = """\b
Examples:
  hoshikage infill "Mia found a [MASK:2]. Ben loved the red kite too."
  hoshikage infill -f draft.txt --visual > whole.txt
  hoshikage infill --show holes --json -f form.py | jq '.[].text'
  hoshikage infill --mask-marker _ -p "Solve this." "1_34"
"""

CHAT_EXAMPLES = """\b
Examples:
  hoshikage chat -m llada.gguf --block-length 32
  hoshikage chat -m qwen.gguf -sys "Answer in one sentence."
"""

BATCH_EXAMPLES = """\b
Examples:
  hoshikage batch prompts.jsonl -o answers.jsonl --steps 32
  cat prompts.txt | hoshikage batch - | jq -r .text
  hoshikage batch table.csv -o part$I.jsonl --shard $I/8
"""


MaybeText = Optional[str]  # noqa: UP045 - read by typer


def _given(*words: str) -> Any:
    """An option with a value: its flags, then its metavar, its help and its topic."""
    *flags, metavar, help, topic = words
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel=topic)


def _switch(flag: str, help: str, topic: str) -> Any:
    return typer.Option(flag, help=help, rich_help_panel=topic)


@app.callback(epilog=ROOT_EXAMPLES)
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show versions and leave.", is_eager=True)
    ] = False,
) -> None:
    """Text from diffusion language models, and autoregressive ones, on llama.cpp."""
    if version:
        from .commands.version import print_version

        raise typer.Exit(print_version())


@app.command(cls=TopicsCommand, epilog=GENERATE_EXAMPLES)
@with_settings(GROUPS)
def generate(
    prompt: Annotated[
        Optional[str],  # noqa: UP045 - read by typer
        typer.Argument(
            help='What the model is to answer; "-" reads it from stdin.', rich_help_panel="Prompt"
        ),
    ] = None,
    prompt_option: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-p", "--prompt", metavar="TEXT", help="The same.", rich_help_panel="Prompt"),
    ] = None,
    file: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="Read the prompt, or the material that the prompt is about, from a file.",
            rich_help_panel="Prompt",
        ),
    ] = None,
    show_settings: Annotated[
        bool,
        typer.Option(
            "--show-settings",
            help="Show every setting and where it comes from, and leave.",
            rich_help_panel="Output",
        ),
    ] = False,
    batch_size: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-b", "--batch-size", hidden=True),
    ] = None,
    **flags: Any,
) -> int:
    """Answer a prompt: text on stdout, everything else on stderr.

    The prompt is the argument, a file, or what is piped in. Material that is piped in stands before
    the argument, with a blank line between.
    """
    from .commands.generate import run_generate, show_settings_of

    # -b is llama.cpp's; a canvas is always one batch here, so there is nothing to set.
    if show_settings:
        return show_settings_of(flags)
    return run_generate(flags, prompt, prompt_option, file)


@app.command(cls=TopicsCommand, epilog=REPLAY_EXAMPLES)
@with_settings(("output",), only=("visual", "visual_delay", "quiet"))
def replay(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="What generate --trace wrote.", rich_help_panel="Run"),
    ],
    speed: Annotated[
        str,
        typer.Option("--speed", metavar="X", help="2: twice as fast.", rich_help_panel="Run"),
    ] = "1",
    **flags: Any,
) -> int:
    """Play a trace in the terminal, in the time it took, and print its text. No model is needed."""
    from .commands.replay import run_replay

    return run_replay(file, speed, flags)


@app.command(cls=TopicsCommand, epilog=EXPORT_EXAMPLES)
def export(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="What generate --trace wrote.", rich_help_panel="Run"),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="A page (.html), a picture that moves (.svg), or a recording for asciinema "
            "(.cast).",
            rich_help_panel="Output",
        ),
    ],
    seconds: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--seconds",
            metavar="X",
            help="How long the run is to take; without it as long as it took, but 4 to 20.",
            rich_help_panel="Output",
        ),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            "--columns",
            metavar="N",
            help="Width of the picture or terminal.",
            rich_help_panel="Output",
        ),
    ] = "80",
    theme: Annotated[
        str,
        typer.Option(
            "--theme",
            metavar="auto|light|dark",
            help="Colours; auto: as the reader prefers.",
            rich_help_panel="Output",
        ),
    ] = "auto",
    visual: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--visual",
            metavar=f"[={'|'.join(VIEWS)}]",
            help="What the colours tell; on a page, at first.",
            rich_help_panel="Output",
        ),
    ] = None,
) -> int:
    """Make a page, a picture or a terminal recording of a trace, to share it."""
    from .commands.export import run_export

    return run_export(file, output, seconds, columns, theme, visual)


@app.command(cls=TopicsCommand, epilog=INFILL_EXAMPLES)
@with_settings(GROUPS, all_but("max_tokens", "max_length", "samples", "trace"))
def infill(
    text: Annotated[
        MaybeText,
        typer.Argument(
            help='The text with its holes; "-" reads it from stdin.', rich_help_panel="Text"
        ),
    ] = None,
    file: Annotated[
        MaybeText, _given("-f", "--file", "FILE", "Read the text from a file.", "Text")
    ] = None,
    mask_marker: Annotated[
        MaybeText,
        _given("--mask-marker", "TEXT", "What stands for a hole, instead of [MASK].", "Text"),
    ] = None,
    prompt: Annotated[
        MaybeText, _given("-p", "--prompt", "TEXT", "What the text is the answer to.", "Prompt")
    ] = None,
    show: Annotated[
        str,
        _given(
            "--show",
            "text|holes",
            "Print the whole text, or only what was filled in, a line each.",
            "Output",
        ),
    ] = "text",
    **flags: Any,
) -> int:
    """Fill the holes of a text with a diffusion model, and keep the rest byte for byte.

    [MASK] is a hole of one token, [MASK:12] one of up to twelve. The text is the argument, a file,
    or what is piped in.
    """
    from .commands.infill import run_infill

    return run_infill(flags, text, file, mask_marker, prompt, show)


@app.command(cls=TopicsCommand, epilog=CHAT_EXAMPLES)
@with_settings(GROUPS, all_but("json", "samples", "trace"))
def chat(**flags: Any) -> int:
    """Talk with a model: turn by turn, with its chat template.

    Enter sends a message, Alt-Enter begins a new line, /help lists the commands. Messages that are
    piped in are answered line by line.
    """
    from .commands.chat import run_chat

    return run_chat(flags)


@app.command(cls=TopicsCommand, epilog=BATCH_EXAMPLES)
@with_settings(GROUPS, all_but("visual", "visual_delay", "trace", "json", "samples"))
def batch(
    input: Annotated[
        MaybeText,
        typer.Argument(
            help='File of prompts: JSON lines, plain lines or CSV; "-" reads them from stdin.',
            rich_help_panel="Batch",
        ),
    ] = None,
    output: Annotated[
        MaybeText,
        _given(
            "-o",
            "--output",
            "FILE",
            "Where the results go, as JSON lines; without it to stdout. What is there already is "
            "kept and not done again.",
            "Batch",
        ),
    ] = None,
    form: Annotated[
        str, _given("--format", "auto|jsonl|lines|csv", "What the input is.", "Batch")
    ] = "auto",
    order: Annotated[
        str,
        _given(
            "--order",
            "input|finished",
            "Results in the order of the input, or as they are finished.",
            "Batch",
        ),
    ] = "input",
    shard: Annotated[
        MaybeText,
        _given(
            "--shard",
            "I/N",
            "Only the I-th of N equal parts of the input, for job arrays.",
            "Batch",
        ),
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(
            "--at-once",
            metavar="N",
            min=1,
            help="Canvases decoded side by side (diffusion models).",
            rich_help_panel="Batch",
        ),
    ] = 8,
    strict: Annotated[
        bool, _switch("--strict", "Stop at a record that cannot be answered.", "Batch")
    ] = False,
    retry: Annotated[
        bool, _switch("--retry", "Try again what failed in earlier runs.", "Batch")
    ] = False,
    overwrite: Annotated[
        bool, _switch("--overwrite", "Begin anew: what the output file holds is lost.", "Batch")
    ] = False,
    **flags: Any,
) -> int:
    """Answer every prompt of a file, one JSON line each; started again, it goes on where it was.

    A line is a prompt, or an object with a "prompt" and, if wanted, an "id", "settings" of its own
    ({"steps": 8}) and whatever else is to be handed on to the result. A CSV has these as columns.
    """
    from .commands.batch import run_batch

    options = {"input": input, "output": output, "form": form, "order": order, "shard": shard}
    switches = {"strict": strict, "retry": retry, "overwrite": overwrite}
    return run_batch(flags, {**options, **switches, "at_once": at_once})


BENCH_EXAMPLES = """\b
Examples:
  hoshikage bench -m dream.gguf -n 128 --steps 64
  hoshikage bench -m dream.gguf --block-length 32 --vary cache=none,prefix,dual
  hoshikage bench -m dream.gguf --compare ~/llama.cpp/build/bin/llama-diffusion-cli
"""


@app.command(cls=TopicsCommand, epilog=BENCH_EXAMPLES)
@with_settings(GROUPS, all_but("visual", "visual_delay", "trace", "samples"))
def bench(
    prompt: Annotated[
        Optional[str],  # noqa: UP045 - read by typer
        typer.Argument(help="The prompt to measure with.", rich_help_panel="Prompt"),
    ] = None,
    vary: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--vary",
            metavar="NAME=V,V",
            help="A setting and the values to try; given again, every combination.",
            rich_help_panel="Measuring",
        ),
    ] = None,
    repetitions: Annotated[
        int,
        typer.Option(
            "-r",
            "--repetitions",
            metavar="N",
            help="Runs of each; the median counts.",
            rich_help_panel="Measuring",
        ),
    ] = 3,
    compare: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--compare",
            metavar="FILE",
            help="A llama-diffusion-cli to run in turn on the same model, canvas and steps.",
            rich_help_panel="Measuring",
        ),
    ] = None,
    **flags: Any,
) -> int:
    """Measure what runs cost, setting by setting: time a step, evaluations, memory."""
    from .commands.bench import run_bench

    return run_bench(flags, prompt, vary or [], repetitions, compare)


@app.command()
def inspect(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="GGUF file, or a name that hoshikage models lists.",
            autocompletion=complete_model,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show what a user needs to know of a model file."""
    from .commands.inspect import run_inspect

    return run_inspect(model, json)


app.add_typer(models_app)
app.add_typer(config_app)


def run(arguments: list[str]) -> int:
    """The whole program but for its exit: errors become a line and a code here."""
    from .errors import report
    from .streams import forgive_encoding

    forgive_encoding()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(Exit.TERMINATED)))
    try:
        result = app(_with_command(arguments), prog_name="hoshikage", standalone_mode=False)
        return result if isinstance(result, int) else Exit.OK
    except Exception as error:
        return report(error, arguments)
    except KeyboardInterrupt as error:
        return report(error, arguments)


def _with_command(arguments: list[str]) -> list[str]:
    """llama-diffusion-cli has no commands: flags alone mean `generate`."""
    first = arguments[0] if arguments else ""
    if first.startswith("-") and first.split("=")[0] not in GLOBAL_FLAGS:
        return ["generate", *arguments]
    return arguments
