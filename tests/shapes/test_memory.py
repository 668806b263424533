"""Groups, depth, tensors, and the split of a KV budget."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup
from doubletime.shapes import (
    PUBLISHED,
    blocks_for_memory,
    depth_map,
    kv_bytes_of_one,
    kv_groups,
    published_shape,
)

FULL = KVGroup((0, 1), GroupKind.FULL, 16, 1000)
WINDOW = KVGroup((2, 3), GroupKind.WINDOW, 16, 3000, 64)


def test_full_layers_are_one_group_and_window_layers_another() -> None:
    full, window = kv_groups(published_shape("gemma-3-1b"), 16, 2)
    assert (full.kind, full.layers) == (GroupKind.FULL, (5, 11, 17, 23))
    assert (window.kind, len(window.layers), window.window) == (GroupKind.WINDOW, 22, 512)
    assert full.block_bytes == 16 * 4 * 2 * 1 * 256 * 2
    assert window.block_bytes == 16 * 22 * 2 * 1 * 256 * 2


def test_a_stop_may_land_between_any_two_operators() -> None:
    assert depth_map(published_shape("qwen3-0.6b")) == DepthMap(28, 5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_kv_of_every_published_shape(name: str) -> None:
    shape = published_shape(name)
    groups = kv_groups(shape)
    assert sorted(layer for group in groups for layer in group.layers) == list(range(shape.layers))


def test_latent_attention_has_groups_of_its_own_kind() -> None:
    (group,) = kv_groups(published_shape("deepseek-v3"), 64, 2, tp=8)
    assert group.kind is GroupKind.LATENT
    assert group.block_bytes == 64 * 61 * (512 + 64) * 2, "every rank keeps all of it"


def test_ranks_share_kv_heads_as_long_as_there_are_enough() -> None:
    shape = published_shape("llama-3.1-70b")
    sizes = [kv_groups(shape, 16, 2, tp=tp)[0].block_bytes for tp in (1, 8, 16)]
    assert sizes[0] == 8 * sizes[1] == 8 * sizes[2]


def test_a_pipeline_stage_keeps_the_kv_of_its_layers() -> None:
    full, window = kv_groups(published_shape("gemma-3-1b"), layers=range(4, 8))
    assert (full.layers, window.layers) == ((5,), (4, 6, 7))


def test_one_full_group_gets_all() -> None:
    assert blocks_for_memory((FULL,), 64_000, 512) == (64,)


def test_too_small_a_budget_names_the_least() -> None:
    with pytest.raises(ValueError, match="needs 32,000 bytes"):
        blocks_for_memory((FULL,), 31_999, 512)
    assert blocks_for_memory((FULL,), 32_000, 512) == (32,)


def test_a_window_group_gets_no_more_than_sequences_can_use() -> None:
    full, window = blocks_for_memory((FULL, WINDOW), 10_000_000, 4096, max_rows=256, max_seats=8)
    assert window == 8 * 5 + 16 + 1
    assert full == (10_000_000 - window * 3000) // 1000


def test_the_split_follows_what_typical_sequences_use() -> None:
    full, window = blocks_for_memory((FULL, WINDOW), 1_000_000, 2048)
    assert full / window == pytest.approx(128 / 6, rel=0.05)


@given(
    budget=st.integers(0, 10**8),
    length=st.integers(1, 100_000),
    rows=st.integers(1, 4096),
    seats=st.integers(1, 512),
    window=st.integers(1, 5000),
    size=st.sampled_from([1, 4, 16, 64]),
)
def test_the_budget_is_kept_and_one_sequence_always_fits(
    budget: int, length: int, rows: int, seats: int, window: int, size: int
) -> None:
    groups = KVGroup((0,), GroupKind.FULL, size, 700), KVGroup((1,), GroupKind.WINDOW, size, 900, window)
    least = kv_bytes_of_one(groups, length)
    if least > budget:
        with pytest.raises(ValueError, match=f"{least:,}"):
            blocks_for_memory(groups, budget, length, rows, seats)
        return
    full, windowed = blocks_for_memory(groups, budget, length, rows, seats)
    assert full * 700 + windowed * 900 <= budget
    assert full * size >= length
    assert windowed * size >= min(length, window)


def test_shapes_need_no_torch() -> None:
    code = "import sys, doubletime.shapes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
