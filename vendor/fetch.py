"""Fetches the pinned llama.cpp, unpacks what is needed of it, and applies our patches.

    python vendor/fetch.py             vendor/llama.cpp, patched
    python vendor/fetch.py --peer      vendor/peer/llama.cpp, as upstream has it

A tree appears only when it is whole: the work is done in a folder beside it, which then takes its
name, so that whatever interrupts it, the next run starts clean.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent

LIBRARY_PARTS = (
    "CMakeLists.txt",
    "LICENSE",
    "cmake",
    "conversion",
    "convert_hf_to_gguf.py",
    "ggml",
    "gguf-py",
    "include",
    "licenses",
    "src",
    "vendor",
)
VOCABULARIES = re.compile(r"models/ggml-vocab-(qwen2|llama-bpe|gpt-2)\.gguf(\.inp|\.out)?$")
NOT_FOR_PEER = ("docs", "media", "models", "app", "gguf-py", "ci", "benches")


class FetchError(Exception):
    """What happened, in one line."""


@dataclass(frozen=True)
class Lock:
    """vendor/llama.cpp.lock: where the source is and what it must hash to."""

    package: str
    version: str
    sha256: str
    folder: str
    commit: str

    @property
    def archive(self) -> str:
        return f"{self.package.replace('-', '_')}-{self.version}.tar.gz"


def read_lock(path: Path) -> Lock:
    values = dict(re.findall(r'^(\w+) = "(.*)"$', path.read_text(), re.MULTILINE))
    try:
        return Lock(**values)
    except TypeError as error:
        raise FetchError(f"{path.name} is incomplete: {error}") from None


def main() -> int:
    arguments = parse_arguments()
    try:
        lock = read_lock(arguments.lock)
        archive = arguments.archive or download(lock, arguments.lock.parent)
        verify(archive, lock)
        if arguments.peer:
            unpack(archive, lock, arguments.into or HERE / "peer" / "llama.cpp", peer_needs, ())
        else:
            patches = sorted(arguments.patches.glob("*.patch"))
            unpack(archive, lock, arguments.into or HERE / "llama.cpp", library_needs, patches)
    except FetchError as error:
        print(f"vendor: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("vendor: interrupted; the next `make` starts over", file=sys.stderr)
        return 130
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", action="store_true", help="the unpatched tree, examples included")
    parser.add_argument("--into", type=Path, help="the tree to make")
    parser.add_argument("--archive", type=Path, help="a source archive that is already here")
    parser.add_argument("--lock", type=Path, default=HERE / "llama.cpp.lock")
    parser.add_argument("--patches", type=Path, default=HERE / "patches")
    return parser.parse_args()


# -------------------------------------------------------------------------------- archive


def download(lock: Lock, folder: Path) -> Path:
    """The source archive, from the package registry that pip is set up for. It stays in the clone,
    so that the peer and a repaired tree need no second download."""
    archive = folder / lock.archive
    if archive.exists() and digest(archive) == lock.sha256:
        return archive
    print(f"fetching llama.cpp ({lock.package} {lock.version}, 76 MB)", flush=True)
    waiting = folder / ".download"
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir()
    requirement = waiting / "requirement.txt"
    requirement.write_text(f"{lock.package}=={lock.version} --hash=sha256:{lock.sha256}\n")
    # The source of this package alone: with :all: pip would also build, from source, all that it
    # takes to read the package's metadata.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    command += [lock.package, "--require-hashes", "-r", requirement, "-d", waiting]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 or not (waiting / lock.archive).exists():
        raise FetchError(f"the download failed: {reason(done.stderr)}")
    (waiting / lock.archive).replace(archive)
    shutil.rmtree(waiting)
    return archive


def reason(output: str) -> str:
    """What pip says went wrong, as one line."""
    if "DO NOT MATCH THE HASHES" in output:
        return "the archive does not have the sha256 of vendor/llama.cpp.lock"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip gives no reason"])[-1]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def verify(archive: Path, lock: Lock) -> None:
    found = digest(archive)
    if found != lock.sha256:
        raise FetchError(f"{archive.name} has sha256 {found}, not {lock.sha256}: delete it")


# ----------------------------------------------------------------------------------- tree


def library_needs(name: PurePosixPath) -> bool:
    return name.parts[0] in LIBRARY_PARTS or bool(VOCABULARIES.match(str(name)))


def peer_needs(name: PurePosixPath) -> bool:
    return name.parts[0] not in NOT_FOR_PEER


def unpack(archive: Path, lock: Lock, tree: Path, needed, patches) -> None:
    """Make `tree` from the archive's folder, replacing one that is there."""
    fresh = tree.with_name(f".{tree.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    print(f"unpacking {tree.name} at commit {lock.commit[:12]}", flush=True)
    extract(archive, lock, fresh, needed)
    for patch in patches:
        apply(patch, fresh)
    (fresh / ".fetched").write_text(lock.commit + "\n")
    shutil.rmtree(tree, ignore_errors=True)
    fresh.replace(tree)


def extract(archive: Path, lock: Lock, into: Path, needed) -> None:
    root = PurePosixPath(lock.archive.removesuffix(".tar.gz")) / lock.folder
    count = 0
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                if not member.isfile() or root not in name.parents:
                    continue
                inside = name.relative_to(root)
                if ".." in inside.parts or not needed(inside):
                    continue
                target = into / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(tar.extractfile(member).read())
                count += 1
    except (tarfile.TarError, EOFError, OSError) as error:
        raise FetchError(f"{archive.name} cannot be unpacked: {error}") from None
    if count == 0:
        raise FetchError(f"{archive.name} has no {lock.folder} in it")


def apply(patch: Path, tree: Path) -> None:
    """Apply one patch, or say that it no longer fits; half-applied trees are never used."""
    import patch_ng

    parsed = patch_ng.fromfile(str(patch))
    if not parsed or not parsed.apply(strip=1, root=str(tree), fuzz=False):
        raise FetchError(f"{patch.name} does not apply to this llama.cpp: see vendor/README.md")
    print(f"  {patch.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
