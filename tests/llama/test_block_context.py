"""Texts read in blocks, against a transformer in numpy that is told what sees what."""

from __future__ import annotations

from dataclasses import replace

import gguf
import numpy as np
import pytest

import random_model
from hoshikage_cli.decoding.denoiser import Query
from hoshikage_cli.llama._native import lib
from hoshikage_cli.llama.block_attention import BlockAttention
from hoshikage_cli.llama.block_context import BlockContext
from hoshikage_cli.llama.canvases import CanvasContext
from hoshikage_cli.llama.context import Context
from hoshikage_cli.llama.errors import ContextError
from hoshikage_cli.llama.model import Model
from reference.transformer import Transformer, block_behind, both_ways, causal, in_blocks

ARCHITECTURES = ("qwen3", "qwen2", "llama", "mistral3", "qwen3moe", "bailingmoe2", "llada2")
MASK = 261

SDAR = BlockAttention(4)
FAST = BlockAttention(32, shift="in block", first="autoregressive")
LONG = BlockAttention(32)
NEMOTRON = BlockAttention(8, text="causal", first="autoregressive")
SDLM = BlockAttention(4, text="causal", shift="row before")
SHIFTED = BlockAttention(5, shift="row before")
VERIFYING = BlockAttention(4, text="causal", block="causal", shift="row before")
ONE = BlockAttention(1)
PATTERNS = (SDAR, FAST, LONG, NEMOTRON, SDLM, SHIFTED, VERIFYING, ONE)

F16, F32 = 5e-3, 1e-5
"""What the storage of cells leaves: of a logit, and of the largest one."""


def text(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, length).astype(np.int32)


def pattern_name(attention: BlockAttention) -> str:
    return "-".join(str(value) for value in vars(attention).values())


@pytest.fixture(scope="module")
def oracle(model_file):
    made: dict[str, Transformer] = {}

    def of(arch: str) -> Transformer:
        if arch not in made:
            made[arch] = Transformer(model_file(arch), random_model.Shape(arch=arch, experts=4))
        return made[arch]

    return of


@pytest.fixture
def context(model):
    """Opens contexts that are closed at the end."""
    opened = []

    def make(arch="qwen3", attention=SDAR, **wanted) -> BlockContext:
        wanted = {"length": 128, "threads": 2, "mask_token": MASK, "cell_type": "F32"} | wanted
        opened.append(BlockContext(model(arch), attention, **wanted))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def ask(context, tokens, positions, **query) -> np.ndarray:
    (rows,) = context.logits([Query(tokens, np.asarray(positions, np.int64), **query)])
    return rows.copy()


def seen_by(attention: BlockAttention, length: int, start: int, origin: int) -> np.ndarray:
    """What sees what in a text whose last block begins at `start`."""
    size = attention.length
    before = causal(length) if attention.text == "causal" else in_blocks(length, size, origin)
    if attention.block == "both ways":
        return block_behind(before, start)
    return np.where(np.arange(length)[:, None] < start, before, causal(length))


def expected(transformer, attention, tokens, positions, start, origin=0) -> np.ndarray:
    rows = transformer.logits(tokens, seen_by(attention, len(tokens), start, origin))
    return rows[[predicting_row(attention, p, start) for p in positions]]


def predicting_row(attention: BlockAttention, position: int, start: int) -> int:
    if position == start and attention.first == "autoregressive":
        return max(0, position - 1)
    if attention.shift == "row before" or (attention.shift == "in block" and position > start):
        return max(0, position - 1)
    return position


