"""`hoshikage convert`: a checkpoint folder as a GGUF."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ...files import expanded
from ..exits import Exit
from ..help import OTHERS
from ..options import REQUIRED, argument, flag, with_options
from ..setup import progress_display
from ..signals import on_screen
from ..streams import note
from .models import KEYS, KeptFlags
from .quantize import new_file

EXAMPLES = """\b
Examples:
  hoshikage convert ./SDAR-1.7B-Chat -o sdar.gguf --quantize Q8_0
  hoshikage convert ./LLaDA-8B-Instruct -o llada.gguf --quantize Q4_K_M
  hoshikage convert ./TraDo-4B-Instruct -o trado.gguf --family trado

It is llama.cpp's own converter that does it, with torch and transformers:
pip install 'hoshikage-cli[convert]'. The family and the mask token are written into the file.
"""


@dataclass(frozen=True)
class ConvertFlags(KeptFlags):
    checkpoint: str = argument(
        REQUIRED,
        metavar="CHECKPOINT",
        help="A folder with config.json, *.safetensors and the tokeniser.",
        panel=OTHERS,
    )
    output: str = flag(
        REQUIRED, "-o", "--output", metavar="FILE", help="The GGUF file to write.", panel=OTHERS
    )
    quantize: str | None = flag(
        None,
        "--quantize",
        metavar="TYPE",
        help="What its matrices become (hoshikage quantize --help lists types); without it 16 bits "
        "a weight.",
        panel=OTHERS,
    )
    pre: str | None = flag(
        None,
        "--pre",
        metavar="NAME",
        help="How its tokeniser splits texts, where the converter does not know it: qwen2, …",
        panel=OTHERS,
    )
    threads: int | None = flag(
        None,
        "-t",
        "--threads",
        minimum=1,
        maximum=1024,
        help="CPU threads of quantising; without it one per processor.",
        panel=OTHERS,
    )
    quiet: bool = flag(False, "-q", "--quiet", help="Nothing on stderr but errors.", panel=OTHERS)


@with_options(ConvertFlags)
def convert(asked: ConvertFlags) -> int:
    """Make a GGUF of a checkpoint; its name is there when it is whole."""
    from ...convert.checkpoint import convert as write
    from ...convert.checkpoint import read_checkpoint
    from ...models.quantisations import quantisation_of

    wanted = quantisation_of(asked.quantize) if asked.quantize else None
    checkpoint = read_checkpoint(expanded(asked.checkpoint))
    target = new_file(asked.output)
    began = time.monotonic()
    with on_screen(progress_display(asked.quiet, "converting")) as display:
        made = write(
            checkpoint,
            target,
            wanted,
            keys={KEYS[name]: value for name, value in asked.given.items()},
            splitting=asked.pre,
            threads=asked.threads,
            on_progress=display.loading,
        )
    if not asked.quiet:
        size, seconds = made.size_bytes / 2**20, time.monotonic() - began
        note(f"{target} is of the family {made.family.name}: {size:,.1f} MiB ({seconds:.1f} s)")
    return Exit.OK
