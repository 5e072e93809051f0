"""What a repository of the hub has, through `huggingface_hub`, and its errors in one line each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

from ..errors import RunError, UsageError, did_you_mean
from ..models.registry import LATER_PART

PREFIX = "hf:"
NAME = re.compile(r"(?:hf:)?([\w.-]+/[\w.-]+?)(?::([\w.-]+))?")
EXTRA = "pip install 'huggingface_hub>=1.0'"
PREFERRED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "F16", "BF16", "F32")
"""Quantisations in the order in which they are taken, where none is named and they fit."""
CHECKPOINT = re.compile(r"[^/]+\.(safetensors|json|txt|model|jinja)$")
"""The files of a checkpoint."""


class HubError(RunError):
    """What cannot be had from the hub."""


@dataclass(frozen=True)
class Reference:
    """A repository, and what is wanted of it."""

    repository: str
    """owner/name."""
    quantisation: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository


@dataclass(frozen=True)
class RemoteFile:
    name: str
    size: int
    sha256: str | None
    """None: a small file that the hub knows by another checksum."""


@dataclass(frozen=True)
class Repository:
    """What there is at one commit."""

    name: str
    commit: str
    files: tuple[RemoteFile, ...]

    @cached_property
    def models(self) -> dict[str, tuple[RemoteFile, ...]]:
        """The files of each GGUF, by the name of the first: a model may be split."""
        found = {}
        for file in self.files:
            stem = file.name.removesuffix(".gguf")
            if stem != file.name and not LATER_PART.search(stem) and "mmproj" not in file.name:
                found[file.name] = self._parts(file)
        return found

    def _parts(self, first: RemoteFile) -> tuple[RemoteFile, ...]:
        before, sign, behind = first.name.partition("-00001-of-")
        if not sign:
            return (first,)
        return tuple(
            sorted(
                (f for f in self.files if re.fullmatch(_part_of(before, behind), f.name)),
                key=lambda file: file.name,
            )
        )

    @property
    def checkpoint(self) -> tuple[RemoteFile, ...]:
        """Weights, config and tokeniser; nothing where there are no weights."""
        found = tuple(file for file in self.files if CHECKPOINT.fullmatch(file.name))
        return found if any(file.name.endswith(".safetensors") for file in found) else ()

    def choose(self, quantisation: str | None, room: int | None) -> tuple[RemoteFile, ...]:
        """The files of the model that is named, or of the best that fits into so many bytes.
        Raises UsageError with what there is."""
        if quantisation is not None:
            for name in self.models:
                if _is_of(name, quantisation):
                    return self.models[name]
            there = [_quantisation(name) for name in self.models]
            close = did_you_mean(quantisation.upper(), there) or f": there are {', '.join(there)}"
            raise UsageError(f"{self.name} has no {quantisation}{close}")
        ranked = sorted(self.models, key=_rank)
        fitting = [n for n in ranked if room is None or _size(self.models[n]) <= room]
        smallest = min(self.models, key=lambda name: _size(self.models[name]))
        return self.models[fitting[0] if fitting else smallest]


def _part_of(before: str, behind: str) -> str:
    return rf"{re.escape(before)}-\d{{5}}-of-{re.escape(behind)}"


def _size(files: tuple[RemoteFile, ...]) -> int:
    return sum(file.size for file in files)


def _is_of(name: str, quantisation: str) -> bool:
    pattern = rf"(^|[-._/]){re.escape(quantisation)}([-.]|$)"
    return re.search(pattern, name, re.IGNORECASE) is not None


def _rank(name: str) -> int:
    found = (place for place, each in enumerate(PREFERRED) if _is_of(name, each))
    return next(found, len(PREFERRED))


def _quantisation(name: str) -> str:
    stem = re.sub(r"-00001-of-\d{5}$", "", name.removesuffix(".gguf"))
    return re.split(r"[./]|-(?=[A-Z0-9_]+$)", stem)[-1]


def reference_of(name: str, revision: str | None = None) -> Reference:
    """owner/name[:quantisation], with or without hf: in front. Raises UsageError for another."""
    found = NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"{name!r} is no repository: give owner/name or owner/name:Q4_K_M")
    return Reference(found[1], found[2], revision)


def look_up(asked: Reference) -> Repository:
    """What there is. Raises HubError, one line."""
    refuse_missing()
    from huggingface_hub import HfApi

    with told_in_a_line(asked):
        info = HfApi().model_info(asked.repository, revision=asked.revision, files_metadata=True)
    files = tuple(
        RemoteFile(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None)
        for each in info.siblings or ()
    )
    return Repository(asked.repository, str(info.sha), files)


def refuse_missing() -> None:
    """Raises HubError without `huggingface_hub`."""
    if find_spec("huggingface_hub") is None:
        raise HubError(f"models are fetched with huggingface_hub: {EXTRA}")


@contextmanager
def told_in_a_line(asked: Reference) -> Iterator[None]:
    """Every error of the library as a HubError that says what to do."""
    from huggingface_hub import errors

    again = "type it again, and it goes on where it was"
    lines: tuple[tuple[type[Exception], str], ...] = (
        (errors.GatedRepoError, "is gated: accept its terms on its page, then hf auth login"),
        (errors.RevisionNotFoundError, f"has no revision {asked.revision!r}: look on its page"),
        (
            errors.RepositoryNotFoundError,
            "is not there, or private: look at the spelling, or hf auth login",
        ),
        (errors.EntryNotFoundError, "has no such file any more: type it again"),
        (errors.OfflineModeIsEnabled, "is not here, and HF_HUB_OFFLINE forbids to fetch it"),
    )
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        for kind, line in lines:
            if isinstance(error, kind):
                raise HubError(f"{asked} {line}") from None
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise HubError(f"{asked} is not for everybody: hf auth login, or HF_TOKEN") from None
        if status is not None:
            raise HubError(f"{asked}: the hub answers {status}: try again later") from None
        if isinstance(error, OSError) and error.errno is not None:
            raise HubError(f"{asked}: {error.strerror}: {again}") from None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HubError(f"{asked}: the connection failed ({reason}): {again}") from None
