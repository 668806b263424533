"""First come, first served; the latest admission gives way."""

from __future__ import annotations

from doubletime.core.default import Default, fill, newest
from doubletime.core.events import Request
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import State
from tests.core.rig import Rig, Scripted


def admission(seq_id: int, admitted: int, state: State = State.RUNNING) -> Sequence:
    seq = Sequence(seq_id, Request(seq_id, 4, 4), 0, 1)
    seq.admitted, seq.state = admitted, state
    return seq


def test_the_latest_admission_gives_way_but_never_to_itself() -> None:
    a, b, c = admission(3, 0), admission(1, 5), admission(2, 6)
    assert newest([a, b], c) is None
    assert newest([a, c], b) is c
    assert newest([b, c], a) is c
    assert newest([], a) is None
    assert Default().victim(None, a, [b]) is b  # type: ignore[arg-type]


def test_nobody_gives_way_to_one_that_does_not_run() -> None:
    assert newest([admission(1, 5)], admission(2, 3, State.HELD)) is None


def test_filling_gives_out_so_many_tokens_and_no_more() -> None:
    rig = Rig(Scripted(lambda step: fill(step, 10)))
    for _ in range(3):
        rig.arrive(7)
    assert [(slab.seq, slab.tokens) for slab in rig.step().work] == [(0, 7), (1, 3)]
    assert [(slab.seq, slab.tokens) for slab in rig.step().work] == [(1, 4), (2, 6)]


def test_filling_what_started_may_use_all() -> None:
    rig = Rig(Scripted(lambda step: fill(step, 4)))
    rig.arrive(8)
    rig.arrive(8)
    assert [[(slab.seq, slab.tokens) for slab in rig.step().work] for _ in range(3)] == [[(0, 4)], [(0, 4)], [(1, 4)]]


def test_filling_without_a_number_uses_the_rows_of_the_step() -> None:
    rig = Rig(Scripted(lambda step: fill(step, None)), rows=9, open_rows=9)
    rig.arrive(7)
    rig.arrive(7)
    assert [(slab.seq, slab.tokens) for slab in rig.step().work] == [(0, 7), (1, 2)]


def test_filling_passes_over_who_is_busy_and_ends_at_who_does_not_fit() -> None:
    rig = Rig(Scripted(lambda step: fill(step, None)), blocks=5)
    rig.arrive(8, prefix=0)
    rig.step()
    rig.truncate(0, 8)
    rig.arrive(9, prefix=0)
    rig.arrive(2)
    plan = rig.step()
    assert [(slab.seq, slab.tokens) for slab in plan.work] == [(0, 1), (2, 2)]
    assert [denied.seq for denied in plan.denied] == [1]
    tight = Rig(Scripted(lambda step: fill(step, None)), blocks=5)
    for prompt in (12, 12, 2):
        tight.arrive(prompt)
    assert [slab.seq for slab in tight.step().work] == [0], "nobody passes who does not fit"


def test_started_prefills_make_the_latest_give_way() -> None:
    rig = Rig(Scripted(lambda step: fill(step, 8)), blocks=4)
    rig.arrive(13, 1)
    rig.arrive(4, 1)
    rig.step()
    assert rig.plan().preempted == ()
    rig.done()
    assert rig.living == [1]
