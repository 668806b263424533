"""What fits, and what is said where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doubletime.core.vocabulary import GroupKind
from doubletime.hardware.layout import Layout
from doubletime.hardware.memory import DoesNotFit, demand, limits_for
from doubletime.shapes import published_shape
from tests.hardware.fake import SPEC, FakeMachine

LLAMA = published_shape("llama-3.1-8b")
RTX4090 = FakeMachine(replace(SPEC, capacity=25_250_627_584, reserved=1_000_000_000))
MEASURED_BLOCKS = 2588  # vLLM 0.19 on an RTX 4090, memory share 0.9, 2,048 rows, 256 seats


def test_blocks_are_those_that_vllm_found() -> None:
    limits = limits_for(LLAMA, RTX4090, Layout(), max_model_len=32_768)
    assert limits.blocks[0] == pytest.approx(MEASURED_BLOCKS, rel=0.03)
    assert limits.groups[0].block_bytes == 16 * 2 * 8 * 128 * 2 * 32
    assert limits.max_length == 32_768


def test_a_model_that_is_too_large_is_refused_with_the_numbers() -> None:
    with pytest.raises(DoesNotFit, match=r"22\.73 GB usable of a device - 141\.\d+ GB weights"):
        limits_for(published_shape("llama-3.1-70b"), RTX4090, Layout())


def test_a_sequence_that_is_too_long_is_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"one sequence of 131,072 tokens needs 17\.18 GB"):
        limits_for(LLAMA, RTX4090, Layout(), max_model_len=131_072)


def test_without_a_length_it_is_what_one_sequence_can_have() -> None:
    limits = limits_for(LLAMA, RTX4090, Layout())
    assert limits.max_length == limits.blocks[0] * 16


def test_kv_memory_that_is_not_there_is_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"10\.00 GB of KV on 1 device"):
        limits_for(LLAMA, RTX4090, Layout(), kv_memory=10_000_000_000)


def test_kv_memory_is_that_of_all_ranks() -> None:
    one = limits_for(LLAMA, RTX4090, Layout(), kv_memory=2_000_000_000, max_model_len=4096)
    two = limits_for(LLAMA, RTX4090, Layout(tp=2), kv_memory=2_000_000_000, max_model_len=4096)
    assert one.blocks == two.blocks == (2_000_000_000 // one.groups[0].block_bytes,)


@pytest.mark.parametrize("layout", [Layout(tp=2), Layout(pp=2), Layout(weights="fp8"), Layout(kv="fp8")])
def test_more_devices_and_smaller_formats_leave_more_blocks(layout: Layout) -> None:
    few = limits_for(LLAMA, RTX4090, Layout(), max_model_len=4096).blocks[0]
    assert limits_for(LLAMA, RTX4090, layout, max_model_len=4096).blocks[0] > 1.5 * few


def test_copied_kv_heads_take_their_memory_on_every_rank() -> None:
    few_heads = replace(LLAMA, kv_heads=2)
    two = limits_for(few_heads, RTX4090, Layout(tp=2), kv_memory=1_000_000_000, max_model_len=4096)
    four = limits_for(few_heads, RTX4090, Layout(tp=4), kv_memory=1_000_000_000, max_model_len=4096)
    assert four.blocks[0] == pytest.approx(two.blocks[0] / 2, rel=0.01)


def test_data_parallel_ranks_each_bring_their_memory_but_a_sequence_lives_on_one() -> None:
    shape = published_shape("qwen3-30b-a3b")
    machine = FakeMachine(replace(SPEC, capacity=48_000_000_000))
    two, four = (limits_for(shape, machine, Layout(ep=ep), max_model_len=40_960).blocks[0] for ep in (2, 4))
    assert four > 2 * two
    with pytest.raises(DoesNotFit, match="one sequence of 400,000 tokens"):
        limits_for(shape, machine, Layout(ep=4), max_model_len=400_000)


def test_window_groups_get_blocks_of_their_own() -> None:
    limits = limits_for(published_shape("gemma-3-1b"), RTX4090, Layout(), max_model_len=8192)
    assert [group.kind for group in limits.groups] == [GroupKind.FULL, GroupKind.WINDOW]
    assert all(limits.blocks)


def test_the_demand_is_that_of_the_fullest_stage() -> None:
    whole, stage = demand(LLAMA, SPEC, Layout()), demand(LLAMA, SPEC, Layout(pp=2))
    assert whole.weights == pytest.approx(16.06e9, rel=0.001)
    assert whole.weights / 2 <= stage.weights < whole.weights * 0.6


def test_a_share_of_memory_lies_between_zero_and_one() -> None:
    with pytest.raises(ValueError, match=r"not at 1\.5"):
        demand(LLAMA, SPEC, Layout(), share=1.5)
