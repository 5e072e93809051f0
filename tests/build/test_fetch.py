"""Fetching llama.cpp: what goes wrong is said in one line, and the next attempt recovers."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

FETCH = Path(__file__).parents[2] / "vendor" / "fetch.py"
FILES = {"src/llama.cpp": "one\ntwo\nthree\n", "include/llama.h": "int f(void);\n", "docs/x.md": "x"}
PATCH = """--- a/src/llama.cpp
+++ b/src/llama.cpp
@@ -1,3 +1,3 @@
 one
-two
+zwei
 three
"""
OTHER_PATCH = PATCH.replace("-two", "-deux")


@pytest.fixture
def source(tmp_path):
    """A folder with an archive, a lock file and a patch that fits."""
    with tarfile.open(tmp_path / "llama-1.0.tar.gz", "w:gz") as tar:
        for name, text in FILES.items():
            member = tarfile.TarInfo(f"llama-1.0/vendor/llama.cpp/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    lock(tmp_path)
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "0001-two.patch").write_text(PATCH)
    return tmp_path


def lock(folder, sha256=None):
    sha256 = sha256 or hashlib.sha256((folder / "llama-1.0.tar.gz").read_bytes()).hexdigest()
    values = {"package": "llama", "version": "1.0", "sha256": sha256}
    values |= {"folder": "vendor/llama.cpp", "commit": "c0ffee" * 5}
    text = "".join(f'{name} = "{value}"\n' for name, value in values.items())
    (folder / "llama.cpp.lock").write_text(text)


def fetch(folder):
    command = [sys.executable, FETCH, "--archive", folder / "llama-1.0.tar.gz"]
    command += ["--lock", folder / "llama.cpp.lock", "--patches", folder / "patches"]
    command += ["--into", folder / "tree"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tree_is_unpacked_and_patched(source):
    done = fetch(source)
    assert done.returncode == 0, done.stderr
    assert (source / "tree" / "src" / "llama.cpp").read_text() == "one\nzwei\nthree\n"
    assert not (source / "tree" / "docs").exists()
    assert (source / "tree" / ".fetched").exists()


def test_a_wrong_hash(source):
    lock(source, "0" * 64)
    done = fetch(source)
    assert done.returncode == 1
    assert "sha256" in done.stderr
    assert "delete it" in done.stderr
    assert not (source / "tree").exists()


def test_a_patch_that_does_not_apply_leaves_no_tree_and_can_be_mended(source):
    patch = source / "patches" / "0001-two.patch"
    patch.write_text(OTHER_PATCH)
    done = fetch(source)
    assert done.returncode == 1
    assert "0001-two.patch does not apply" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (source / "tree").exists()
    patch.write_text(PATCH)
    assert fetch(source).returncode == 0


def test_what_an_interrupted_run_left_is_not_used(source):
    left = source / ".tree.new" / "src"
    left.mkdir(parents=True)
    (left / "half.cpp").write_text("half")
    assert fetch(source).returncode == 0
    assert not (source / "tree" / "src" / "half.cpp").exists()
    assert not (source / ".tree.new").exists()


def test_a_cut_archive(source):
    archive = source / "llama-1.0.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-60])
    lock(source)
    done = fetch(source)
    assert done.returncode == 1
    assert "cannot be unpacked" in done.stderr
    assert not (source / "tree").exists()


def test_an_older_tree_stays_until_the_new_one_is_whole(source):
    assert fetch(source).returncode == 0
    (source / "patches" / "0001-two.patch").write_text(OTHER_PATCH)
    assert fetch(source).returncode == 1
    assert (source / "tree" / "src" / "llama.cpp").read_text() == "one\nzwei\nthree\n"


def test_an_incomplete_lock(source):
    (source / "llama.cpp.lock").write_text('package = "llama"\n')
    done = fetch(source)
    assert done.returncode == 1
    assert "llama.cpp.lock is incomplete" in done.stderr


BACKEND = """
import os
def build_wheel(*_, **__): raise NotImplementedError
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    os.mkdir(f"{folder}/llama-1.0.dist-info")
    with open(f"{folder}/llama-1.0.dist-info/METADATA", "w") as file:
        file.write("Metadata-Version: 2.1\\nName: llama\\nVersion: 1.0\\n")
    return "llama-1.0.dist-info"
"""
PROJECT = '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n'


def registry(folder):
    """Packages as pip takes them: the source of one, whose build needs another that is a wheel."""
    folder.mkdir()
    with tarfile.open(folder / "llama-1.0.tar.gz", "w:gz") as tar:
        members = {f"vendor/llama.cpp/{name}": text for name, text in FILES.items()}
        info = "Metadata-Version: 2.1\nName: llama\nVersion: 1.0\n"
        for name, text in {**members, "pyproject.toml": PROJECT, "PKG-INFO": info}.items():
            member = tarfile.TarInfo(f"llama-1.0/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    with zipfile.ZipFile(folder / "backend-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("backend.py", BACKEND)
        about = "backend-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", info.replace("llama", "backend"))
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return folder


def test_nothing_but_the_archive_itself_is_taken_as_source(tmp_path):
    """What reads its metadata is there as wheels, and slow to build."""
    packages = registry(tmp_path / "packages")
    lock(packages)
    place = tmp_path / "vendor"
    place.mkdir()
    (packages / "llama.cpp.lock").rename(place / "llama.cpp.lock")
    (place / "patches").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHONPATH"))}
    command = [sys.executable, FETCH, "--lock", place / "llama.cpp.lock"]
    command += ["--patches", place / "patches", "--into", place / "tree"]
    registered = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        command, env={**kept, **registered}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (place / "tree" / "src" / "llama.cpp").exists()
