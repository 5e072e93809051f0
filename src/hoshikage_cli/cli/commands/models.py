"""`hoshikage models`: what is on this machine, and names for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ...llama.families import BLOCK_LENGTH, FAMILY, MASK_TOKEN, NAMED
from ..help import OTHERS, TopicsCommand
from ..options import REQUIRED, argument, flag, with_options

if TYPE_CHECKING:
    from pathlib import Path

    from ...models.header import Header
    from ...models.registry import KnownModel

app = typer.Typer(
    name="models",
    help="Models on this machine: list them, name and label files.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON array.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Nothing on stderr but errors.")]


@app.callback()
def models(context: typer.Context, json: AsJson = False, quiet: Quiet = False) -> int | None:
    """Models on this machine: list them, name and label files.

    Listed are the shipped models, files that were given names, and what lies in the folders of
    HOSHIKAGE_MODELS.
    """
    return None if context.invoked_subcommand else print_models(json)


@app.command("list")
def list_models(context: typer.Context, json: AsJson = False) -> int:
    """List the models that -m knows by name."""
    return print_models(json or _typed_before(context, "json"))


def _typed_before(context: typer.Context, switch: str) -> bool:
    """Whether a switch stands behind `models`, in front of what is to be done."""
    return context.parent is not None and bool(context.parent.params[switch])


KEYS = {"family": FAMILY, "block_length": BLOCK_LENGTH, "mask_token": MASK_TOKEN}
"""What a label may say, and where a file has it."""


@dataclass(frozen=True)
class KeptFlags:
    """Settings of a model that go with its name."""

    family: str | None = flag(
        None,
        "--family",
        metavar="NAME",
        choices=tuple(NAMED),
        help="What the model is, if its file does not tell: sdar, fast-dllm-v2, …; none: "
        "autoregressive.",
        panel=OTHERS,
    )
    block_length: int | None = flag(
        None,
        "--block-length",
        minimum=1,
        help="Positions in a block, if not those that its family mostly has.",
        panel=OTHERS,
    )

    mask_token: int | None = flag(
        None,
        "--mask-token",
        minimum=0,
        help="Id of the mask token, if the vocabulary does not tell.",
        panel=OTHERS,
    )

    @property
    def given(self) -> dict[str, Any]:
        """Those that were typed."""
        found = {name: getattr(self, name) for name in KEYS}
        return {name: value for name, value in found.items() if value is not None}

    def check_mask(self, header: Header) -> None:
        """Raises UsageError for a mask token outside the vocabulary, and for a family that unmasks
        where none is known: each run would have to be told."""
        from ...errors import UsageError

        tokens = header.n_vocab
        if self.mask_token is not None and tokens is not None and self.mask_token >= tokens:
            raise UsageError(
                f"--mask-token {self.mask_token} is outside the vocabulary (0 to {tokens - 1})"
            )
        unmasks = not header.family.in_order
        if unmasks and self.family and self.mask_token is None and header.mask_token is None:
            raise UsageError(
                f"{header.path.name} names no mask token, which models of the family {self.family} "
                "need: give its id with --mask-token"
            )


@dataclass(frozen=True)
class AddFlags(KeptFlags):
    name: str = argument(REQUIRED, metavar="NAME", help="The name, as in -m NAME.", panel=OTHERS)
    path: str = argument(REQUIRED, metavar="FILE", help="A GGUF file.", panel=OTHERS)
    set: tuple[str, ...] = flag(
        (),
        "--set",
        metavar="KEY=VALUE",
        help="A setting that goes with the name, as --set steps=128; may be given again.",
        panel=OTHERS,
    )

    @property
    def kept(self) -> dict[str, Any]:
        """All that goes with the name. Raises UsageError for what is no setting."""
        from ...errors import UsageError
        from ...models.registry import read_kept

        found = {}
        for each in self.set:
            key, sign, value = each.partition("=")
            if not sign:
                raise UsageError(f"--set {each}: give KEY=VALUE, as in --set steps=128")
            found[key] = value
        return read_kept(found, "--set ") | self.given


ADD_EXAMPLES = """\b
Examples:
  hoshikage models add dream ~/models/dream-7b-q8.gguf
  hoshikage models add sdar sdar-1.7b.gguf --family sdar --set block-length=4 --set threshold=0.9