def walk(attention: BlockAttention, prompt: int, length: int, origin: int):
    """The queries of a plausible run: (tokens, positions, start), each block denoised twice."""
    clean, size = text(length), attention.length
    start = prompt - (prompt - origin) % size
    while start < length:
        end = min(start + size, length)
        begin = max(start, 0)
        for known in (max(prompt, begin), max(prompt, begin + size // 2)):
            tokens = clean[:end].copy()
            tokens[known:] = MASK
            positions = np.arange(known, end)
            if len(positions):
                yield tokens, positions, begin
        start = end


def same(found, wanted, cell_type="F32") -> None:
    scale = np.abs(wanted).max()
    assert np.abs(found - wanted).max() <= (F32 * scale if cell_type == "F32" else F16)


# --------------------------------------------------------------------- against the oracle


@pytest.mark.parametrize("cell_type", ["F32", "F16"])
@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_rows_are_those_of_the_transformer(context, oracle, arch, attention, cell_type):
    opened = context(arch, attention, cell_type=cell_type)
    length = 44 if attention.length > 1 else 20
    for tokens, positions, start in walk(attention, prompt=13, length=length, origin=0):
        wanted = expected(oracle(arch), attention, tokens, positions, start)
        same(ask(opened, tokens, positions), wanted, cell_type)


@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_blocks_may_begin_where_the_prompt_ends(context, oracle, attention):
    opened = context("qwen3", attention)
    for origin in (13, 15):
        for tokens, positions, start in walk(attention, prompt=origin, length=40, origin=origin):
            wanted = expected(oracle("qwen3"), attention, tokens, positions, start, origin)
            same(ask(opened, tokens, positions, origin=origin), wanted)


@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_a_text_may_begin_with_the_block(context, oracle, attention):
    tokens = text(attention.length)
    positions = np.arange(attention.length)
    wanted = expected(oracle("qwen3"), attention, tokens, positions, 0)
    same(ask(context("qwen3", attention), tokens, positions), wanted)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_wrong_mask_is_far_off(context, oracle, arch):
    tokens = text(44)
    found = ask(context(arch), tokens, np.arange(40, 44))
    for wrong in (causal(44), both_ways(44), in_blocks(44, 4, origin=2), in_blocks(44, 8)):
        assert np.abs(found - oracle(arch).logits(tokens, wrong)[40:]).max() > 0.1


def test_part_of_a_block_is_decoded_against_the_last_whole_pass(context, oracle):
    opened, transformer = context("qwen3", LONG), oracle("qwen3")
    needs_patches(opened)
    tokens, seen, part = text(64), in_blocks(64, 32), np.arange(40, 48)
    ask(opened, tokens, part)
    transformer.logits(tokens, seen)
    for seed in (1, 2):
        tokens[42:45] = text(3, seed)
        found = ask(opened, tokens, part, recompute=part)
        same(found, transformer.logits(tokens, seen, part))
    assert opened.positions_decoded == 64 + 8 + 8
    same(ask(opened, tokens, part), transformer.logits(tokens, seen)[part])


def test_a_block_behind_another_text_is_decoded_whole(context, oracle):
    opened, tokens, part = context("qwen3", LONG), text(64), np.arange(40, 48)
    ask(opened, tokens, part)
    tokens[3] = 7
    ask(opened, tokens, [])
    found = ask(opened, tokens, part, recompute=part)
    same(found, oracle("qwen3").logits(tokens, in_blocks(64, 32))[part])


def test_a_block_decoded_in_part_is_committed_as_a_whole(context, oracle):
    opened, tokens, part = context("qwen3", LONG), text(96), np.arange(56, 64)
    ask(opened, tokens[:64], part)
    tokens[60] = 7
    ask(opened, tokens[:64], part, recompute=part)
    found = ask(opened, tokens, np.arange(64, 96))
    same(found, oracle("qwen3").logits(tokens, in_blocks(96, 32))[64:])


def test_a_row_before_the_block_goes_with_its_text(context, oracle):
    opened, tokens = context("qwen3", NEMOTRON), text(40)
    ask(opened, tokens, [32])
    tokens[3] = 7
    ask(opened, tokens, [33])
    same(ask(opened, tokens, [32]), oracle("qwen3").logits(tokens, causal(40))[31:32])


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_canvas_is_seen_both_ways(model, oracle, arch):
    tokens, positions, part = text(44), np.array([0, 1, 20, 43]), np.arange(16, 24)
    wanted = {"length": 44, "threads": 2, "mask_token": MASK, "cell_type": "F32"}
    with CanvasContext(model(arch), flash_attention=False, **wanted) as opened:
        found = ask(opened, tokens, positions)
        same(found, oracle(arch).logits(tokens, both_ways(44))[positions])
        needs_patches(opened)
        tokens[17:19] = MASK
        found = ask(opened, tokens, part, recompute=part)
        same(found, oracle(arch).logits(tokens, both_ways(44), part))


@pytest.mark.parametrize("arch", ["qwen3", "llama", "llada", "dream"])
def test_without_a_block_length_attention_is_as_ever(model, arch):
    with Context(
        model(arch), length=44, sequences=1, batch=44, causal=True, threads=2, flash_attention=False
    ) as opened:
        before, _, after = (causal_rows(opened, block) for block in (0, 4, 0))
        assert np.array_equal(before, after)
        if lib.hoshi_set_attn_block(opened._handle, 4):
            assert not np.array_equal(before, causal_rows(opened, 4))


def causal_rows(context: Context, block: int) -> np.ndarray:
    context.clear()
    lib.hoshi_set_attn_block(context._handle, block)
    context._batch.clear()
    context._batch.append(text(44), np.arange(44), 0, np.ones(44, np.int8))
    context._decode()
    return context._outputs(44).copy()


# --------------------------------------------------------------------------- what is done


def needs_patches(context) -> None:
    if not context.has_cache:
        pytest.skip("the bound libllama lacks our patches")


@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_a_library_without_the_patch_gives_the_same(context, attention):
    patched, plain = context("qwen3", attention), context("qwen3", attention, one_pass=False)
    for tokens, positions, _ in walk(attention, prompt=13, length=44, origin=0):
        same(ask(plain, tokens, positions), ask(patched, tokens, positions))


def test_a_prompt_takes_one_pass_and_without_the_patch_one_a_block(context):
    tokens, positions = text(44), np.arange(40, 44)
    patched, plain = context(), context(one_pass=False)
    needs_patches(patched)
    ask(patched, tokens, positions)
    ask(plain, tokens, positions)
    assert (patched.passes, plain.passes) == (1, 11)
    assert patched.positions_decoded == plain.positions_decoded == 44


def test_a_long_prompt_is_cut_between_blocks(context, oracle):
    opened = context(batch=26)
    tokens = text(63)
    found = ask(opened, tokens, np.arange(61, 63), origin=3)
    wanted = expected(oracle("qwen3"), SDAR, tokens, np.arange(61, 63), 59, 3)
    same(found, wanted)


def test_a_finished_block_is_committed_with_the_next_in_one_pass(context):
    tokens = text(48)
    fused, separate = context(), context()
    needs_patches(fused)
    for opened in (fused, separate):
        ask(opened, tokens[:40], np.arange(36, 40))
    tokens[36:40] = text(4, seed=1)
    ask(separate, tokens[:44], [])
    assert separate.passes == fused.passes + 1
    same(ask(fused, tokens[:44], np.arange(40, 44)), ask(separate, tokens[:44], np.arange(40, 44)))
    assert (fused.passes, separate.passes) == (2, 3)
    assert fused.positions_decoded == separate.positions_decoded == 48


def test_a_block_that_has_not_changed_needs_no_commit(context):
    opened = context()
    tokens = text(44)
    ask(opened, tokens[:40], np.arange(36, 40))
    ask(opened, tokens, np.arange(40, 44))
    assert opened.positions_decoded == 44


def test_a_causal_draft_is_kept_as_far_as_it_holds(context):
    opened = context(attention=VERIFYING)
    tokens = text(44)
    ask(opened, tokens[:40], np.arange(37, 41))
    tokens[38:40] = text(2, seed=1)
    before = opened.positions_decoded
    ask(opened, tokens[:42], np.arange(39, 43), origin=38)
    assert opened.positions_decoded == before + 4


def test_an_edit_costs_the_blocks_from_there(context):
    opened = context()
    tokens = text(44)
    ask(opened, tokens, np.arange(40, 44))
    tokens[33] = 7
    ask(opened, tokens, np.arange(40, 44))
    assert opened.positions_decoded == 44 + 12


def test_the_next_turn_of_a_chat_evaluates_only_what_is_new(context):
    opened = context()
    first = text(40)
    ask(opened, first, np.arange(36, 40))
    second = np.concatenate([first, text(20, seed=1)])
    ask(opened, second, np.arange(56, 60))
    assert opened.positions_decoded == 60
    assert np.array_equal(opened.cells[0], second)


def test_the_row_before_a_block_is_kept(context):
    opened = context(attention=NEMOTRON)
    tokens = text(40)
    first = ask(opened, tokens, [32])
    assert (opened.passes, opened.positions_decoded) == (1, 32)
    tokens[32] = int(first[0].argmax())
    ask(opened, tokens, np.arange(33, 40))
    assert opened.positions_decoded == 40
    assert np.array_equal(ask(opened, tokens, [32]), first)
    assert (opened.passes, opened.positions_decoded) == (2, 40)


# ----------------------------------------------------------------------- several sequences


@pytest.mark.parametrize("one_pass", [None, False])
@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_sequences_side_by_side_are_as_one_by_one(context, attention, one_pass):
    together = context("qwen3", attention, sequences=3, one_pass=one_pass)
    alone = context("qwen3", attention, one_pass=one_pass)
    runs = [list(walk(attention, 9 + i, 41 + 3 * i, 9 + i)) for i in range(3)]
    for step in range(max(map(len, runs))):
        due = [(i, run[step]) for i, run in enumerate(runs) if step < len(run)]
        found = together.logits([Query(t, p, sequence=i, origin=9 + i) for i, (t, p, _) in due])
        found = [rows.copy() for rows in found]
        for (i, (tokens, positions, _)), rows in zip(due, found, strict=True):
            same(rows, ask(alone, tokens, positions, origin=9 + i))


def test_sequences_share_a_pass(context):
    opened = context(sequences=3)
    needs_patches(opened)
    tokens = [text(44, seed) for seed in range(3)]
    opened.logits([Query(t, np.arange(40, 44), sequence=i) for i, t in enumerate(tokens)])
    assert (opened.passes, opened.positions_decoded) == (1, 3 * 44)


def test_a_commit_shares_a_pass_with_blocks_that_are_denoised(context):
    """One sequence has finished a block; the others are in the middle of theirs."""
    opened, alone = context(sequences=3), context()
    needs_patches(opened)
    texts = [text(48, seed) for seed in range(3)]
    opened.logits([Query(t[:40], np.arange(36, 40), sequence=i) for i, t in enumerate(texts)])
    for each in texts:
        each[38:40] = 7
    ends = (40, 44, 40)
    queries = [
        Query(each[:end], np.arange(end - 4, end), sequence=i)
        for i, (each, end) in enumerate(zip(texts, ends, strict=True))
    ]
    found = [rows.copy() for rows in opened.logits(queries)]
    assert (opened.passes, opened.positions_decoded) == (2, 3 * 40 + 4 + 8 + 4)
    for query, rows in zip(queries, found, strict=True):
        same(rows, ask(alone, query.tokens, query.positions))


@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_what_another_sequence_has_read_is_copied(context, attention):
    opened, alone = context("qwen3", attention, sequences=2), context("qwen3", attention)
    size, tokens = attention.length, text(164)
    begin = 100 - 100 % size
    first, second = tokens[: begin + size], tokens.copy()[: begin + 2 * size]
    second[begin - 3 :] = 7
    last = np.arange(begin + size, begin + 2 * size)
    ask(opened, first, np.arange(begin, begin + size))
    before = opened.positions_decoded
    found = ask(opened, second, last, sequence=1)
    assert np.array_equal(found, ask(alone, second, last))
    assert opened.positions_decoded - before <= 3 * size + 3
    assert opened.decoded[1] == opened.positions_decoded - before
    # The one that it was copied from is as it was.
    before = opened.positions_decoded
    ask(opened, first, np.arange(begin, begin + size))
    assert opened.positions_decoded - before <= size + 1


@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_what_several_begin_with_is_read_once(context, attention):
    opened, alone = context("qwen3", attention, sequences=3), context("qwen3", attention)
    size = attention.length
    texts = [text((96 // size + 2) * size) for _ in range(3)]
    texts[1][70:], texts[2][3:] = 7, 9
    queries = [
        Query(each, np.arange(len(each) - size, len(each)), sequence=i)
        for i, each in enumerate(texts)
    ]
    found = [rows.copy() for rows in opened.logits(queries)]
    for query, rows in zip(queries, found, strict=True):
        same(rows, ask(alone, query.tokens, query.positions))
    assert opened.positions_decoded <= sum(map(len, texts)) - (70 - 2 * size)


def test_one_sequence_cannot_be_asked_twice_at_once(context):
    query = Query(text(8), np.arange(4, 8))
    with pytest.raises(ValueError, match="same sequence"):
        context().logits([query, query])


# -------------------------------------------------------------------------- longer texts


@pytest.mark.parametrize("attention", PATTERNS, ids=pattern_name)
def test_a_context_grows_and_keeps_what_it_has(context, attention):
    small, large = context("qwen3", attention, length=8), context("qwen3", attention, length=100)
    for tokens, positions, _ in walk(attention, prompt=13, length=100, origin=13):
        found, wanted = (ask(c, tokens, positions, origin=13) for c in (small, large))
        assert np.array_equal(found, wanted)
    assert 100 <= small.longest < 200
    assert (small.passes, small.positions_decoded) == (large.passes, large.positions_decoded)


def test_a_context_grows_in_the_middle_of_a_block(context):
    """Another text begins that is longer, while a block is decoded in part."""
    needs_patches(context(sequences=2))
    tokens, part = text(64), np.arange(40, 48)
    small, large = (context("qwen3", LONG, sequences=2, length=n) for n in (64, 128))
    for opened in (small, large):
        ask(opened, tokens, part)
    small.reserve(128)
    tokens[42:45] = 7
    found, wanted = (ask(c, tokens, part, recompute=part) for c in (small, large))
    assert np.array_equal(found, wanted)
    assert small.positions_decoded == large.positions_decoded == 64 + 8


def test_for_another_run_a_context_has_room_and_what_it_had(context):
    opened, tokens = context(length=16), text(40)
    ask(opened, tokens[:16], np.arange(12, 16))
    opened.ready(40)
    assert opened.longest >= 40
    ask(opened, tokens, np.arange(36, 40))
    assert opened.positions_decoded == 40


def test_a_context_that_cannot_grow_is_as_it_was(context, monkeypatch):
    opened, tokens = context(length=16), text(16)
    before = ask(opened, tokens, np.arange(12, 16))

    def refuse(*_):
        raise ContextError("not enough memory?")

    with monkeypatch.context() as patched:
        patched.setattr(Context, "_open", refuse)
        with pytest.raises(ContextError, match="not enough"):
            opened.reserve(40)
    assert opened.longest == 16
    assert np.array_equal(ask(opened, tokens, np.arange(12, 16)), before)
    assert opened.positions_decoded == 16 + 4


# -------------------------------------------------------------------------- what is refused


def test_a_batch_that_would_cut_a_block_is_refused(context):
    with pytest.raises(ValueError, match="3 blocks of 8 do not fit a batch of 23"):
        context(attention=replace(SDAR, length=8), sequences=3, batch=23)


@pytest.mark.parametrize("query", [Query(text(8)[:0], []), Query(text(8), [4], sequence=1)])
def test_a_text_that_does_not_fit_is_refused(context, query):
    with pytest.raises(ValueError, match="does not fit a context of 1 sequences"):
        context().logits([query])


def test_positions_of_an_earlier_block_are_refused(context):
    with pytest.raises(ValueError, match=r"are not all of the block \[4, 8\)"):
        ask(context(), text(8), [3, 4])
    with pytest.raises(ValueError, match=r"not within the block \[4, 8\)"):
        ask(context(), text(8), [5], recompute=np.arange(2, 6))


@pytest.mark.parametrize("wrong", [{"length": 0}, {"text": "both ways"}, {"shift": "left"}])
def test_attention_that_there_is_not(wrong):
    with pytest.raises(ValueError, match="at least one position|is one of"):
        BlockAttention(**{"length": 4} | wrong)


def test_an_architecture_that_cannot_go_back_is_refused(tmp_path):
    path = tmp_path / "mamba.gguf"
    write_mamba_vocabulary(path)
    refusal = pytest.raises(ContextError, match="architecture mamba cannot repeat a block")
    with Model(path, vocabulary_only=True) as recurrent, refusal:
        BlockContext(recurrent, SDAR, length=8)


def write_mamba_vocabulary(path) -> None:
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "ab"])
    writer.add_token_merges(["a b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
