"""Files of a user's: small ones read as text or TOML, and the one way to write any.

A file that is written at the end is replaced at once (`replacing`); one that grows with a run is
held against others (`open_held`); one that is read, changed and written back is changed by one
program at a time (`changing`).
"""

from __future__ import annotations

import errno
import math
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import RunError, SettingsError, UsageError, quoted, shortened

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def expanded(name: str | os.PathLike[str]) -> Path:
    """A path as it was typed, with a home in place of ~ where there is one. Raises UsageError for
    what can be no path."""
    if "\0" in os.fspath(name):
        raise UsageError(f"{quoted(os.fspath(name))} is no path: it has a zero byte in it")
    return Path(os.path.expanduser(name))


CONFIG = "the config file"
"""What a file is called in messages, unless whoever reads it says otherwise."""


def cache_folder() -> Path:
    """Where what can be found out again is kept."""
    from platformdirs import user_cache_path

    return user_cache_path("hoshikage")


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


# ------------------------------------------------------------------------------------- writing


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file at once, or make it and the folders above; links and mode are kept.

    Raises RunError, with the old file as it was.
    """
    try:
        data = content.encode("utf-8") if isinstance(content, str) else content
    except UnicodeEncodeError:
        raise RunError(f"cannot write {path}: what is to be written is not UTF-8 text") from None
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to be written, which becomes `path` when it is whole, as `write_whole` tells. A pipe
    or a device is no file that could be replaced: it is written to."""
    try:
        target, found = _replaced_by(path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            with open(path, "wb") as file:
                yield file
            return
        with _draft_of(target, found) as (file, _):
            yield file
    except OSError as error:
        raise cannot_write(path, error) from None


@contextmanager
def replacing_by_name(path: Path) -> Iterator[Path]:
    """The same for what others write: the name under which they are to. Raises RunError for what
    is no file."""
    try:
        target, found = _replaced_by(path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise RunError(f"{path} is no regular file: give another name")
        with _draft_of(target, found) as (_, draft):
            yield draft
    except OSError as error:
        raise cannot_write(path, error) from None


@contextmanager
def _draft_of(target: Path, found: os.stat_result | None) -> Iterator[tuple[BinaryIO, Path]]:
    """What becomes `target` when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(target, found) as (file, draft):
        yield file, draft
        file.flush()
        os.fsync(file.fileno())
        os.replace(draft, target)


def _replaced_by(path: Path) -> tuple[Path, os.stat_result | None]:
    """What a path leads to by its links, and what is there. Raises OSError for what must not be
    written, which replacing it would only get around."""
    target = Path(os.path.realpath(path))
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return target, None
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return target, found


@contextmanager
def _beside(target: Path, found: os.stat_result | None) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in the same folder, under a name that nobody can have put a link at; with the mode
    and the owner of what it is to replace. If anything fails it is no more."""
    draft = target.with_name(f".hoshikage-{secrets.token_hex(8)}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(draft, flags, 0o666)
    try:
        with open(handle, "wb") as file:
            if found is not None:
                with suppress(OSError, AttributeError):
                    os.fchown(handle, found.st_uid, found.st_gid)
                os.chmod(draft, found.st_mode & 0o777)
            yield file, draft
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def open_held(path: Path, anew: bool = False) -> int:
    """A file to be written on and on, made if need be; it is ours until it is closed or the
    program ends. Its content is kept, unless it is begun `anew`. A pipe or a device is nobody's,
    and only written.

    Raises OSError as `open` does, and UsageError where another program is writing it.
    """
    while True:
        access = os.O_RDWR if os.path.isfile(path) or not os.path.exists(path) else os.O_WRONLY
        file = os.open(path, access | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            hold(file, path)
            # It may have been replaced while we got hold of it.
            found = os.fstat(file)
            if os.path.samestat(found, os.stat(path)):
                if anew and stat.S_ISREG(found.st_mode):
                    os.ftruncate(file, 0)
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def hold(file: int, path: Path) -> None:
    """Make an open file ours. Raises UsageError where another program is writing it."""
    if stat.S_ISREG(os.fstat(file).st_mode) and not _locked(file):
        raise UsageError(f"another program is writing {path}: wait for it")


PATIENCE = 20.0
"""Seconds to wait for others who change a small file."""


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """While entered, no other Hoshikage changes a small file, so that what is read here and written
    back has nothing of theirs undone. Raises RunError where they do not come to an end.

    Locked is the folder: the file itself is another one after each change, and a file beside it
    would be left over.
    """
    folder = Path(os.path.realpath(path)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        until = time.monotonic() + PATIENCE
        while not _locked(handle):
            if time.monotonic() > until:
                raise RunError(f"another program is changing {path}: try again later")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _locked(file: int) -> bool:
    """Whether a lock was to be had; where there are none, it was."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def change_toml(path: Path, change: Callable[[TOMLDocument], object], what: str = CONFIG) -> None:
    """Change a TOML file, whose comments and order stay. Raises RunError, SettingsError, and what
    `change` does; the file is then as it was."""
    with changing(path):
        document = document_of(path, what)
        change(document)
        write_whole(path, document.as_string())


def cannot_write(path: Path | str, error: Exception) -> RunError:
    """What is said of a file that cannot be written."""
    return RunError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")


def refuse_input(output: int | Path, *inputs: int | Path | None) -> None:
    """Raises UsageError where what is to be written is what is read, by whatever name or open file:
    it would be destroyed, or fed with itself for ever."""
    for source in inputs:
        if source is not None and _same_file(output, source):
            name = output if isinstance(output, Path) else "stdout"
            raise UsageError(f"{name} is the input: give another file for the output")


def _same_file(one: int | Path, other: int | Path) -> bool:
    try:
        found, twin = os.stat(one), os.stat(other)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and os.path.samestat(found, twin)


# ------------------------------------------------------------------------------------- reading


LONGEST_TEXT = 64 << 20
"""Bytes of a text that is read whole; no context holds as much."""


def read_bounded(file: BinaryIO, name: str, most: int = LONGEST_TEXT) -> bytes:
    """What a file or a pipe holds, which may have no end. Raises OSError, and UsageError where
    there is more than `most`."""
    data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{name} is longer than {most >> 20:,} MiB: give a shorter one")
    return data


def read_text(path: Path, what: str = CONFIG) -> str | None:
    """A file's text, None without one. Raises SettingsError for one that cannot be read."""
    try:
        with open_regular(path) as file:
            return read_bounded(file, f"{what} {path}").decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None  # as in a home that is /dev/null
    except (OSError, UnicodeDecodeError, RunError) as error:
        raise SettingsError(f"cannot read {what} {path}: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; nothing where there is none. Raises SettingsError."""
    return parse_toml(read_text(path) or "", path)


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


def finite(value: Any) -> Any:
    """`value`, as JSON is to tell it: null stands for what is no number, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
