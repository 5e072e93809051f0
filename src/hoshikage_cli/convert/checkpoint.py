"""A checkpoint folder (weights, config, tokeniser) as a GGUF that says what it is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import RunError, UsageError
from ..files import read_toml, replacing_by_name
from ..llama.families import BLOCK_LENGTH, FAMILY, MASK_TOKEN
from ..models.header import Header, read_header
from ..models.quantisations import QUANTISATIONS, Quantisation
from . import child, converter
from .quantize import quantize, refuse_no_room

CLASSES = Path(__file__).with_name("classes.toml")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
BLOCK_KEYS = ("block_length", "block_size", "bd_size")
"""Where checkpoints say how long their blocks are."""


@dataclass(frozen=True)
class Row:
    """What is known of a class: a table of classes.toml."""

    of_converter: str | None = None
    """The class of the converter that has the same weights; None: it is one itself."""
    model_type: str | None = None
    """What config.json then says."""
    family: str | None = None
    """What it is run as."""
    mask: str | None = None
    """How the vocabulary spells its mask token."""
    mask_id: int | None = None
    """The id of that, where nothing else tells."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of the names of tensors."""


@cache
def classes() -> dict[str, Row]:
    """What is known of classes, by name."""
    return {
        name: Row(facts.get("as"), **{k: v for k, v in facts.items() if k != "as"})
        for name, facts in read_toml(CLASSES).items()
    }


@dataclass(frozen=True)
class Checkpoint:
    """A folder, and what its files say."""

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]

    @property
    def class_name(self) -> str:
        """The class that it is to be loaded with."""
        return str(next(iter(self.config.get("architectures") or ()), ""))

    @property
    def row(self) -> Row:
        return classes().get(self.class_name, Row())

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return sum(each.stat().st_size for each in self.weights)

    @property
    def mask_token(self) -> int | None:
        """As its config says, or where its vocabulary has what the class's is spelled as."""
        said = self.config.get("mask_token_id", self.config.get("mask_id"))
        if isinstance(said, int):
            return said
        return _added_tokens(self.folder).get(self.row.mask or "", self.row.mask_id)

    @property
    def block_length(self) -> int | None:
        found = (self.config.get(key) for key in BLOCK_KEYS)
        return next((length for length in found if isinstance(length, int) and length > 0), None)

    def keys(self, own: Mapping[str, str | int]) -> dict[str, str | int]:
        """What is to be written into the file besides, by its keys. own: what goes before."""
        told = {FAMILY: self.row.family, MASK_TOKEN: self.mask_token}
        if self.row.of_converter is not None:
            told[BLOCK_LENGTH] = self.block_length
        return {key: value for key, value in told.items() if value is not None} | dict(own)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Raises UsageError for what is no folder with a model in it."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give that of a checkpoint, with its config.json")
    config = _read_json(folder / "config.json")
    if config is None:
        raise UsageError(f"{folder} has no config.json: give the folder of a checkpoint")
    weights = tuple(sorted(path for each in WEIGHTS for path in folder.glob(each)))
    if not weights:
        raise UsageError(f"{folder} has no weights (*.safetensors): download them first")
    return Checkpoint(folder, config, weights)


def convert(
    checkpoint: Checkpoint,
    target: Path,
    wanted: Quantisation | None,
    *,
    keys: Mapping[str, str | int] | None = None,
    splitting: str | None = None,
    threads: int | None = None,
    on_progress: Callable[[float], object] = lambda share: None,
) -> Header:
    """Write a checkpoint to `target`; what it has become. wanted: None: as precise as it comes, in
    16 bits. keys: of the file, before those that the checkpoint tells. splitting: how its tokeniser
    splits texts, if the converter does not know it. on_progress hears the share that is done.

    Raises RunError; `target` is then as it was.
    """
    converter.refuse_missing()
    direct = wanted is None or wanted.name in converter.TYPES
    bits = wanted.bits if wanted is not None and direct else 16
    size = int(checkpoint.size * bits / _bits_of(checkpoint))
    refuse_no_room(target, size)
    told = checkpoint.keys(keys or {})
    row = checkpoint.row
    if direct:
        outtype = converter.TYPES[wanted.name] if wanted else "auto"
        with replacing_by_name(target) as draft, _as_known(checkpoint) as folder:
            given = (str(folder), str(draft), outtype, told, dict(row.rename), splitting)
            tick = _watching(draft, size, on_progress)
            child.run(converter.convert, given, lambda _: None, tick)
        return read_header(target)
    with tempfile.TemporaryDirectory(prefix=".hoshikage-", dir=target.parent) as between:
        half = Path(between) / "between.gguf"
        convert(
            checkpoint,
            half,
            None,
            keys=keys,
            splitting=splitting,
            on_progress=lambda share: on_progress(share / 2),
        )
        return quantize(
            read_header(half),
            target,
            wanted or QUANTISATIONS["F16"],
            threads=threads,
            on_progress=lambda share: on_progress(0.5 + share / 2),
        )


def _bits_of(checkpoint: Checkpoint) -> int:
    """Of a weight, as far as config.json says."""
    kind = str(checkpoint.config.get("dtype", checkpoint.config.get("torch_dtype", "bfloat16")))
    return 32 if kind.endswith("float32") else 16


def _watching(
    draft: Path, size: int, on_progress: Callable[[float], object]
) -> Callable[[], object]:
    return lambda: on_progress(min(0.99, draft.stat().st_size / max(1, size)))


@contextmanager
def _as_known(checkpoint: Checkpoint) -> Iterator[Path]:
    """A folder that the converter takes: links to the checkpoint's files, and a config.json that
    names the class that has the same weights."""
    row = checkpoint.row
    if row.of_converter is None:
        yield checkpoint.folder
        return
    config = {key: value for key, value in checkpoint.config.items() if key != "auto_map"}
    config |= {"architectures": [row.of_converter], "model_type": row.model_type}
    with tempfile.TemporaryDirectory(prefix="hoshikage-") as above:
        folder = Path(above) / checkpoint.folder.resolve().name
        folder.mkdir()
        for path in checkpoint.folder.iterdir():
            if path.name != "config.json" and path.suffix != ".py":
                (folder / path.name).symlink_to(path.resolve())
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        yield folder


def _added_tokens(folder: Path) -> dict[str, int]:
    """Ids of what the tokeniser has besides its pieces, by text."""
    whole = _read_json(folder / "tokenizer.json") or {}
    found = {each["content"]: each["id"] for each in whole.get("added_tokens", ())}
    return found | (_read_json(folder / "added_tokens.json") or {})


def _read_json(path: Path) -> Any:
    """None without the file. Raises RunError for one that is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"cannot read {path}: {error}") from None
