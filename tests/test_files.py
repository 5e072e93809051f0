"""One way to write files: whole or not at all, by one program at a time, where a link leads."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from hoshikage_cli import files
from hoshikage_cli.batch.results import ResultsFile, as_line
from hoshikage_cli.errors import RunError, UsageError

# What may be at a path before it is written: the name it has, and what that leads to.
PLACES = ("nothing", "file", "link", "chain", "dangling", "no folder", "long name")


def placed(folder: Path, place: str) -> tuple[Path, Path]:
    """The path that is written to, and the file that it leads to."""
    real = folder / "real"
    if place in ("file", "link", "chain"):
        real.write_bytes(b"old")
        real.chmod(0o640)
    if place in ("link", "dangling"):
        (folder / "link").symlink_to("real")
        return folder / "link", real
    if place == "chain":
        (folder / "other").symlink_to(real)
        (folder / "link").symlink_to("other")
        return folder / "link", real
    others = {"no folder": folder / "a" / "b" / "new", "long name": folder / ("n" * 255)}
    path = others.get(place, real)
    return path, path


def write_and_fail(path: Path, content: bytes) -> None:
    with files.replacing(path) as file:
        file.write(content)
        raise ZeroDivisionError


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_symlink() or path.is_file()}


@given(place=st.sampled_from(PLACES), content=st.binary(max_size=9), fails=st.booleans())
def test_a_file_is_written_whole_or_not_at_all(place, content, fails):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, real = placed(folder, place)
        before = everything(folder)
        old = real.read_bytes() if real.exists() else None
        if fails:
            with pytest.raises(ZeroDivisionError):
                write_and_fail(path, content)
            assert everything(folder) == before
            assert (real.read_bytes() if real.exists() else None) == old
            return
        files.write_whole(path, content)
        assert everything(folder) == before | {real}
        assert real.read_bytes() == content
        assert path.is_symlink() == (place in ("link", "chain", "dangling"))
        assert not real.is_symlink()
        if old is not None:
            assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_mode_that_new_files_have(tmp_path, mask):
    before = os.umask(mask)
    try:
        files.write_whole(tmp_path / "new", "")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_device_or_pipe_is_written_to_and_not_replaced(tmp_path):
    files.write_whole(Path("/dev/null"), "x")
    assert not Path("/dev/null").is_file()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_whole(pipe, "x")
    assert os.read(reader, 9) == b"x"
    os.close(reader)
    with pytest.raises(RunError, match="cannot write /dev/full: No space left on device"):
        files.write_whole(Path("/dev/full"), "x")


@pytest.mark.parametrize("where", ["loop", "folder", "file/below"])
def test_what_is_no_place_for_a_file(tmp_path, where):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(RunError, match=f"^cannot write {tmp_path / where}: "):
        files.write_whole(tmp_path / where, "new")
    assert (tmp_path / "file").read_text() == "old"
    assert (tmp_path / "loop").is_symlink()


def test_a_file_that_is_held_is_nobody_elses(tmp_path):
    held = files.open_held(tmp_path / "out")
    with pytest.raises(UsageError, match="another program is writing"):
        files.open_held(tmp_path / "out", anew=True)
    os.close(held)
    os.close(files.open_held(tmp_path / "out"))
    for _ in range(2):  # nobody's, hence everybody's
        files.open_held(Path("/dev/null"), anew=True)


def test_changes_at_once_lose_none(tmp_path):
    path = tmp_path / "folder" / "some.toml"

    def add(number: int) -> None:
        files.change_toml(path, lambda document: document.add(f"n{number}", number))

    threads = [threading.Thread(target=add, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tomlkit.parse(path.read_text()).values()) == list(range(16))


def test_who_does_not_end_keeps_nobody_waiting_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    path = tmp_path / "some.toml"
    with (
        files.changing(path),
        pytest.raises(RunError, match="another program is changing"),
        files.changing(path),
    ):
        pass


# ------------------------------------------------------------------------------- results


def filled(path: Path, *lines: int) -> ResultsFile:
    results = ResultsFile(path)
    for number, line in enumerate(lines):
        results.put(number, {"line": line, "prompt": "x"})
    return results


def test_results_are_put_in_order_where_a_link_leads(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out.sorting").symlink_to("victim")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to("elsewhere/real")
    with filled(tmp_path / "out", 2, 1) as results:
        results.finish()
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "out").is_symlink()
    real = (tmp_path / "elsewhere" / "real").read_bytes()
    assert real == b"".join(as_line({"line": n, "prompt": "x"}) for n in (1, 2))
    assert os.listdir(tmp_path / "elsewhere") == ["real"]


def test_results_are_held_at_every_moment_of_being_put_in_order(tmp_path, monkeypatch):
    path, tried = tmp_path / "out", []
    replace = os.replace

    def watched(draft: Path, target: Path) -> None:
        for moment in (lambda: None, lambda: replace(draft, target)):
            moment()
            with pytest.raises(UsageError, match="another program is writing"):
                files.open_held(path)
            tried.append(moment)

    monkeypatch.setattr("os.replace", watched)
    with filled(path, 2, 1) as results:
        results.finish()
        assert len(tried) == 2
        with pytest.raises(UsageError, match="another program is writing"):
            files.open_held(path)
        results.put(2, {"line": 3, "prompt": "x"})
    os.close(files.open_held(path))
    assert len(path.read_bytes().splitlines()) == 3


# --------------------------------------------------------------------------------- paths


def test_homes_that_there_are_not(monkeypatch, tmp_path):
    assert files.expanded("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    with pytest.raises(UsageError, match="zero byte"):
        files.expanded("a\0b")
    assert files.read_text(Path("/dev/null/.config/x")) is None


def test_a_text_without_an_end():
    with (
        open("/dev/zero", "rb") as endless,
        pytest.raises(UsageError, match="x is longer than 64 MiB: give a shorter one"),
    ):
        files.read_bounded(endless, "x")
