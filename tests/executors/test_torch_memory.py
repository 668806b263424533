"""Blocks: shared, copied on write, freed and poisoned; window groups hold less than full groups would."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("transformers")

import torch

from doubletime.core.plan import Copy
from doubletime.core.vocabulary import GroupKind, KVGroup
from doubletime.executors.kv_cache import KVCache
from doubletime.models import Model, random_model
from doubletime.shapes import blocks_for_memory, kv_bytes_of_one, kv_groups, published_shape, shape_from_config
from tests.checkpoints import FAMILIES, first_difference, greedy, random_prompts
from tests.executors.torch_driver import BLOCK, Driver, model_of, token_of

PROMPT = random_prompts(1, [22], seed=7)[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fork_shares_blocks_and_copies_the_partly_filled_one(name: str) -> None:
    """The child goes on from the parent's KV with tokens of its own; neither disturbs the other."""
    other = [*PROMPT, 77]
    with Driver(name) as driver:
        driver.admit(0, PROMPT)
        driver.admit(1, other)
        tokens = [driver.step(driver.slab(0, 0, 22, samples=1)).sampled[0].token]
        driver.share(0, 1)
        driver.copy_block(1, 22 // BLOCK)
        output = driver.step(driver.slab(0, 22, 1, samples=1), driver.slab(1, 22, 1, samples=1))
        tokens += [token_of(output, 0), *driver.decode(0, 23, 8)]
        forked = [token_of(output, 1), *driver.decode(1, 23, 8)]
    first_difference(name, PROMPT, tokens)
    first_difference(name, other, forked)


@pytest.mark.parametrize("name", FAMILIES)
def test_blocks_are_used_again_and_no_stale_one_is_read(name: str) -> None:
    """Seven sequences in turn through twelve blocks; what is freed becomes NaN, and a NaN would fail the step."""
    with Driver(name, blocks=12) as driver:
        for seq, prompt in enumerate(random_prompts(7, [22, 9, 30, 17], seed=8)):
            driver.admit(seq, prompt)
            text = [driver.step(driver.slab(seq, 0, len(prompt), samples=1)).sampled[0].token]
            text += driver.decode(seq, len(prompt), 8)
            driver.end(seq)
            first_difference(name, prompt, text)


def test_poison_shows_a_stale_read() -> None:
    with Driver("llama") as driver:
        driver.admit(0, PROMPT)
        driver.step(driver.slab(0, 0, 22, samples=1))
        driver.pending["frees"].append((0, driver.tables.lists[0, 0][2]))  # which the sequence still reads
        driver.send(driver.slab(0, 22, 1, samples=1))
        error = driver.answer().error
        assert error is not None
        assert "not finite" in error


def test_a_window_group_holds_a_bounded_number_of_blocks() -> None:
    """However long the text: what left the window is freed (and poisoned), and the tokens stay right."""
    with Driver("gemma3", blocks=40) as driver:
        driver.admit(0, PROMPT)
        text = [driver.step(driver.slab(0, 0, 22, samples=1)).sampled[0].token, *driver.decode(0, 22, 90)]
        held = [sum(block >= 0 for block in driver.tables.lists[0, g]) for g in range(2)]
    assert [group.kind for group in driver.groups] == [GroupKind.FULL, GroupKind.WINDOW]
    assert held == [-(-112 // BLOCK), 16 // BLOCK]
    first_difference("gemma3", PROMPT, text)


def test_window_groups_use_less_memory_than_full_groups_would() -> None:
    """KV bytes of one sequence, in Gemma 3's own groups and if all its layers were full: 1B at 32k, 270M at 8k."""
    for name, length, ratio in (("gemma-3-1b", 32_768, 5.96), ("gemma-3-270m", 8_192, 4.50)):
        groups = kv_groups(published_shape(name), 16, 2)
        assert kv_bytes_of_one(_all_full(groups), length) / kv_bytes_of_one(groups, length) == pytest.approx(
            ratio, abs=0.01
        )


def test_and_so_does_the_cache_that_is_allocated_for_them() -> None:
    model = model_of("gemma3")
    groups = kv_groups(model.shape, BLOCK)
    windowed, full = (_cache_bytes(model, each, 1024) for each in (groups, _all_full(groups)))
    assert full / windowed == pytest.approx(2 * 257 / (257 + 7), rel=0.001)  # half of the layers see 16 tokens


def _all_full(groups: tuple[KVGroup, ...]) -> tuple[KVGroup, ...]:
    return tuple(replace(group, kind=GroupKind.FULL, window=0) for group in groups)


def _cache_bytes(model: Model, groups: tuple[KVGroup, ...], length: int) -> int:
    blocks = blocks_for_memory(groups, kv_bytes_of_one(groups, length), length)
    return KVCache(model, groups, blocks).nbytes


def test_the_cache_takes_the_bytes_that_the_shape_says() -> None:
    model = model_of("gemma3")
    groups = kv_groups(model.shape, 8, 4)
    cache = KVCache(model, groups, (10, 4))
    padding = sum(group.block_bytes for group in groups)
    assert cache.nbytes == sum(n * group.block_bytes for n, group in zip((10, 4), groups, strict=True)) + padding


def test_copies_reach_every_layer() -> None:
    model = model_of("llama")
    cache = KVCache(model, kv_groups(model.shape, 4), (3,))
    cache.tensors[0].normal_()
    cache.copy([Copy(0, 2, 0)])
    assert torch.equal(cache.tensors[0][:, :, :, 0:4], cache.tensors[0][:, :, :, 8:12])


def test_a_truncated_and_extended_sequence_is_that_of_the_new_text() -> None:
    text = [*PROMPT[:10], 50, 51, 52]
    with Driver("qwen3") as driver:
        driver.admit(0, PROMPT)
        driver.step(driver.slab(0, 0, 22, samples=1))
        driver.executor.truncate(0, 10)
        driver.executor.append(0, [50, 51, 52])
        tokens = [driver.step(driver.slab(0, 10, 3, samples=1)).sampled[0].token, *driver.decode(0, 13, 8)]
    first_difference("qwen3", text, tokens)


def test_two_plans_in_flight_need_no_token_from_the_host() -> None:
    with Driver("qwen3_moe") as driver:
        driver.admit(0, PROMPT)
        driver.send(driver.slab(0, 0, 22, samples=1))
        for at in range(22, 30):
            driver.send(driver.slab(0, at, 1, samples=1))
        tokens = [driver.answer().sampled[0].token for _ in range(9)]
    assert tuple(tokens) == greedy("qwen3_moe", tuple(PROMPT), 9)


def test_random_models_run() -> None:
    """A published family at a toy size, weights from the seed: the same on every call."""
    shape = shape_from_config(
        {
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "vocab_size": 300,
        }
    )
    texts = []
    for _ in range(2):
        with Driver("", model=random_model(shape, torch.float32)) as driver:
            driver.admit(0, PROMPT)
            texts.append([driver.step(driver.slab(0, 0, 22, samples=1)).sampled[0].token, *driver.decode(0, 22, 20)])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 3
