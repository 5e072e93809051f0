"""`hoshikage pull`: a model by its name, from the hub to this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models.published import Published, published
from ..exits import Exit
from ..help import OTHERS
from ..options import argument, flag, with_options
from ..setup import progress_display
from ..signals import on_screen
from ..streams import note, write

if TYPE_CHECKING:
    from ...hub.repository import Reference
    from ...models.header import Header

EXAMPLES = """\b
Examples:
  hoshikage pull
  hoshikage pull llada:8b && hoshikage generate -m llada:8b "Why is the sky blue?"
  hoshikage pull dream:7b --quantize Q4_K_M
  hoshikage pull sdar:1.7b --convert Q8_0
  hoshikage pull owner/model-GGUF:Q5_K_M --revision 0123abc --as mine

Without a name it lists those that it knows. Files lie in the hub's cache (HF_HOME), tokens are
those of hf auth login or HF_TOKEN, HF_HUB_OFFLINE=1 keeps off the network. What was interrupted
goes on where it was.
"""


@dataclass(frozen=True)
class PullFlags:
    name: str | None = argument(
        None,
        metavar="[NAME]",
        help="One of those that are listed, or owner/name[:QUANTISATION] of a repository.",
        panel=OTHERS,
    )
    quantize: str | None = flag(
        None,
        "--quantize",
        metavar="TYPE",
        help="Which of its files; without it the best that fits into memory.",
        panel=OTHERS,
    )
    convert: str | None = flag(
        None,
        "--convert",
        metavar="TYPE",
        help="Fetch the checkpoint instead, and convert it (hoshikage convert).",
        panel=OTHERS,
    )
    revision: str | None = flag(
        None,
        "--revision",
        metavar="COMMIT",
        help="A branch, tag or commit; without it the newest.",
        panel=OTHERS,
    )
    known_as: str | None = flag(
        None,
        "--as",
        metavar="NAME",
        help="The name for -m; without it that of the list, or of the repository.",
        panel=OTHERS,
    )
    quiet: bool = flag(False, "-q", "--quiet", help="Nothing on stderr but errors.", panel=OTHERS)


@with_options(PullFlags)
def pull(asked: PullFlags) -> int:
    """Fetch a model, check it, and give it a name for -m with the settings recommended for it."""
    if asked.name is None:
        return print_published()
    from ...errors import UsageError
    from ...hub.repository import reference_of, refuse_missing
    from ...models.header import read_header
    from ...models.registry import add_alias

    known = published().get(asked.name)
    if known is None and "/" not in asked.name:
        from ...errors import did_you_mean

        close = did_you_mean(asked.name, published()) or ": hoshikage pull lists those that are"
        raise UsageError(f"no model is called {asked.name!r}{close}, or give owner/name")
    if asked.quantize and asked.convert:
        raise UsageError("--quantize chooses a file, --convert makes one: give one of them")
    refuse_missing()
    reference = reference_of(repository(known, asked), asked.revision)
    name = asked.known_as or (known.name if known else reference.repository.split("/")[-1])
    path = fetched(reference, name, asked)
    add_alias(name, path, kept_with(known, read_header(path)))
    if not asked.quiet:
        told = f", licence {known.licence}" if known else ""
        note(f"{name} is {path.name}{told}: hoshikage generate -m {name} …")
        if known and known.settings:
            note(f"settings recommended by {known.source} go with it: hoshikage models show {name}")
    return Exit.OK


def kept_with(known: Published | None, header: Header) -> dict[str, Any]:
    """The settings that go with the name; its family where the file does not tell. Raises
    UsageError for a file that is not of that family."""
    if known is None:
        return {}
    if header.family.name == known.family:
        return dict(known.settings)
    _ = header.as_family(known.family).family
    return {"family": known.family, **known.settings}


def repository(known: Published | None, asked: PullFlags) -> str:
    """Which one is meant: that of the files, or of the checkpoint that is to be converted. Raises
    UsageError where there are no files."""
    if known is None:
        given = str(asked.name)
        return f"{given}:{asked.quantize}" if asked.quantize else given
    if asked.convert:
        return known.checkpoint
    if known.gguf is None:
        from ...errors import UsageError

        size = known.gigabytes(16)
        raise UsageError(
            f"nobody is known to have converted {known.name}: hoshikage pull {known.name} "
            f"--convert Q8_0 fetches its checkpoint (about {size:.0f} GB) and converts it"
        )
    return f"{known.gguf}:{asked.quantize}" if asked.quantize else known.gguf


def fetched(reference: Reference, name: str, asked: PullFlags) -> Path:
    """The file of the model, once it is here."""
    from ...hub.fetch import fetch_checkpoint, fetch_model
    from ...llama.memory import available

    with on_screen(progress_display(asked.quiet, f"fetching {reference}")) as display:
        if not asked.convert:
            return fetch_model(reference, available(), display.loading)
        folder = fetch_checkpoint(reference, display.loading)
    return converted(folder, name, asked)


def converted(folder: Path, name: str, asked: PullFlags) -> Path:
    """The checkpoint as a file in the folder of models."""
    import os

    from ...convert.checkpoint import convert, read_checkpoint
    from ...llama.families import FAMILY
    from ...models.quantisations import quantisation_of
    from ...models.registry import folders

    wanted = quantisation_of(str(asked.convert))
    known = published().get(str(asked.name))
    target = folders(os.environ)[0] / f"{name.replace(':', '-')}-{wanted.name}.gguf"
    keys: Mapping[str, Any] = {FAMILY: known.family} if known else {}
    target.parent.mkdir(parents=True, exist_ok=True)
    with on_screen(progress_display(asked.quiet, "converting")) as display:
        convert(read_checkpoint(folder), target, wanted, keys=keys, on_progress=display.loading)
    return target


def print_published() -> int:
    """What can be pulled, with what a file of eight and of four bits takes."""
    rows: list[tuple[str, ...]] = [("NAME", "Q8_0", "Q4_K_M", "LICENCE", "GOOD FOR")]
    for each in published().values():
        sizes = (f"{each.gigabytes(bits):.1f} GB" for bits in (8.5, 4.9))
        told = each.told if each.gguf else f"{each.told} (--convert)"
        rows.append((each.name, *sizes, each.licence, told))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        write("  ".join([*cells, row[-1]]).rstrip() + "\n")
    return Exit.OK
