from __future__ import annotations

import pytest

from doubletime.core.events import Request
from doubletime.core.queue import WaitingQueue
from doubletime.core.sequence import Sequence


def sequence(seq_id: int, arrived: int = 0, priority: int = 0) -> Sequence:
    return Sequence(seq_id, Request(seq_id, 5, 5, priority=priority), arrived, 1)


def ids(queue: WaitingQueue) -> list[int]:
    return [seq.id for seq in queue]


def test_order_is_key_then_arrival_then_id() -> None:
    queue = WaitingQueue(lambda seq: seq.priority)
    for seq in (sequence(4, 9, 0), sequence(3, 9, 0), sequence(2, 1, 1), sequence(1, 2, 0)):
        queue.add(seq)
    assert ids(queue) == [1, 3, 4, 2]
    assert len(queue) == 4


def test_a_removed_sequence_is_gone() -> None:
    queue = WaitingQueue(lambda seq: 0)
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
    queue = WaitingQueue(lambda seq: keys[seq.id])
    seqs = [sequence(i) for i in keys]
    for seq in seqs:
        queue.add(seq)
    keys[1] = 5
    assert ids(queue) == [1, 2, 3], "not yet"
    queue.rekey(seqs[0])
    assert ids(queue) == [2, 3, 1]
    queue.rekey(sequence(9))
    assert ids(queue) == [2, 3, 1], "one that does not wait is left alone"