"""


@app.command("add", cls=TopicsCommand, epilog=ADD_EXAMPLES)
@with_options(AddFlags)
def add(asked: AddFlags, *, context: typer.Context) -> int:
    """Give a file a name, and settings that go with it; what had that name is forgotten."""
    from ...files import expanded
    from ...models.check import check
    from ...models.find import find_model
    from ...models.header import read_header
    from ...models.registry import add_alias
    from ..exits import Exit
    from ..streams import note

    file = find_model(expanded(asked.path))
    kept = asked.kept
    header = read_header(file).as_family(kept.get("family"))
    check(header)
    told = replace(asked, family=kept.get("family"), mask_token=kept.get("mask_token"))
    told.check_mask(header)
    before = add_alias(asked.name, file, kept)
    if not _typed_before(context, "quiet"):
        changed = f", no longer for {before}" if before else ""
        note(f"{asked.name} stands for {file.absolute()}{changed}")
    return Exit.OK


def complete_given(incomplete: str) -> list[str]:
    import os

    from ...models.registry import read_aliases

    return [name for name in read_aliases(os.environ) if name.startswith(incomplete)]


def complete_kept(incomplete: str) -> list[str]:
    from ...models.registry import keepable

    names = {known.long_name for known in keepable().values()}
    return sorted(name for name in names if name.startswith(incomplete))


Given = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A name that was given.", autocompletion=complete_given),
]


@app.command("set")
def set_kept(
    context: typer.Context,
    name: Given,
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="A setting, as steps.", autocompletion=complete_kept),
    ],
    value: Annotated[
        Optional[str],  # noqa: UP045 - read by typer
        typer.Argument(metavar="[VALUE]", help="Its value; without it, it is forgotten."),
    ] = None,
) -> int:
    """Keep a setting with a name, for every run of that model where no flag says otherwise."""
    from ...models.find import header_of
    from ...models.registry import keep
    from ..exits import Exit
    from ..streams import note

    if key == "family" and value is not None:
        header_of(name, value)  # which it can be of
    alias = keep(name, key, value)
    if not _typed_before(context, "quiet"):
        note(f"{name} goes with {_spelled(alias.kept) or 'no settings'}")
    return Exit.OK


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name that hoshikage models lists.")
    ],
    json: AsJson = False,
) -> int:
    """What a name stands for, and the settings that go with it."""
    import os

    from ...errors import UsageError, did_you_mean, quoted
    from ...models.registry import known_models
    from ..exits import Exit
    from ..output import write_json
    from ..setup import choose_output
    from ..streams import write

    known = {model.name: model for model in known_models(os.environ)}
    if name not in known:
        raise UsageError(f"no model is called {quoted(name)}{did_you_mean(name, known)}")
    told = facts(known[name])
    if json or _typed_before(context, "json") or choose_output({}).json:
        write_json(told)
        return Exit.OK
    rows = [(key, told[key]) for key in ("name", "source", "path", "kind", "family", "problem")]
    rows += [(key, value) for key, value in told["kept"].items() if key != "family"]
    shown = [(key.replace("_", "-"), value) for key, value in rows if value is not None]
    width = max(len(key) for key, _ in shown)
    write("".join(f"{key:{width}}  {value}\n" for key, value in shown))
    return Exit.OK


@dataclass(frozen=True)
class LabelFlags(KeptFlags):
    path: str = argument(REQUIRED, metavar="FILE", help="A GGUF file.", panel=OTHERS)
    output: str | None = flag(
        None,
        "-o",
        "--output",
        metavar="FILE",
        help="Where the labelled copy goes; without it beside the file, under the family's name.",
        panel=OTHERS,
    )
    in_place: bool = flag(
        False, "--in-place", help="Label the file itself; no copy is left.", panel=OTHERS
    )


@app.command("label", cls=TopicsCommand)
@with_options(LabelFlags)
def label(asked: LabelFlags, *, context: typer.Context) -> int:
    """Write into a GGUF what it is, so that it need not be said again; all else stays as it is."""
    from ...errors import UsageError
    from ...models.check import check_whole
    from ...models.find import find_model
    from ...models.header import read_header
    from ...models.label import write_labelled
    from ..exits import Exit
    from ..streams import note

    if not asked.given:
        raise UsageError("nothing to write: give --family, --block-length or --mask-token")
    header = read_header(find_model(asked.path)).as_family(asked.family)
    check_whole(header)
    asked.check_mask(header)
    target = _target(asked, header.path)
    write_labelled(header, target, {KEYS[name]: value for name, value in asked.given.items()})
    if not _typed_before(context, "quiet"):
        note(f"{target} is of the family {read_header(target).family.name}")
    return Exit.OK


def _target(asked: LabelFlags, file: Path) -> Path:
    """Where a labelled file goes. Raises UsageError where something else is already."""
    from ...errors import UsageError
    from ...files import expanded

    if asked.in_place and asked.output:
        raise UsageError("--in-place and --output exclude each other: give one of them")
    if asked.in_place:
        return file
    beside = file.with_name(f"{file.stem}-{asked.family or 'labelled'}.gguf")
    target = expanded(asked.output) if asked.output else beside
    if target.exists():
        raise UsageError(f"{target} is there already: give another --output, or --in-place")
    return target


@app.command("rm")
def rm(context: typer.Context, name: Given) -> int:
    """Take a name away again; the file stays."""
    from ...models.registry import remove_alias
    from ..exits import Exit
    from ..streams import note

    remove_alias(name)
    if not _typed_before(context, "quiet"):
        note(f"{name} is no name any more; its file stays")
    return Exit.OK


# ------------------------------------------------------------------------------------- list


def print_models(as_json: bool) -> int:
    import os

    from ...models.registry import known_models
    from ..exits import Exit
    from ..output import write_json
    from ..setup import choose_output
    from ..streams import write

    found = [facts(model) for model in known_models(os.environ)]
    if as_json or choose_output({}).json:
        write_json(found)
        return Exit.OK
    listed = [(m["name"], m["kind"] or m["problem"], _size(m), _place(m)) for m in found]
    rows = [("NAME", "KIND", "SIZE", "FILE"), *listed]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    room = _columns() - sum(widths) - 3 * len("  ")
    for name, kind, size, place in rows:
        path = place if len(place) <= room else f"…{place[1 - max(room, 12) :]}"
        line = f"{name:{widths[0]}}  {kind:{widths[1]}}  {size:>{widths[2]}}  {path}"
        write(line.rstrip() + "\n")
    return Exit.OK


def _columns() -> int:
    """Of the terminal; what goes elsewhere is not cut."""
    import shutil
    import sys

    from ..streams import is_terminal

    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else 10_000


def facts(model: KnownModel) -> dict[str, Any]:
    """What is told of a model; `problem` says why nothing more is."""
    from ...errors import HoshikageError
    from ...models.header import read_header

    told: dict[str, Any] = {
        "name": model.name,
        "source": model.source,
        "path": str(model.path) if model.path else None,
        "kind": None,
        "family": None,
        "kept": dict(model.kept),
        "size_bytes": None,
        "problem": None,
    }
    if model.path is None or not model.path.exists():
        return {**told, "problem": "not there"}
    try:
        header = read_header(model.path)
    except (HoshikageError, OSError):
        return {**told, "problem": "not readable"}
    told["size_bytes"] = model.path.stat().st_size
    try:
        family = header.as_family(model.kept.get("family")).family
    except HoshikageError:
        return {**told, "problem": "wrong family"}
    return {**told, "kind": family.kind, "family": family.name}


def _place(told: dict[str, Any]) -> str:
    """Where a model lies, and what is kept with its name."""
    if told["source"] == "shipped":
        return "shipped with hoshikage"
    return "  ".join([told["path"] or "", _spelled(told["kept"])]).rstrip()


def _spelled(kept: Mapping[str, Any]) -> str:
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in kept.items())


def _size(told: dict[str, Any]) -> str:
    return "" if told["size_bytes"] is None else f"{told['size_bytes'] / 2**20:.1f} MiB"
