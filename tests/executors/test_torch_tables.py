"""Block tables, ledger, limits: the executor's books."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from doubletime.core.vocabulary import GroupKind, KVGroup
from doubletime.decoding.sampling import Sampling
from doubletime.executors.block_tables import BlockTable
from doubletime.executors.ledger import Ledger
from doubletime.executors.torch_limits import available_memory, limits_for
from doubletime.models import random_model
from doubletime.shapes import kv_bytes_of_one, shape_from_config

SIZE = 4
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 16,
    "max_position_embeddings": 1000,
}

Change = tuple[int, int, list[int]]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30), st.lists(st.integers(-1, 99), max_size=12))))
def test_a_table_is_the_lists_that_it_was_told(changes: list[Change]) -> None:
    """Random changes against plain lists; an empty change with index 0 on a known sequence forgets it."""
    table, lists = BlockTable(KVGroup((0,), GroupKind.FULL, SIZE, 1)), dict[int, list[int]]()
    for seq, at, blocks in changes:
        if at == 0 and not blocks:
            table.forget(seq)
            lists.pop(seq, None)
            continue
        at = min(at, len(lists.get(seq, [])))
        table.change(seq, at, tuple(blocks))
        lists[seq] = lists.get(seq, [])[:at] + blocks
    for seq, own in lists.items():
        slots = table.slots(table.rows([seq]), torch.arange(len(own) * SIZE)).tolist()
        assert slots == [block * SIZE + i if block >= 0 else -1 for block in own for i in range(SIZE)]


def test_an_unknown_sequence_has_no_blocks() -> None:
    with pytest.raises(LookupError, match="sequence 5"):
        BlockTable(KVGroup((0,), GroupKind.FULL, SIZE, 1)).rows([5])


def test_the_ledger_reads_what_was_written() -> None:
    ledger = Ledger()
    ledger.admit(1, [5, 6, 7], Sampling())
    ledger.put(1, 3, 8)
    ledger.append(1, [9, 10])
    assert ledger.read(1, 2, 6) == [7, 8, 9, 10]
    ledger.truncate(1, 2)
    ledger.put(1, 2, 4)
    assert ledger.read(1, 0, 3) == [5, 6, 4]
    with pytest.raises(LookupError, match=r"\[0, 4\)"):
        ledger.read(1, 0, 4)
    with pytest.raises(LookupError, match="at 9"):
        ledger.put(1, 9, 0)


def test_the_ledger_forgets() -> None:
    ledger = Ledger()
    ledger.admit(1, [5], Sampling())
    ledger.forget(1)
    ledger.append(1, [6])
    ledger.truncate(1, 0)
    assert 1 not in ledger


def test_limits_fit_the_memory() -> None:
    model = random_model(shape_from_config(CONFIG), torch.float32)
    limits = limits_for(model, kv_memory=1 << 20, max_length=256, max_rows=64, max_seats=8)
    assert limits.blocks[0] * limits.groups[0].block_bytes <= 1 << 20
    assert (limits.max_length, limits.depth.total) == (256, 5)
    with pytest.raises(ValueError, match="too small"):
        limits_for(model, kv_memory=1000, max_length=256)


def test_without_a_length_it_is_what_fits() -> None:
    model = random_model(shape_from_config(CONFIG), torch.float32)
    assert limits_for(model, kv_memory=1 << 20).max_length == 1000
    limits = limits_for(model, kv_memory=20_000)
    assert limits.max_length == 20_000 // (16 * 2 * 16 * 4) * 16
    with pytest.raises(ValueError, match="too small"):
        limits_for(model, kv_memory=100)


def test_random_models_may_have_biases() -> None:
    model = random_model(shape_from_config(CONFIG | {"attention_bias": True}), torch.float32)
    assert len(model.operators) == 5


def test_without_a_budget_no_more_than_all_seats_can_use() -> None:
    model = random_model(shape_from_config(CONFIG), torch.float32)
    limits = limits_for(model, max_seats=4, max_rows=64)
    assert limits.blocks[0] * limits.groups[0].block_bytes == 4 * kv_bytes_of_one(limits.groups, 1000)
    assert available_memory() > 1 << 20
