"""Files that are told what they are: the keys are there, and nothing else is different."""

from __future__ import annotations

import gguf
import pytest

from hoshikage_cli.errors import RunError, UsageError
from hoshikage_cli.models import label
from hoshikage_cli.models.check import check_whole
from hoshikage_cli.models.header import read_header
from hoshikage_cli.models.label import write_labelled

KEYS = {"hoshikage.family": "sdar", "diffusion.block_length": 8}


def contents(path):
    """Keys and tensors, as another reader has them."""
    reader = gguf.GGUFReader(path)
    keys = {name: each.contents() for name, each in reader.fields.items() if "GGUF." not in name}
    return keys, {tensor.name: tensor.data.tobytes() for tensor in reader.tensors}


def test_a_copy_has_the_keys_and_all_else(model_file, tmp_path):
    file, copy = model_file("qwen3"), tmp_path / "below" / "copy.gguf"
    before = file.read_bytes()
    write_labelled(read_header(file), copy, KEYS)
    keys, tensors = contents(file)
    assert contents(copy) == ({**keys, **KEYS}, tensors)
    assert file.read_bytes() == before
    labelled = read_header(copy)
    check_whole(labelled)
    assert (labelled.family.name, labelled.recognised.by) == ("sdar", "file")
    assert labelled.metadata["diffusion.block_length"] == 8


def test_a_file_is_labelled_in_place_again_and_again(model_file, tmp_path):
    file = tmp_path / "x.gguf"
    file.write_bytes(model_file("qwen3").read_bytes())
    file.chmod(0o600)
    for keys in (
        KEYS,
        {"hoshikage.family": "trado-of-a-longer-name"},
        {"hoshikage.family": "sdar"},
    ):
        write_labelled(read_header(file), file, keys)
    expected, tensors = contents(model_file("qwen3"))
    assert contents(file) == ({**expected, **KEYS}, tensors)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_written_leaves_nothing(model_file, tmp_path, monkeypatch):
    (tmp_path / "taken").touch()
    with pytest.raises(RunError, match="cannot write"):
        write_labelled(read_header(model_file("qwen3")), tmp_path / "taken" / "x.gguf", KEYS)

    def full(*_):
        raise OSError(28, "no space is left")

    monkeypatch.setattr(label.shutil, "copyfileobj", full)
    with pytest.raises(RunError, match="no space is left"):
        write_labelled(read_header(model_file("qwen3")), tmp_path / "x.gguf", KEYS)
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_one_of_several_files_is_not_copied(model_file, tmp_path):
    part = tmp_path / "x-00001-of-00002.gguf"
    write_labelled(read_header(model_file("qwen3")), part, {"split.count": 2})
    with pytest.raises(UsageError, match="label it with --in-place"):
        write_labelled(read_header(part), tmp_path / "y.gguf", KEYS)
    write_labelled(read_header(part), part, KEYS)
    assert read_header(part).family.name == "sdar"
