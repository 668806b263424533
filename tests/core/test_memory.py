from __future__ import annotations

import pytest

from doubletime.core.events import Request
from doubletime.core.memory import Memory, block_key, first_live_block, live_blocks
from doubletime.core.plan import Copy
from doubletime.core.sequence import NEVER, Sequence
from doubletime.core.vocabulary import GroupKind, KVGroup
from tests.core.rig import FULL, WINDOW, make_limits

SMALL = KVGroup((0,), GroupKind.FULL, 2, 32)
WIDE = KVGroup((0,), GroupKind.LATENT, 6, 32)


def sequence(prompt: int, seq_id: int = 0, groups: int = 1, key_tokens: int = 4, **fields: bool) -> Sequence:
    keys = tuple(range(100, 100 + prompt // key_tokens))
    return Sequence(seq_id, Request(seq_id, prompt, 8, keys=keys, key_tokens=key_tokens, **fields), 0, groups)


def memory(*groups: KVGroup, blocks: int | tuple[int, ...] = 8) -> Memory:
    return Memory(make_limits(blocks, groups or (FULL,)))


def compute(mem: Memory, seq: Sequence, tokens: int) -> None:
    """Takes the blocks for the first `tokens` tokens and computes them."""
    mem.extend(seq, mem.missing([len(table) for table in seq.tables], tokens, 0))
    seq.done = seq.computed = tokens
    mem.tend(seq)


def leave(mem: Memory, seq: Sequence) -> None:
    mem.release(mem.detach(seq), lambda seq, block: 0.0)


# ---- what a request needs


def test_what_can_never_fit_says_which_group_is_too_small() -> None:
    mem = memory(FULL, SMALL, blocks=(3, 6))
    assert mem.cannot_fit(8, 5) is None, "12 positions: the last sampled token needs no KV"
    assert mem.cannot_fit(8, 6) == "8 prompt + 6 output tokens need 4 KV blocks of 4 tokens in group 0; there are 3"


def test_a_window_needs_no_more_blocks_than_it_spans() -> None:
    assert [live_blocks(WINDOW, tokens) for tokens in (1, 4, 5, 8, 9, 12, 1000)] == [1, 1, 2, 2, 3, 3, 3]
    assert memory(WINDOW, blocks=3).cannot_fit(1000, 1000) is None
    assert memory(WINDOW, blocks=2).cannot_fit(8, 2) is not None
    assert live_blocks(FULL, 9) == 3
    assert live_blocks(KVGroup((0,), GroupKind.WINDOW, 4, 1, window=5), 100) == 2
    assert live_blocks(KVGroup((0,), GroupKind.WINDOW, 4, 1, window=1), 100) == 1


def test_the_first_block_that_a_window_reads() -> None:
    assert [first_live_block(WINDOW, position) for position in (0, 5, 8, 9, 12, 13)] == [0, 0, 0, 1, 1, 2]
    assert first_live_block(FULL, 100) == 0
    assert memory(FULL, WINDOW).first_live(9) == (0, 1)


def test_missing_blocks_count_up_to_the_end_and_reserve_only_full_groups() -> None:
    mem = memory(FULL, WINDOW)
    assert mem.missing([0, 0], 5, 0) == [2, 2]
    assert mem.missing([2, 1], 5, 0) == [0, 1]
    assert mem.missing([1, 1], 5, 17) == [4, 1]
    assert mem.missing([9, 9], 5, 0) == [0, 0]


def test_how_far_one_slab_may_reach_in_an_empty_memory() -> None:
    assert memory(FULL, WINDOW, blocks=(9, 3)).most_at_once((0, 0)) == 12
    assert memory(FULL, WINDOW, blocks=(9, 3)).most_at_once((0, 2)) == 20
    assert memory(FULL, WINDOW, blocks=(4, 9)).most_at_once((0, 0)) == 16


# ---- the prefix index


def test_a_block_is_found_once_it_is_full_and_computed() -> None:
    mem = memory()
    first, second = sequence(12, 0), sequence(12, 1)
    compute(mem, first, 7)
    assert mem.match(second).tokens == 4
    compute(mem, first, 12)
    assert mem.match(second).tokens == 8, "the last token is always computed, for its logits"
    assert mem.match(sequence(13, 2)).tokens == 12


def test_a_match_changes_nothing() -> None:
    mem = memory()
    compute(mem, sequence(12), 12)
    before = [list(mem.pools[0].refs), dict(mem.pools[0].index), mem.pools[0].available]
    hit = mem.match(sequence(12, 1))
    assert hit.blocks == ((0, 1),)
    assert [mem.pools[0].refs, mem.pools[0].index, mem.pools[0].available] == before


def test_who_needs_every_position_computed_takes_no_hit() -> None:
    mem = memory()
    compute(mem, sequence(12), 12)
    assert mem.match(sequence(12, 1, take_hits=False)).tokens == 0


def test_a_hit_is_valid_in_every_group() -> None:
    """Blocks of 4 and 6 tokens: hits are multiples of 12, and end where the shorter of the two ends."""
    mem = memory(FULL, WIDE, blocks=20)
    parent = sequence(40, 0, groups=2)
    compute(mem, parent, 40)
    assert mem.grain == 12
    assert mem.match(sequence(40, 1, groups=2)).tokens == 36
    mem.pools[1].withdraw(parent.tables[1][5])
    assert mem.match(sequence(40, 1, groups=2)).tokens == 24
    assert mem.match(sequence(12, 1, groups=2)).tokens == 0, "shorter than a grain and one token"
    assert mem.match(sequence(13, 1, groups=2)).tokens == 12


def test_a_window_hit_needs_the_blocks_of_its_window_only() -> None:
    mem = memory(FULL, WINDOW, blocks=20)
    parent = sequence(24, 0, groups=2)
    compute(mem, parent, 24)
    assert parent.tables[1][:4] == [-1, -1, -1, -1], "they have left the window"
    leave(mem, parent)
    hit = mem.match(sequence(25, 1, groups=2))
    assert hit.tokens == 24
    assert hit.blocks[1][:4] == (-1, -1, -1, -1)
    assert len(hit.blocks[0]) == len(hit.blocks[1]) == 6


def test_a_hole_in_the_window_makes_the_hit_shorter() -> None:
    mem = memory(FULL, WINDOW, blocks=20)
    parent = sequence(24, 0, groups=2)
    for tokens in range(4, 25, 4):
        compute(mem, parent, tokens)
    leave(mem, parent)
    del mem.pools[1].index[parent.keys[5]]
    assert mem.match(sequence(25, 1, groups=2)).tokens == 20
    del mem.pools[1].index[parent.keys[3]]
    assert mem.match(sequence(25, 1, groups=2)).tokens == 12
    del mem.pools[1].index[parent.keys[0]]
    assert mem.match(sequence(25, 1, groups=2)).tokens == 12, "block 0 is outside the window at 12"
    del mem.pools[1].index[parent.keys[1]]
    assert mem.match(sequence(25, 1, groups=2)).tokens == 0


def test_windows_alone_can_hit() -> None:
    mem = memory(WINDOW, blocks=20)
    parent = sequence(24)
    compute(mem, parent, 24)
    assert mem.match(sequence(25, 1)).tokens == 24


def test_a_remembered_match_forgets_what_was_removed() -> None:
    mem = memory(blocks=4)
    parent, follower = sequence(13, 0), sequence(13, 1)
    compute(mem, parent, 13)
    assert mem.match(follower).tokens == 12
    assert mem.match(follower).tokens == 12
    mem.pools[0].withdraw(parent.tables[0][1])
    assert mem.match(follower).tokens == 4


def test_keys_of_blocks_that_are_not_spans() -> None:
    seq = sequence(24)
    assert [block_key(seq, 4, i) for i in range(3)] == [100, 101, 102]
    assert [block_key(seq, 8, i) for i in range(2)] == [101, 103], "the last span says it all"
    inside = {block_key(seq, 2, i) for i in range(4)}
    assert len(inside) == 4
    assert block_key(seq, 2, 1) == 100
    assert 0 <= block_key(seq, 3, 0) < 1 << 128
    high = sequence(4)
    high.keys = [(1 << 128) - 1]
    assert 0 <= block_key(high, 3, 0) < 1 << 128
    assert block_key(high, 3, 0) != block_key(high, 2, 0) != block_key(high, 1, 0)


# ---- taking and giving back


def test_a_hit_shares_its_blocks() -> None:
    mem = memory()
    parent, child = sequence(12, 0), sequence(12, 1)
    compute(mem, parent, 12)
    mem.seat_hit(child, mem.match(child))
    assert child.tables == [[0, 1]]
    assert (child.done, child.computed, child.published) == (8, 8, [2])
    assert mem.pools[0].refs[:3] == [2, 2, 1]


def test_a_fork_shares_what_the_window_still_reads() -> None:
    mem = memory(FULL, WINDOW, blocks=20)
    parent, child = sequence(23, 0, groups=2), sequence(23, 1, groups=2)
    compute(mem, parent, 23)
    assert mem.share_prefix(parent, child, 22)
    assert child.tables[0] == parent.tables[0]
    assert child.tables[1] == parent.tables[1]
    assert child.published == [5, 5]
    assert child.done == child.computed == 22
    assert all(mem.pools[g].refs[block] == 2 for g in (0, 1) for block in child.tables[g] if block >= 0)


def test_no_fork_of_what_is_gone() -> None:
    mem = memory(FULL, WINDOW, blocks=20)
    parent = sequence(24, 0, groups=2)
    compute(mem, parent, 24)
    child = sequence(24, 1, groups=2)
    assert not mem.share_prefix(parent, child, 10), "its window has moved on"
    assert not mem.share_prefix(parent, child, 25), "it was never computed"
    assert child.tables == [[], []]
    assert sum(mem.pools[0].refs) == 6


def test_writing_into_a_shared_block_copies_it() -> None:
    mem = memory()
    parent, child = sequence(7, 0), sequence(7, 1)
    compute(mem, parent, 7)
    mem.share_prefix(parent, child, 6)
    assert mem.make_writable(child) == [Copy(0, 1, 2)]
    assert child.tables == [[0, 2]]
    assert mem.pools[0].refs[:3] == [2, 1, 1]
    assert mem.make_writable(parent) == []
    assert mem.make_writable(child) == []


def test_writing_into_a_published_block_of_its_own_withdraws_it() -> None:
    mem = memory()
    seq = sequence(8)
    compute(mem, seq, 8)
    assert len(mem.pools[0].index) == 2
    seq.computed = seq.done = 7
    assert mem.make_writable(seq) == []
    assert list(mem.pools[0].index.values()) == [0]
    assert seq.published == [1]
    compute(mem, seq, 8)
    assert len(mem.pools[0].index) == 2, "it is published again when it is full again"


def test_copying_publishes_the_copy_later() -> None:
    mem = memory()
    parent, child = sequence(8, 0), sequence(8, 1)
    compute(mem, parent, 8)
    mem.share_prefix(parent, child, 8)
    child.computed = child.done = 7
    mem.make_writable(child)
    assert child.published == [1]


def test_room_is_what_every_group_can_take() -> None:
    mem = memory(FULL, SMALL, blocks=20)
    seq = sequence(9, groups=2)
    mem.extend(seq, [2, 3])
    assert seq.room == 6
    serial = sequence(9, groups=2, serial=True)
    mem.extend(serial, [2, 3])
    assert serial.room == 0, "each of its steps is checked"


def test_blocks_leave_a_window_when_their_last_reader_is_computed() -> None:
    mem = memory(WINDOW)
    seq = sequence(20)
    compute(mem, seq, 8)
    assert -1 not in seq.tables[0]
    compute(mem, seq, 9)
    assert seq.tables[0][0] == -1
    assert seq.tables[0].count(-1) == 1
    compute(mem, seq, 18)
    assert seq.tables[0].count(-1) == 3


@pytest.mark.parametrize("groups", [(FULL,), (WINDOW,), (FULL, WINDOW), (SMALL, WINDOW), (WIDE,)])
def test_tending_is_due_exactly_when_there_is_something_to_do(groups: tuple[KVGroup, ...]) -> None:
    """Between `tend_at` and now, tending would change nothing; at `tend_at` it does."""
    mem = memory(*groups, blocks=64)
    seq = sequence(60, groups=len(groups))
    compute(mem, seq, 1)
    for done in range(2, 61):
        mem.extend(seq, mem.missing([len(table) for table in seq.tables], done, 0))
        seq.done = seq.computed = done
        before = [dict(pool.index) for pool in mem.pools], [table.count(-1) for table in seq.tables]
        due = done >= seq.tend_at
        mem.tend(seq)
        after = [dict(pool.index) for pool in mem.pools], [table.count(-1) for table in seq.tables]
        assert due == (before != after), done
    keyless = Sequence(1, Request(1, 9, 4), 0, len(groups))
    compute(mem, keyless, 9)
    assert (keyless.tend_at == NEVER) == (WINDOW not in groups)


def test_detached_blocks_come_back_tail_first() -> None:
    mem = memory(blocks=3)
    seq = sequence(12)
    compute(mem, seq, 12)
    leave(mem, seq)
    assert seq.tables == [[]]
    assert seq.published == [0]
    assert [mem.pools[0].allocate() for _ in range(3)] == [2, 1, 0]


def test_the_retain_rank_is_asked_for_each_block() -> None:
    mem = memory(blocks=3)
    seq = sequence(12)
    compute(mem, seq, 12)
    kept = mem.detach(seq, [1])
    assert (kept.first, kept.tables) == ((1,), ([1, 2],))
    assert seq.tables == [[0]]
    mem.release(kept, lambda owner, block: -block if owner is seq else 9.0)
    assert [mem.pools[0].allocate() for _ in range(2)] == [2, 1]


def test_a_pin_outlasts_the_plain_cache() -> None:
    mem = memory(blocks=2)
    pinned, plain = sequence(4, 0), sequence(4, 1)
    plain.keys, pinned.pin_until = [7], 50
    compute(mem, pinned, 4)
    compute(mem, plain, 4)
    leave(mem, pinned)
    leave(mem, plain)
    assert [mem.pools[0].allocate(), mem.pools[0].allocate()] == [1, 0]


def test_limbo_counts_what_a_step_in_flight_still_uses() -> None:
    mem = memory(FULL, WINDOW, blocks=20)
    seq = sequence(24, groups=2)
    compute(mem, seq, 24)
    detached = mem.detach(seq)
    mem.enter_limbo(detached, +1)
    assert mem.limbo == [6, 2]
    mem.enter_limbo(detached, -1)
    assert mem.limbo == [0, 0]


def test_what_went_free_is_told_once() -> None:
    mem = memory()
    seq = Sequence(0, Request(0, 6, 4), 0, 1)
    compute(mem, seq, 6)
    leave(mem, seq)
    assert mem.take_freed() == ((0, 1), (0, 0))
    assert mem.take_freed() == ()


def test_dropping_the_cache_frees_all_that_nobody_holds() -> None:
    mem = memory()
    seq = sequence(12)
    compute(mem, seq, 12)
    leave(mem, seq)
    assert mem.pools[0].free == 5
    mem.drop_cache()
    assert mem.pools[0].free == 8


def test_a_match_is_asked_again_only_where_it_ended() -> None:
    """A waiting sequence is matched in every step: that must not cost its whole prompt each time."""

    class Counting(dict[int, int]):
        looks = 0

        def __contains__(self, key: object) -> bool:
            self.looks += 1
            return super().__contains__(key)

    mem = memory(blocks=12)
    compute(mem, sequence(40, 0), 40)
    mem.pools[0].index = index = Counting(mem.pools[0].index)
    follower = sequence(48, 1)
    assert mem.match(follower).tokens == 40
    first, index.looks = index.looks, 0
    assert mem.match(follower).tokens == 40
    assert (first, index.looks) == (11, 1)
