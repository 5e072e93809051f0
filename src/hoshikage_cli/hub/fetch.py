"""Fetching files into the hub's own cache, so that other programs find them as well.

`huggingface_hub` lays the cache out and knows tokens; what it no longer does is to go on with a
file that was begun by another process. So the bytes are put beside the place where they belong,
each file under its checksum, and what is there already is not asked for again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UsageError
from ..files import hold
from .repository import HubError, Reference, RemoteFile, Repository, look_up, told_in_a_line

Progress = Callable[[float], object]
BEGUN = ".hoshikage-part"
"""How the name of a file that is not whole ends."""
GB = 10**9
PIECE = 1 << 20
"""Bytes that are written at a time: of one that does not come whole nothing is kept."""


def fetch_model(
    asked: Reference, room: int | None = None, on_progress: Progress = lambda share: None
) -> Path:
    """The first file of the model that is meant, fetched unless it is here. room: bytes that one
    may take where no quantisation is named. Raises HubError, UsageError."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE and (here := cached(asked)) is not None:
        return here
    found = look_up(asked)
    if not found.models:
        raise HubError(f"{asked} has no GGUF{_instead(found)}")
    files = found.choose(asked.quantisation, room)
    return fetch(asked, found, files, on_progress)[0]


def _instead(found: Repository) -> str:
    size = sum(file.size for file in found.checkpoint) / GB
    if not size:
        return ": look for another repository of the model"
    return (
        f": hoshikage pull {found.name} --convert Q8_0 fetches its checkpoint ({size:.1f} GB) and "
        "converts it"
    )


def fetch_checkpoint(asked: Reference, on_progress: Progress = lambda share: None) -> Path:
    """The folder of a checkpoint. Raises HubError."""
    found = look_up(asked)
    if not found.checkpoint:
        raise HubError(f"{asked} has no checkpoint (*.safetensors): look for another repository")
    return fetch(asked, found, found.checkpoint, on_progress)[0].parent


def fetch(
    asked: Reference,
    found: Repository,
    files: Iterable[RemoteFile],
    on_progress: Progress = lambda share: None,
) -> list[Path]:
    """Where files of a repository are, once all are here and checked. Raises HubError."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()
    constants.DOWNLOAD_CHUNK_SIZE = PIECE
    files = list(files)
    blobs = _blobs(found.name)
    _refuse_no_room(blobs, files, asked)
    whole, done, placed = sum(file.size for file in files) or 1, 0, []
    for file in files:

        def tell(size: int, before: int = done) -> None:
            on_progress((before + size) / whole)

        with told_in_a_line(asked):
            # What is too large for one answer comes in pieces, by the library's own way.
            if file.sha256 is not None and file.size <= constants.MAX_HTTP_DOWNLOAD_SIZE:
                _fetch_blob(found, file, blobs / file.sha256, tell)
            path = hf_hub_download(found.name, file.name, revision=found.commit)
        placed.append(Path(path))
        done += file.size
    return placed


def cached(asked: Reference) -> Path | None:
    """The model that is meant, if it is here: nothing is asked of the hub."""
    for folder in _snapshots(asked):
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.gguf"))]
        sizes = ((name, (folder / name).stat().st_size) for name in names)
        files = tuple(RemoteFile(name, size, None) for name, size in sizes)
        here = Repository(asked.repository, folder.name, files)
        if here.models:
            with suppress(UsageError):
                return folder / here.choose(asked.quantisation, None)[0].name
    return None


def _snapshots(asked: Reference) -> list[Path]:
    """What the cache has of a repository: a folder a commit, the one that is meant, or the newest
    first."""
    folder = _blobs(asked.repository).parent
    ref = folder / "refs" / (asked.revision or "main")
    commit = ref.read_text().strip() if ref.is_file() else asked.revision
    found = sorted(folder.glob("snapshots/*"), key=lambda each: -each.stat().st_mtime)
    if asked.revision is not None:
        return [each for each in found if each.name == commit]
    return sorted(found, key=lambda each: each.name != commit)


# ------------------------------------------------------------------------------------ a blob


def _blobs(repository: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repository, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / folder / "blobs"


def _refuse_no_room(blobs: Path, files: Iterable[RemoteFile], asked: Reference) -> None:
    needed = sum(_left(blobs, file) for file in files)
    folder = next(each for each in (blobs, *blobs.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise HubError(
            f"{asked}: {needed / GB:.1f} GB are to be fetched, and {free / GB:.1f} GB are free in "
            f"{folder}: make room, take a smaller quantisation, or set HF_HOME to another disk"
        )


def _left(blobs: Path, file: RemoteFile) -> int:
    """Bytes of it that are not here."""
    name = file.sha256 or ""
    if not name or (blobs / name).exists():
        return 0
    begun = blobs / f"{name}{BEGUN}"
    return file.size - (begun.stat().st_size if begun.exists() else 0)


def _fetch_blob(
    found: Repository, file: RemoteFile, blob: Path, tell: Callable[[int], object]
) -> None:
    """Put a file in its place in the cache, going on where it was left. Raises HubError for one
    that is not what its checksum says."""
    if blob.exists():
        return
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    begun = blob.with_name(blob.name + BEGUN)
    blob.parent.mkdir(parents=True, exist_ok=True)
    with open(begun, "a+b") as raw:
        hold(raw.fileno(), begun)
        sink = Sink(raw, tell)
        if sink.size > file.size:
            sink.seek(0)
            sink.truncate()
        url = hf_hub_url(found.name, file.name, revision=found.commit)
        taken: Any = sink
        http_get(
            url,
            taken,
            resume_size=sink.size,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.name,
        )
        raw.flush()
        os.fsync(raw.fileno())
        if sink.digest() != file.sha256:
            begun.unlink()
            raise HubError(
                f"{found.name}: {file.name} is not what its checksum says, and is thrown away: "
                "type it again"
            )
        begun.replace(blob)


class Sink:
    """A file that is being fetched: counts and sums up what is in it. All that `http_get` does is
    to write at its end, and to begin anew where the server does."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], object]) -> None:
        self._file = file
        self._tell = tell
        self.size = 0
        self._sum = hashlib.sha256()
        file.seek(0)
        while piece := file.read(PIECE):
            self._count(piece)

    def _count(self, piece: bytes) -> None:
        self._sum.update(piece)
        self.size += len(piece)
        self._tell(self.size)

    def write(self, piece: bytes) -> int:
        self._file.write(piece)
        self._count(piece)
        return len(piece)

    def tell(self) -> int:
        return self.size

    def seek(self, place: int) -> int:
        assert place == 0, "a file is begun anew, or gone on with"
        self.size, self._sum = 0, hashlib.sha256()
        return self._file.seek(0)

    def truncate(self) -> None:
        self._file.truncate(0)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> str:
        return self._sum.hexdigest()
