from __future__ import annotations

import pytest

from doubletime.core.events import Request
from doubletime.core.queue import Key, WaitingQueue
from doubletime.core.sequence import Sequence


def sequence(seq_id: int, arrived: int = 0, priority: int = 0) -> Sequence:
    return Sequence(seq_id, Request(seq_id, 5, 5, priority=priority), arrived, 1)


def queue_by(key: Key) -> WaitingQueue:
    return WaitingQueue(key, pytest.fail)


def ids(queue: WaitingQueue) -> list[int]:
    return [seq.id for seq in queue]


def test_order_is_key_then_arrival_then_id() -> None:
    queue = queue_by(lambda seq: seq.priority)
    for seq in (sequence(4, 9, 0), sequence(3, 9, 0), sequence(2, 1, 1), sequence(1, 2, 0)):
        queue.add(seq)
    assert ids(queue) == [1, 3, 4, 2]
    assert len(queue) == 4


def test_a_removed_sequence_is_gone() -> None:
    queue = queue_by(lambda seq: 0)
    a, b = sequence(1), sequence(2)
    queue.add(a)
    queue.add(b)
    queue.remove(a)
    assert a not in queue
    assert b in queue
    assert ids(queue) == [2]
    with pytest.raises(KeyError):
        queue.remove(a)


def test_keys_are_read_again_when_asked_to() -> None:
    keys = {1: 0, 2: 1, 3: 2}
    queue = queue_by(lambda seq: keys[seq.id])
    seqs = [sequence(i) for i in keys]
    for seq in seqs:
        queue.add(seq)
    keys[1] = 5
    assert ids(queue) == [1, 2, 3], "not yet"
    queue.rekey(seqs[0])
    assert ids(queue) == [2, 3, 1]
    queue.rekey(sequence(9))
    assert ids(queue) == [2, 3, 1], "one that does not wait is left alone"


def test_a_key_that_raises_or_does_not_compare_is_a_fault_and_arrival_order_holds() -> None:
    keys: dict[int, object] = {3: 0, 2: 5, 1: "later"}
    faults: list[Exception] = []
    queue = WaitingQueue(lambda seq: keys[seq.id], faults.append)
    for seq_id in keys:
        queue.add(sequence(seq_id))
    assert [type(fault) for fault in faults] == [TypeError]
    assert ids(queue) == [1, 2, 3]
    queue.add(sequence(0))
    assert ids(queue) == [0, 1, 2, 3], "the policy is not asked again"
    assert len(faults) == 1


def test_keys_that_compare_badly_lose_nobody() -> None:
    keys = {1: 3.0, 2: float("nan"), 3: 1.0, 4: 2.0}
    queue = queue_by(lambda seq: keys[seq.id])
    seqs = [sequence(i) for i in keys]
    for seq in seqs:
        queue.add(seq)
    for seq in seqs:
        queue.remove(seq)
        assert seq.id not in ids(queue)
    assert len(queue) == 0
