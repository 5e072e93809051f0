"""Model files that llama.cpp could not take: each is refused with a line that says what to do."""

from __future__ import annotations

import math
import os
import struct
import time

import gguf
import pytest

import random_model
from fuzz.gguf_file import ARRAY, STRING, Entry, GgufFile, string, take_apart
from hoshikage_cli.errors import RunError
from hoshikage_cli.files import open_regular
from hoshikage_cli.models import check as module
from hoshikage_cli.models.catalogue import CATALOGUE, shipped_path
from hoshikage_cli.models.check import check, check_whole
from hoshikage_cli.models.header import NotAModel, read_header

NUMBER, REAL, SHORT = 4, 6, 2


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Two files, taken apart: without experts and with them."""
    folder = tmp_path_factory.mktemp("good")
    return {
        arch: take_apart(
            random_model.write_model(
                folder / f"{arch}.gguf", random_model.Shape(arch=arch, experts=4)
            ).read_bytes()
        )
        for arch in ("llada", "llada-moe")
    }


def refusal(file: GgufFile, tmp_path, name: str = "model.gguf") -> str:
    """What is said of a file; "" where nothing is."""
    path = tmp_path / name
    path.write_bytes(file.written())
    found = ""
    try:
        check(read_header(path))
    except NotAModel as error:
        found = str(error)
        if name not in found or "\n" in found:
            pytest.fail(f"not one line with the file's name: {found}")
    return found


def put(file: GgufFile, key: str, kind: int, payload: bytes, item: int = 0, count: int = 0):
    entry = Entry(key.encode(), kind, payload, item, count)
    file.entries = [e for e in file.entries if e.key != entry.key] + [entry]


def number(value: int) -> bytes:
    return struct.pack("<I", value)


def real(value: float) -> bytes:
    return struct.pack("<f", value)


def tokens(file: GgufFile) -> Entry:
    return next(e for e in file.entries if e.key == b"tokenizer.ggml.tokens")


# ------------------------------------------------------------------------------- what is good


@pytest.mark.parametrize("arch", random_model.ARCHITECTURES)
@pytest.mark.parametrize("quantisation", ["F32", "Q4_0"])
def test_good_models_pass(tmp_path, arch, quantisation):
    shape = random_model.Shape(arch=arch, quantisation=quantisation)
    check(read_header(random_model.write_model(tmp_path / "m.gguf", shape)))


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_shipped_models_pass_at_once(name):
    header = read_header(shipped_path(name))
    began = time.perf_counter()
    check(header)
    assert time.perf_counter() - began < 1


def test_the_table_of_types_is_the_formats():
    told = {kind.value: size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: module.BLOCKS[kind] for kind in told} == told


# ------------------------------------------------------------------------ what kills llama.cpp

# Found by a tester and by mutants; each ended the process, or hung, before there was a check.
WRONG_VALUES = {
    "a negative epsilon": ("llada.attention.layer_norm_rms_epsilon", REAL, real(-1.0), "is -1.0"),
    "an epsilon of nan": ("llada.attention.layer_norm_rms_epsilon", REAL, real(math.nan), "nan"),
    "no vocabulary": ("tokenizer.ggml.model", STRING, string(b"no_vocab"), "no vocabulary"),
    "none": ("tokenizer.ggml.model", STRING, string(b"none"), "no vocabulary"),
    "bert": ("tokenizer.ggml.model", STRING, string(b"bert"), "embeddings"),
    "llama without scores": ("tokenizer.ggml.model", STRING, string(b"llama"), "scores is missing"),
    "an unknown tokenizer": ("tokenizer.ggml.model", STRING, string(b"x"), "'x'"),
    "alignment 16": ("general.alignment", NUMBER, number(16), "general.alignment is 16"),
    "alignment 48": ("general.alignment", NUMBER, number(48), "general.alignment is 48"),
    "alignment 0": ("general.alignment", NUMBER, number(0), "general.alignment is 0"),
    "alignment of a wrong type": ("general.alignment", SHORT, b"\x20\0", "32-bit"),
    "rotation": ("llada.rope.dimension_count", NUMBER, number(8), "8 of that is rotated"),
    "rotation beyond": ("llada.rope.dimension_count", NUMBER, number(64), "dimension_count is 64"),
    "scaling": ("llada.rope.scaling.type", STRING, string(b"sideways"), "'sideways'"),
    "experts without use": ("llada.expert_count", NUMBER, number(4), "0 experts of 4"),
    "use without experts": ("llada.expert_used_count", NUMBER, number(4), "4 experts of 0"),
    "absurd experts": ("llada.expert_count", NUMBER, number(2**31), "expert_count is 2147483648"),
    "no context": ("llada.context_length", NUMBER, number(0), "context_length is 0"),
    "an absurd context": ("llada.context_length", NUMBER, number(2**32 - 1), "context_length"),
    "no layers": ("llada.block_count", NUMBER, number(0), "block_count is 0"),
    "absurd layers": ("llada.block_count", NUMBER, number(2**31), "block_count"),
    "all layers are extra": ("llada.nextn_predict_layers", NUMBER, number(9), "9, of 2 layers"),
    "heads": ("llada.attention.head_count_kv", NUMBER, number(3), "4 heads cannot share 3"),
    "no shared heads": ("llada.attention.head_count_kv", NUMBER, number(0), "cannot share 0"),
    "head size": ("llada.attention.key_length", NUMBER, number(32), "32 and 16 wide"),
    "text for a number": ("llada.context_length", STRING, string(b"x"), "no number"),
    "a mask beyond": ("tokenizer.ggml.mask_token_id", NUMBER, number(9999), "9999, of 262 tokens"),
    "an unknown type": ("x", 99, b"", "unknown type 99"),
    "split": ("split.count", SHORT, b"\x02\0", "one of 2 files"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_VALUES)
def test_wrong_values_are_refused(good, tmp_path, case):
    key, kind, payload, words = WRONG_VALUES[case]
    file = good["llada"].copy()
    put(file, key, kind, payload)
    assert words in refusal(file, tmp_path)


@pytest.mark.parametrize("used", [0, 5, 2**31])
def test_more_experts_used_than_there_are(good, tmp_path, used):
    file = good["llada-moe"].copy()
    put(file, "llada-moe.expert_used_count", NUMBER, number(used))
    assert "expert" in refusal(file, tmp_path)


def test_arrays_in_arrays(good, tmp_path):
    file = good["llada"].copy()
    put(file, "deep", ARRAY, struct.pack("<IQ", ARRAY, 1) * 5000, ARRAY, 1)
    assert "deep is an array of arrays" in refusal(file, tmp_path)


@pytest.mark.parametrize("count", [200_000, 2**62])
def test_too_many_keys_are_refused_at_once(good, tmp_path, count):
    file = good["llada"].copy()
    file.n_entries = count
    file.entries += [Entry(b"x.%d" % i, 7, b"\1") for i in range(min(count, 200_000))]
    began = time.perf_counter()
    assert "keys" in refusal(file, tmp_path)
    assert time.perf_counter() - began < 5


# -------------------------------------------------------------------------------- vocabularies


@pytest.mark.parametrize("word", [b"e", b"e\0x", b"a word of more than eight bytes"])
def test_equal_tokens(good, tmp_path, word):
    file = good["llada"].copy()
    entry = tokens(file)
    words = [word, word.partition(b"\0")[0]]
    kept = [bytes([byte]) * 40 for byte in range(1, 256)] + [b"x%d" % i for i in range(5)]
    entry.payload = b"".join(map(string, words + kept))
    assert "0 and 1 are both" in refusal(file, tmp_path)


def test_empty_tokens_are_none_of_equal_ones(good, tmp_path):
    file = good["llada"].copy()
    entry = tokens(file)
    entry.payload = b"".join(map(string, [b"", b"", *(b"t%d" % i for i in range(260))]))
    assert refusal(file, tmp_path) == ""


@pytest.mark.parametrize("key", ["tokenizer.ggml.scores", "tokenizer.ggml.token_type"])
def test_too_few_of_what_each_token_has(good, tmp_path, key):
    file = good["llada"].copy()
    put(file, key, ARRAY, number(1) * 100, 5, 100)
    assert "100 elements for 262 tokens" in refusal(file, tmp_path)


def test_tokens_and_rows(good, tmp_path):
    file = good["llada"].copy()
    entry = tokens(file)
    entry.payload, entry.count = b"".join(string(b"t%d" % i) for i in range(300)), 300
    assert "300 tokens" in refusal(file, tmp_path)


def test_a_llama_vocabulary_needs_its_bytes(good, tmp_path):
    file = good["llada"].copy()
    put(file, "tokenizer.ggml.model", STRING, string(b"llama"))
    put(file, "tokenizer.ggml.scores", ARRAY, real(0) * 262, REAL, 262)
    assert "lacks <0x" in refusal(file, tmp_path)


def test_strings_are_compared_exactly(tmp_path):
    words = [b"a", b"b", b"ab", b"abcdefgh", b"abcdefghi", b"abcdefgh\1", b"b" * 17, b"b" * 16]
    data = b"".join(map(string, words))
    starts = [sum(8 + len(word) for word in words[:i]) for i in range(len(words))]
    array = module.ArrayLength(len(words), STRING, starts=tuple(starts), end=len(data))
    assert not module._may_be_double(data, array)
    for again in words:
        longer = data + string(again)
        double = module.ArrayLength(0, STRING, starts=(*starts, len(data)), end=len(longer))
        assert module._may_be_double(longer, double)


# ------------------------------------------------------------------------------------- tensors


def test_cut_off(good, tmp_path):
    file = good["llada"].copy()
    file.cut = len(file.written()) - 100
    path = tmp_path / "cut.gguf"
    path.write_bytes(file.written())
    with pytest.raises(NotAModel, match="ends 100 bytes early: it is cut off, download it again"):
        check_whole(read_header(path))


@pytest.mark.parametrize("kind", [1, 8, 24, 31, 2**31])
def test_types_that_cannot_be(good, tmp_path, kind):
    file = good["llada"].copy()
    file.tensors[-1].kind = kind
    assert "output_norm.weight" in refusal(file, tmp_path)


def test_a_type_that_makes_the_last_tensor_longer_than_the_file(good, tmp_path):
    file = good["llada"].copy()
    file.tensors[-1].kind = 28
    assert "the file ends 256 bytes early" in refusal(file, tmp_path)


@pytest.mark.parametrize("shape", [[0, 4], [2**40, 2**40], [64, 262, 1, 1, 1]])
def test_shapes_that_cannot_be(good, tmp_path, shape):
    file = good["llada"].copy()
    file.tensors[0].shape = shape
    assert "token_embd.weight" in refusal(file, tmp_path)


def test_extents_that_overlap(good, tmp_path):
    file = good["llada"].copy()
    file.tensors[3].offset = file.tensors[2].offset
    assert "begins at byte" in refusal(file, tmp_path)


def test_a_tensor_twice(good, tmp_path):
    file = good["llada"].copy()
    file.tensors[3].name = file.tensors[2].name
    assert "there twice" in refusal(file, tmp_path)


def test_norms_are_in_single_precision(good, tmp_path):
    file = good["llada"].copy()
    norm = next(t for t in file.tensors if t.name == b"output_norm.weight")
    norm.kind = 1
    assert "single precision" in refusal(file, tmp_path)


# --------------------------------------------------------------------------------- split files


def parts(good, folder) -> list:
    """A model in two files."""
    first, second = good["llada"].copy(), good["llada"].copy()
    second.entries = []
    for place, file in enumerate((first, second)):
        put(file, "split.count", SHORT, struct.pack("<H", 2))
        put(file, "split.no", SHORT, struct.pack("<H", place))
        path = folder / f"model-{place + 1:05}-of-00002.gguf"
        path.write_bytes(file.written())
    return sorted(folder.glob("model-*"))


def test_parts_must_be_there_and_whole(good, tmp_path):
    first, second = parts(good, tmp_path)
    check(read_header(first))
    with pytest.raises(NotAModel, match="without an architecture"):
        read_header(second)
    second.write_bytes(second.read_bytes()[:-5000])
    with pytest.raises(NotAModel, match="its part model-00002-of-00002.gguf: the file ends 4.9 KB"):
        check(read_header(first))
    second.unlink()
    with pytest.raises(NotAModel, match="part model-00002-of-00002.gguf is missing"):
        check(read_header(first))


# ------------------------------------------------------------------------------- regular files


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(RunError, match="no regular file"):
        read_header(tmp_path / "pipe.gguf")


def test_nothing_may_be_read():
    with open_regular(os.devnull) as file:
        assert file.read() == b""
