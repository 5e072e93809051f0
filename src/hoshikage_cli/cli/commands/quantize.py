"""`hoshikage quantize`: a model with fewer bits for each weight."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ...files import expanded
from ...models.find import find_model
from ...models.header import read_header
from ...models.quantisations import QUANTISATIONS, quantisation_of
from ..exits import Exit
from ..help import OTHERS
from ..options import REQUIRED, argument, flag, with_options
from ..setup import progress_display
from ..signals import on_screen
from ..streams import note

EXAMPLES = """\b
Examples:
  hoshikage quantize llada-8b-f16.gguf llada-8b-q4.gguf Q4_K_M
  hoshikage quantize dream-7b-bf16.gguf dream-7b-q8.gguf q8_0 -t 8
  hoshikage quantize big-q8.gguf small.gguf Q4_0 --requantize

Q8_0 loses nothing that could be told, Q6_K and Q5_K_M little, Q4_K_M is the usual choice where
memory is short, Q3_K_M loses much and Q2_K most. Bits of a weight: {bits}.
""".format(bits=", ".join(f"{each.name} {each.bits:.3g}" for each in QUANTISATIONS.values()))


@dataclass(frozen=True)
class QuantizeFlags:
    source: str = argument(
        REQUIRED,
        metavar="IN",
        help="GGUF file, or a name that hoshikage models lists.",
        panel=OTHERS,
    )
    target: str = argument(REQUIRED, metavar="OUT", help="The GGUF file to write.", panel=OTHERS)
    type: str = argument(
        REQUIRED, metavar="TYPE", help="What its matrices become; see below.", panel=OTHERS
    )
    requantize: bool = flag(
        False,
        "--requantize",
        "--allow-requantize",
        help="Take weights that are quantised already, too: they lose more than from F32 or BF16.",
        panel=OTHERS,
    )
    threads: int | None = flag(
        None,
        "-t",
        "--threads",
        minimum=1,
        maximum=1024,
        help="CPU threads; without it one per processor.",
        panel=OTHERS,
    )
    quiet: bool = flag(False, "-q", "--quiet", help="Nothing on stderr but errors.", panel=OTHERS)


@with_options(QuantizeFlags)
def quantize(asked: QuantizeFlags) -> int:
    """Write a model anew with fewer bits for each weight; its name is there when it is whole."""
    from ...convert.quantize import quantize as write

    wanted = quantisation_of(asked.type)
    header = read_header(find_model(asked.source))
    target = new_file(asked.target)
    began = time.monotonic()
    with on_screen(progress_display(asked.quiet, "quantising")) as display:
        made = write(
            header,
            target,
            wanted,
            again=asked.requantize,
            threads=asked.threads,
            on_progress=display.loading,
        )
    if not asked.quiet:
        before, after = (each.size_bytes / 2**20 for each in (header, made))
        seconds = time.monotonic() - began
        note(f"{target} is {wanted.name}: {after:,.1f} MiB, of {before:,.1f} ({seconds:.1f} s)")
    return Exit.OK


def new_file(name: str) -> Path:
    """Where a new model goes. Raises UsageError where something is already."""
    target = expanded(name)
    if target.suffix != ".gguf":
        raise UsageError(f"{name} is no name for a model: let it end in .gguf")
    if target.exists():
        raise UsageError(f"{target} is there already: give another name")
    return target
