from __future__ import annotations

import pytest

from doubletime.core.blocks import BlockPool


def counts(pool: BlockPool) -> tuple[int, int, int]:
    return pool.free, pool.idle, pool.held


def cached(pool: BlockPool, *keys: int, rank: float = 0.0, pin: int = 0) -> list[int]:
    """Blocks that were published and let go, in this order."""
    blocks = [pool.allocate() for _ in keys]
    for block, key in zip(blocks, keys, strict=True):
        assert pool.publish(block, key)
        pool.release(block, rank, pin)
    return blocks


def test_blocks_are_free_then_held_then_free() -> None:
    pool = BlockPool(3)
    assert counts(pool) == (3, 0, 0)
    assert [pool.allocate(), pool.allocate()] == [0, 1]
    assert counts(pool) == (1, 0, 2)
    assert pool.available == 1
    pool.release(0, 0.0)
    assert counts(pool) == (2, 0, 1)
    assert pool.take_freed() == [0]
    assert pool.take_freed() == []


def test_a_shared_block_is_held_until_its_last_release() -> None:
    pool = BlockPool(1)
    block = pool.allocate()
    pool.share(block)
    pool.release(block, 0.0)
    assert counts(pool) == (0, 0, 1)
    assert pool.take_freed() == []
    pool.release(block, 0.0)
    assert counts(pool) == (1, 0, 0)


def test_a_release_too_many_is_an_error() -> None:
    pool = BlockPool(1)
    with pytest.raises(AssertionError, match="twice"):
        pool.release(0, 0.0)


def test_a_free_block_cannot_be_shared() -> None:
    with pytest.raises(AssertionError, match="free block"):
        BlockPool(1).share(0)


def test_a_published_block_stays_cached_and_can_be_shared_again() -> None:
    pool = BlockPool(2)
    (block,) = cached(pool, 77)
    assert counts(pool) == (1, 1, 0)
    assert pool.available == 2
    assert pool.index == {77: block}
    assert pool.take_freed() == []
    pool.share(block)
    assert counts(pool) == (1, 0, 1)
    assert pool.refs[block] == 1


def test_a_key_and_a_block_are_published_once() -> None:
    pool = BlockPool(2)
    a, b = pool.allocate(), pool.allocate()
    assert pool.publish(a, 1)
    assert not pool.publish(b, 1)
    assert not pool.publish(a, 2)
    assert pool.index == {1: a}
    with pytest.raises(AssertionError):
        BlockPool(1).publish(0, 5)


def test_free_blocks_go_before_cached_ones() -> None:
    pool = BlockPool(2)
    (block,) = cached(pool, 1)
    assert pool.allocate() != block
    assert pool.index == {1: block}
    assert pool.allocate() == block
    assert pool.index == {}
    assert pool.key_of[block] is None
    assert pool.removals == 1
    assert pool.take_freed() == [block]
    assert counts(pool) == (0, 0, 2)


def test_the_least_recently_released_goes_first() -> None:
    pool = BlockPool(3)
    a, b, c = cached(pool, 1, 2, 3)
    pool.share(a)
    pool.release(a, 0.0)
    assert [pool.allocate() for _ in range(3)] == [b, c, a]


def test_the_lowest_rank_goes_first() -> None:
    pool = BlockPool(3)
    high, low = cached(pool, 1, rank=2.0) + cached(pool, 2, rank=-1.0)
    (middle,) = cached(pool, 3, rank=0.5)
    # the third block was free when the others were cached
    assert [pool.allocate() for _ in range(3)] == [low, middle, high]


def test_pins_go_last_in_the_order_in_which_they_end() -> None:
    pool = BlockPool(3)
    blocks = [pool.allocate() for _ in range(3)]
    for key, block in enumerate(blocks):
        pool.publish(block, key)
    late, early, plain = blocks
    pool.release(late, -5.0, pin_until=20)
    pool.release(early, -5.0, pin_until=10)
    pool.release(plain, 9.0)
    assert [pool.allocate() for _ in range(3)] == [plain, early, late]


def test_a_withdrawn_block_may_be_written() -> None:
    pool = BlockPool(1)
    block = pool.allocate()
    assert pool.writable(block)
    pool.publish(block, 1)
    assert not pool.writable(block)
    pool.withdraw(block)
    assert pool.writable(block)
    assert pool.index == {}
    assert pool.removals == 1
    pool.withdraw(block)
    assert pool.removals == 1, "it had no key"
    pool.share(block)
    assert not pool.writable(block)
    with pytest.raises(AssertionError):
        pool.withdraw(block)


def test_dropping_the_cache_frees_cached_and_pinned_blocks_only() -> None:
    pool = BlockPool(3)
    held = pool.allocate()
    cached(pool, 1)
    cached(pool, 2, pin=100)
    pool.drop_cache()
    assert counts(pool) == (2, 0, 1)
    assert pool.refs[held] == 1
    assert pool.index == {}
    assert sorted([pool.allocate(), pool.allocate(), held]) == [0, 1, 2]


@pytest.mark.parametrize("pin", [0, 50])
def test_outdated_entries_do_not_pile_up(pin: int) -> None:
    pool = BlockPool(3)
    a, b, c = cached(pool, 1, 2, 3, pin=pin)
    for _ in range(500):
        pool.share(b)
        pool.release(b, 0.0, pin)
    assert len(pool._cached) + len(pool._pinned) <= 2 * pool.idle + 64
    assert [pool.allocate() for _ in range(3)] == [a, c, b]
