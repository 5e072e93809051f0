"""Files of a user's: small ones read as text or TOML, and none left half written."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import RunError, SettingsError, shortened

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

CONFIG = "the config file"
"""What a file is called in messages, unless whoever reads it says otherwise."""


def open_regular(path: Path) -> BinaryIO:
    """A file to be read, or /dev/null. Raises RunError for a pipe, a socket or a device, which
    could keep us waiting for ever; OSError as `open` does."""
    # Without O_NONBLOCK, to open a named pipe is to wait for whoever writes to it.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT))  # noqa: SIM115
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) or os.path.samestat(found, os.stat(os.devnull)):
        return file
    file.close()
    raise RunError(f"{path} is no regular file: give the path of one")


_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once, or make it and the folders above; links and mode are kept.

    Raises RunError, with the old file as it was.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise RunError(f"cannot write {path}: what is to be written is not UTF-8 text") from None
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to be written, which becomes `path` when it is whole, as `write_whole` tells."""
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        with _beside(target) as (file, name):
            yield file
            file.close()
            os.chmod(name, mode)
            os.replace(name, target)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None


@contextmanager
def _beside(target: Path) -> Iterator[tuple[BinaryIO, str]]:
    """A file in the same folder, by its name; if anything fails it is no more."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "wb") as file:
            yield file, name
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def read_text(path: Path, what: str = CONFIG) -> str | None:
    """A file's text, None without one. Raises SettingsError for one that cannot be read."""
    try:
        with TextIOWrapper(open_regular(path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, RunError) as error:
        raise SettingsError(f"cannot read {what} {path}: {error}") from None


def parse_toml(text: str, path: Path, what: str = CONFIG) -> dict[str, Any]:
    """Raises SettingsError for a text that is not TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{what} {path} is not valid TOML: it is nested too deeply") from None
    except ValueError as error:
        reason = shortened(str(error))
        raise SettingsError(f"{what} {path} is not valid TOML: {reason}") from None


def document_of(path: Path, what: str = CONFIG) -> TOMLDocument:
    """A file as a document that keeps its comments and order; an empty one without a file."""
    import tomlkit

    text = read_text(path, what) or ""
    parse_toml(text, path, what)
    try:
        return tomlkit.parse(text)
    except RecursionError:
        raise SettingsError(f"{what} {path} is nested too deeply to be changed") from None
