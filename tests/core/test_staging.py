"""Counting before anything changes: `take` and `undo` are inverse, and the counts are what a commit will need."""

from __future__ import annotations

import pytest

from doubletime.core.events import Request
from doubletime.core.memory import Hit, Memory
from doubletime.core.sequence import Sequence
from doubletime.core.staging import StagedMemory
from tests.core.rig import FULL, WINDOW, make_limits


def sequence(seq_id: int, prompt: int, groups: int = 1) -> Sequence:
    return Sequence(seq_id, Request(seq_id, prompt, 8, keys=tuple(range(prompt // 4)), key_tokens=4), 0, groups)


def computed(memory: Memory, seq: Sequence, tokens: int) -> Sequence:
    memory.extend(seq, memory.missing([len(table) for table in seq.tables], tokens, 0))
    seq.done = seq.computed = tokens
    memory.tend(seq)
    return seq


@pytest.fixture
def memory() -> Memory:
    return Memory(make_limits(4))


def test_taking_counts_and_undoing_gives_back(memory: Memory) -> None:
    staged, seq = StagedMemory(memory), sequence(0, 9)
    assert staged.take(seq, [3], None)
    assert staged.available == [1]
    assert staged.taken(seq) == [3]
    assert not staged.take(sequence(1, 9), [2], None)
    assert staged.available == [1]
    assert staged.take(sequence(2, 4), [1], None)
    staged.undo(seq, None)
    assert staged.available == [3]
    assert staged.taken(seq) is None
    assert memory.pools[0].available == 4, "nothing has changed"


def test_a_hit_locks_only_what_nobody_holds(memory: Memory) -> None:
    owner, follower = computed(memory, sequence(0, 8), 8), sequence(1, 9)
    hit = memory.match(follower)
    staged = StagedMemory(memory)
    assert staged.take(follower, [1], hit)
    assert staged.available == [1], "the blocks of the hit were held already"
    memory.release(memory.detach(owner), lambda seq, block: 0.0)
    staged = StagedMemory(memory)
    assert staged.available == [4]
    assert staged.take(follower, [1], hit)
    assert staged.available == [1], "two cached blocks are locked"
    second = sequence(2, 9)
    assert staged.take(second, [1], hit)
    assert staged.available == [0], "locked once"
    staged.undo(second, hit)
    staged.undo(follower, hit)
    assert staged.available == [4]


def test_a_hit_that_cannot_be_locked_is_refused(memory: Memory) -> None:
    owner, follower = computed(memory, sequence(0, 8), 8), sequence(1, 20)
    hit = memory.match(follower)
    memory.release(memory.detach(owner), lambda seq, block: 0.0)
    staged = StagedMemory(memory)
    assert not staged.take(follower, [3], hit), "3 new ones and 2 locked are more than 4"
    assert staged.take(follower, [2], hit)


def test_copy_on_write_is_counted_while_the_block_is_shared(memory: Memory) -> None:
    parent, child = computed(memory, sequence(0, 7), 7), sequence(1, 7)
    memory.share_prefix(parent, child, 6)
    parent.room = 0
    staged = StagedMemory(memory)
    assert staged.take(child, [0], None)
    assert staged.available == [1], "a copy"
    staged.undo(child, None)
    staged.give_back(child)
    assert staged.available == [2], "the other holder remains"
    assert staged.take(parent, [0], None)
    assert staged.available == [2], "now it is the only one"


def test_no_copy_within_the_room(memory: Memory) -> None:
    parent, child = computed(memory, sequence(0, 7), 7), sequence(1, 7)
    memory.share_prefix(parent, child, 6)
    child.room = 8
    staged = StagedMemory(memory)
    assert staged.take(child, [0], None)
    assert staged.available == [2]


def test_what_will_be_written_is_no_hit_for_others(memory: Memory) -> None:
    owner, follower = computed(memory, sequence(0, 8), 8), sequence(1, 9)
    hit = memory.match(follower)
    owner.computed = owner.done = 7
    owner.room = 0
    staged = StagedMemory(memory)
    assert staged.usable(hit)
    assert staged.take(owner, [0], None)
    assert not staged.usable(hit)
    assert staged.usable(Hit(4, ((0,),)))
    assert staged.usable(None)
    staged.undo(owner, None)
    assert staged.usable(hit)


def test_a_published_block_with_a_reader_is_copied_not_claimed(memory: Memory) -> None:
    owner, follower = computed(memory, sequence(0, 8), 8), sequence(1, 9)
    hit = memory.match(follower)
    owner.computed = owner.done = 7
    owner.room = 0
    staged = StagedMemory(memory)
    assert staged.take(follower, [1], hit)
    assert staged.take(owner, [0], None)
    assert staged.available == [0]
    assert staged.usable(hit)


def test_growing_takes_the_next_block_of_each_group_that_is_full() -> None:
    memory = Memory(make_limits((3, 4), (FULL, WINDOW)))
    seq = computed(memory, sequence(0, 8, 2), 8)
    staged = StagedMemory(memory)
    assert staged.grow(seq)
    assert staged.taken(seq) == [1, 1]
    assert staged.available == [0, 1]
    other = sequence(1, 8, 2)
    assert not staged.grow(other)
    assert staged.available == [0, 1]
    staged.undo(seq, None)
    assert staged.available == [1, 2]


def test_a_preempted_sequence_gives_back_what_only_it_holds(memory: Memory) -> None:
    parent, child = computed(memory, sequence(0, 7), 7), sequence(1, 7)
    memory.share_prefix(parent, child, 4)
    staged = StagedMemory(memory)
    staged.give_back(parent)
    assert staged.available == [3]
    staged.give_back(child)
    assert staged.available == [4]


def test_blocks_of_a_step_in_flight_come_later(memory: Memory) -> None:
    seq = computed(memory, sequence(0, 12), 12)
    seq.in_flight = 1
    staged = StagedMemory(memory)
    staged.give_back(seq)
    assert staged.available == [1]
    assert not staged.wait_is_enough or staged.available == [1]
    assert not staged.take(sequence(1, 16), [4], None)
    assert staged.wait_is_enough, "three more are on their way"
    assert not staged.take(sequence(1, 20), [5], None)
    assert not staged.wait_is_enough, "waiting would not do"


def test_nothing_on_its_way_is_never_enough(memory: Memory) -> None:
    assert not StagedMemory(memory).wait_is_enough
    staged = StagedMemory(memory)
    assert not staged.take(sequence(1, 20), [5], None)
    assert not staged.wait_is_enough


def test_limbo_counts_as_on_its_way(memory: Memory) -> None:
    seq = computed(memory, sequence(0, 16), 16)
    detached = memory.detach(seq)
    memory.enter_limbo(detached, +1)
    staged = StagedMemory(memory)
    assert not staged.take(sequence(1, 8), [2], None)
    assert staged.wait_is_enough


def test_blocks_that_left_the_window_are_not_given_back_twice() -> None:
    memory = Memory(make_limits(8, (WINDOW,)))
    seq = computed(memory, sequence(0, 18), 18)
    assert seq.tables[0].count(-1) == 3
    staged = StagedMemory(memory)
    before = staged.available[0]
    staged.give_back(seq)
    assert staged.available == [before + 2]


def test_blocks_in_flight_of_every_group_come_later() -> None:
    memory = Memory(make_limits((6, 6), groups=(FULL, WINDOW)))
    seq, other = computed(memory, sequence(0, 12, 2), 5), sequence(1, 24, 2)
    seq.in_flight = 1
    staged = StagedMemory(memory)
    staged.give_back(seq)
    assert staged.available == [4, 4]
    assert not staged.take(other, [6, 6], None)
    assert staged.wait_is_enough, "both groups get two blocks back"
