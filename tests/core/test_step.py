"""What a policy asks for is checked at once, and the first limit met is the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from doubletime.core.policy import Policy, SequenceView, StepView, Work
from doubletime.core.vocabulary import DepthMap, Fate, Grant, GroupKind, KVGroup, Slab, State, Why
from tests.core.rig import FULL, WINDOW, Rig, Scripted


def first(step: StepView) -> SequenceView:
    return next(iter(step.waiting()))


def ask(rig: Rig, script: Callable[[StepView], Any]) -> Any:
    """What a policy is answered in one step, which is then planned."""
    answers = []
    rig.policy.script = lambda step: answers.append(script(step))  # type: ignore[attr-defined]
    rig.plan()
    fault = rig.flying[-1].fault if rig.flying else ""
    assert not fault, fault
    return answers[-1]


def rig_of(*others: Policy, **limits: Any) -> Rig:
    policy = Scripted(lambda step: step.decode_all())
    rig = Rig(policy, *others, **limits)
    rig.policy = policy  # type: ignore[attr-defined]
    return rig


# ---- grants and reasons


def test_full_is_all_that_was_asked_for() -> None:
    rig = rig_of()
    rig.arrive(10)
    assert ask(rig, lambda step: step.run(first(step))) == Grant(10, Why.FULL)
    assert rig.flying[-1].work == (Slab(0, 0, 10, 0, 8, 1),)
    assert rig.flying[-1].denied == ()


def test_a_part_of_the_prompt_samples_nothing() -> None:
    rig = rig_of()
    rig.arrive(10)
    assert ask(rig, lambda step: step.run(first(step), 7)) == Grant(7, Why.FULL)
    assert rig.flying[-1].work == (Slab(0, 0, 7, 0, 8, 0),)


def test_rows_clip() -> None:
    rig = rig_of(rows=8, open_rows=8)
    rig.arrive(10)
    rig.arrive(10)
    answers = ask(rig, lambda step: [step.run(seq) for seq in list(step.waiting())])
    assert answers == [Grant(8, Why.ROWS), Grant(0, Why.ROWS)]
    assert [tuple(denied) for denied in rig.flying[-1].denied] == [(0, 8, Why.ROWS), (1, 0, Why.ROWS)]


def test_seats() -> None:
    rig = rig_of(seats=1)
    rig.arrive(3)
    rig.arrive(3)
    answers = ask(rig, lambda step: [(step.run(seq), step.seats) for seq in list(step.waiting())])
    assert answers == [(Grant(3, Why.FULL), 0), (Grant(0, Why.SEATS), 0)]


def test_blocks() -> None:
    rig = rig_of(blocks=4)
    rig.arrive(9)
    rig.arrive(9)
    answers = ask(rig, lambda step: [(step.run(seq), step.blocks) for seq in list(step.waiting())])
    assert answers == [(Grant(9, Why.FULL), (1,)), (Grant(0, Why.BLOCKS), (1,))]


def test_activations() -> None:
    rig = rig_of(rows=16, open_rows=20)
    rig.arrive(12)
    rig.arrive(9)
    ask(rig, lambda step: step.run(first(step), depth=4))
    rig.done()
    assert rig.core.roster.open_rows == 12
    answers = ask(rig, lambda step: [step.run(first(step), tokens, depth=4) for tokens in (9, 8)])
    assert answers == [Grant(0, Why.ACTIVATIONS), Grant(8, Why.FULL)]


def test_open_rows_are_taken_by_new_slabs_and_exactly_fit() -> None:
    rig = rig_of(rows=32, open_rows=32)
    rig.arrive(12)
    rig.arrive(20)
    rig.arrive(1)
    answers = ask(rig, lambda step: [step.run(seq, depth=2) for seq in list(step.waiting())][:2])
    assert [answer.why for answer in answers] == [Why.FULL, Why.FULL]


def test_grain() -> None:
    """A window's blocks bound a slab, though they suffice for the sequence."""
    rig = rig_of(groups=(WINDOW,), blocks=3)
    rig.arrive(30)
    assert ask(rig, lambda step: step.run(first(step))) == Grant(12, Why.GRAIN)
    rig.done()
    assert ask(rig, lambda step: step.insist(next(step.prefills()))) == Grant(4, Why.GRAIN)


class Doorkeeper(Policy):
    name = "doorkeeper"

    def __init__(self) -> None:
        self.open = False

    def admit(self, step: StepView, seq: SequenceView) -> bool:
        return self.open


def test_admit() -> None:
    door = Doorkeeper()
    rig = rig_of(door)
    rig.arrive(3)
    answer = None

    def script(step: StepView) -> None:
        nonlocal answer
        answer = step.run(first(step))

    rig.policy.script = script  # type: ignore[attr-defined]
    assert rig.plan().planner == "default", "the default asks nobody"
    assert answer == Grant(0, Why.ADMIT)


def test_an_admitted_sequence_is_not_asked_again() -> None:
    door = Doorkeeper()
    door.open = True
    rig = rig_of(door)
    rig.arrive(6)
    assert ask(rig, lambda step: step.run(first(step), 3))
    rig.done()
    door.open = False
    assert ask(rig, lambda step: step.run(next(step.prefills()))) == Grant(3, Why.FULL)


def test_busy_when_served_in_this_step_or_asked_for_nothing() -> None:
    rig = rig_of()
    rig.arrive(6)
    seq = None

    def script(step: StepView) -> list[Grant]:
        seq = first(step)
        return [step.run(seq, 0), step.run(seq, -1), step.run(seq), step.run(seq)]

    grants = ask(rig, script)
    assert [grant.why for grant in grants] == [Why.BUSY, Why.BUSY, Why.FULL, Why.BUSY]
    assert [grant.tokens for grant in grants if grant.why is Why.BUSY] == [0, 0, 0]
    assert seq is None


def test_a_later_success_takes_the_denial_back() -> None:
    rig = rig_of(blocks=4)
    rig.arrive(6)
    ask(rig, lambda step: [step.run(first(step), 0), step.run(first(step))])
    assert rig.flying[-1].denied == ()


def test_a_hit_about_to_be_written_is_busy() -> None:
    """The owner will write its published block again; whoever would start from it waits a step."""
    rig = rig_of()
    rig.arrive(8, prefix=100)
    ask(rig, lambda step: step.run(first(step)))
    rig.done()
    rig.truncate(0, 8)
    assert rig.seq(0).computed == 7
    rig.arrive(9, prefix=100)
    answers = ask(rig, lambda step: [step.insist(next(step.prefills())), step.run(first(step))])
    assert answers == [Grant(1, Why.FULL), Grant(0, Why.BUSY)]


def test_a_sequence_that_is_gone_is_an_error() -> None:
    rig = rig_of()
    rig.arrive(4)
    seq = rig.seq(0)
    rig.cancel(0)
    rig.arrive(4)
    rig.policy.script = lambda step: step.run(seq)  # type: ignore[attr-defined]
    plan = rig.plan()
    assert plan.planner == "default"
    assert plan.fault == "ValueError: sequence 0 is gone; a policy must forget a sequence when it has left"


@pytest.mark.parametrize("depth", [3, 0, -2, 10])
def test_a_depth_between_layers_is_an_error(depth: int) -> None:
    rig = rig_of()
    rig.arrive(4)
    rig.policy.script = lambda step: step.run(first(step), depth=depth)  # type: ignore[attr-defined]
    assert rig.plan().fault == f"ValueError: depth {depth} is no layer boundary below 0 and up to 8"


def test_an_open_slab_goes_deeper_with_the_tokens_that_it_has() -> None:
    rig = rig_of()
    rig.arrive(10)
    ask(rig, lambda step: step.run(first(step), 6, depth=4))
    rig.done()
    faults: list[str] = []

    def script(step: StepView) -> Grant:
        seq = next(step.prefills())
        try:
            step.run(seq, depth=4)
        except ValueError as error:
            faults.append(str(error))
        return step.run(seq, 1, depth=6)

    assert ask(rig, script) == Grant(6, Why.FULL)
    assert faults == ["depth 4 is no layer boundary below 4 and up to 8"]
    assert rig.flying[-1].work == (Slab(0, 0, 6, 4, 6, 0),)
    rig.done()
    assert ask(rig, lambda step: step.run(next(step.prefills()))) == Grant(6, Why.FULL)
    assert rig.flying[-1].work == (Slab(0, 0, 6, 6, 8, 0),)
    assert rig.core.roster.open_rows == 0


def test_an_open_slab_is_whole_or_not() -> None:
    rig = rig_of(rows=8, open_rows=20)
    rig.arrive(6)
    rig.arrive(6)
    ask(rig, lambda step: step.run(first(step), depth=4))
    rig.done()
    answers = ask(rig, lambda step: [step.run(first(step), 3), step.run(next(step.prefills()))])
    assert answers == [Grant(3, Why.FULL), Grant(0, Why.ROWS)]


def test_without_reserving_blocks_are_taken_as_they_are_needed() -> None:
    for way in ("run", "insist"):
        rig = rig_of()
        rig.arrive(14)
        ask(rig, lambda step, way=way: getattr(step, way)(first(step), 2))
        assert len(rig.seq(0).tables[0]) == 1


def test_reserving_takes_blocks_for_the_whole_prompt() -> None:
    rig = rig_of()
    rig.arrive(14)
    rig.arrive(14)
    blocks = ask(rig, lambda s: [s.run(first(s), 2), s.blocks, s.run(first(s), 2, reserve=True), s.blocks])
    assert (blocks[1], blocks[3]) == ((15,), (11,))
    assert [len(rig.seq(i).tables[0]) for i in (0, 1)] == [1, 4]


# ---- looking


def test_what_a_policy_sees() -> None:
    rig = rig_of()
    rig.arrive(8, prefix=0)
    ask(rig, lambda step: step.run(first(step)))
    rig.done()
    rig.arrive(10)
    ask(rig, lambda step: [step.decode_all(), step.run(first(step), 5)])
    rig.done()
    rig.arrive(9, prefix=0)

    def script(step: StepView) -> None:
        assert (step.now, step.index, step.rows, step.seats, step.depth) == (rig.time, 2, 32, 2, DepthMap(4, 2))
        assert [seq.id for seq in step.running()] == [0, 1]
        assert [seq.id for seq in step.prefills()] == [1]
        assert [seq.id for seq in step.waiting()] == [2]
        assert step.hit(first(step)) == 8
        assert step.hit(next(step.prefills())) == 5
        assert step.decode_all() == 1
        assert [seq.id for seq in step.running()] == [1]
        assert step.work == Work(decodes=1, decode_context=9)
        assert step.run(next(step.prefills()), 4, depth=4)
        assert step.work == Work(2.0, 2.0 * 7, 1, 9)
        assert step.rows == 27

    ask(rig, script)
    assert rig.flying[-1].decode_seqs == (0,)


def test_a_decode_by_run_counts_as_a_decode() -> None:
    rig = rig_of()
    rig.arrive(8)
    ask(rig, lambda step: step.run(first(step)))
    rig.done()
    assert ask(rig, lambda step: [step.run(next(step.running()), 1), step.work][1]) == Work(decodes=1, decode_context=8)
    assert (rig.flying[-1].decode_seqs, rig.flying[-1].work) == ((0,), ())


# ---- decodes in bulk


def decoding(count: int, prompt: int = 3, **limits: Any) -> Rig:
    rig = rig_of(**limits)
    for _ in range(count):
        rig.arrive(prompt, 5)
    ask(rig, lambda step: [step.run(seq) for seq in list(step.waiting())])
    rig.done()
    return rig


def test_decode_all_serves_everybody_but_those_excepted() -> None:
    rig = decoding(3)
    assert ask(rig, lambda step: step.decode_all(except_=[rig.seq(1)])) == 2
    assert rig.flying[-1].decode_seqs == (0, 2)
    assert rig.flying[-1].decode_starts == (3, 3)


def test_decode_all_twice_serves_once() -> None:
    rig = decoding(3)
    assert ask(rig, lambda step: [step.run(rig.seq(1), 1).tokens, step.decode_all(), step.decode_all()]) == [1, 2, 0]
    assert sorted(rig.flying[-1].decode_seqs) == [0, 1, 2]


def test_decodes_take_their_next_block_in_bulk() -> None:
    rig = decoding(2, prompt=4, blocks=5)
    assert ask(rig, lambda step: [step.decode_all(), step.blocks, step.rows]) == [2, (1,), 30]
    assert [tuple(change) for change in rig.flying[-1].tables] == [(0, 0, 1, (2,)), (1, 0, 1, (3,))]


def test_when_blocks_run_out_the_latest_gives_way() -> None:
    rig = decoding(3, prompt=4, blocks=4)
    assert ask(rig, lambda step: step.decode_all()) == 2
    plan = rig.flying[-1]
    assert plan.decode_seqs == (0, 1)
    assert [tuple(gone) for gone in plan.preempted] == [(2, Fate.RECOMPUTE)]
    assert rig.seq(2).state is State.WAITING
    assert rig.seq(2).recomputed == 4


def test_the_latest_itself_waits_without_losing_anything() -> None:
    rig = decoding(3, prompt=4, blocks=5)
    assert ask(rig, lambda step: step.decode_all()) == 2
    plan = rig.flying[-1]
    assert (plan.decode_seqs, plan.preempted) == ((0, 1), ())
    assert [tuple(denied) for denied in plan.denied] == [(2, 0, Why.BLOCKS)]
    assert rig.seq(2).state is State.RUNNING


def test_decodes_never_exceed_the_rows_left() -> None:
    rig = decoding(3, rows=12, open_rows=12)
    rig.arrive(10)
    assert ask(rig, lambda step: [step.run(first(step), 10), step.decode_all(), step.rows]) == [(10, Why.FULL), 2, 0]


# ---- making way


class Rule(Policy):
    """A victim role of the test's choice."""

    name = "rule"

    def __init__(self, choose: Callable[[list[int]], int | None], fate: Fate = Fate.RECOMPUTE) -> None:
        self.choose, self.chosen_fate = choose, fate
        self.offered: list[list[int]] = []

    def victim(self, step: StepView, need: SequenceView, running: Iterable[SequenceView]) -> SequenceView | None:
        seqs = {seq.id: seq for seq in running}
        self.offered.append(list(seqs))
        choice = self.choose(list(seqs))
        return need if choice == need.id else seqs.get(choice) if choice is not None else None

    def fate(self, seq: SequenceView) -> Fate:
        return self.chosen_fate


def crowded(rule: Rule) -> Rig:
    """Three decoding sequences that fill all five blocks but one."""
    rig = rig_of(rule, blocks=4)
    for _ in range(3):
        rig.arrive(4, 9)
    ask(rig, lambda step: [step.run(seq) for seq in list(step.waiting())])
    rig.done()
    return rig


def test_insisting_preempts_whom_the_victim_role_names() -> None:
    rule = Rule(lambda running: running[0])
    rig = crowded(rule)
    assert ask(rig, lambda step: [step.insist(rig.seq(2), 1), step.insist(rig.seq(1), 1)])[1] == Grant(1, Why.FULL)
    assert rule.offered == [[0, 2]], "never the one in need, and nobody as long as there are blocks"
    assert [gone.seq for gone in rig.flying[-1].preempted] == [0]


def test_insisting_gives_up_when_nobody_is_named() -> None:
    for nobody in (lambda running: None, lambda running: 1):
        rig = crowded(Rule(nobody))
        answers = ask(rig, lambda step, rig=rig: [step.insist(rig.seq(2), 1), step.insist(rig.seq(1), 1)])
        assert answers[1] == Grant(0, Why.BLOCKS)
        assert rig.flying[-1].preempted == ()


@pytest.mark.parametrize("fate", list(Fate))
def test_naming_a_victim_that_does_not_run_is_an_error(fate: Fate) -> None:
    """It would be named again and again."""

    class Stubborn(Policy):
        name = "stubborn"

        def victim(self, step: StepView, need: SequenceView, running: Iterable[SequenceView]) -> SequenceView | None:
            return rig.seq(self.choice)

        def fate(self, seq: SequenceView) -> Fate:
            return fate

        choice = 3

    policy = Stubborn()
    rig = rig_of(policy, blocks=4)
    for _ in range(4):
        rig.arrive(4, 9)
    ask(rig, lambda step: [step.run(seq) for seq in list(step.waiting())[:3]])
    rig.done()
    rig.policy.script = lambda step: step.decode_all()  # type: ignore[attr-defined]
    assert rig.plan().fault == "ValueError: sequence 3 does not run and cannot give way"


def test_naming_a_victim_twice_is_an_error() -> None:
    rig = crowded(Rule(lambda running: 0))
    rig.policy.script = lambda step: [step.preempt(rig.seq(0), Fate.HOLD), step.insist(rig.seq(2), 1)]  # type: ignore[attr-defined]
    assert rig.plan().fault == ""
    again = crowded(Rule(lambda running: 0))
    again.core.stack.victims.victim = lambda step, need, running: again.seq(0)  # type: ignore[method-assign]
    again.policy.script = lambda step: [  # type: ignore[attr-defined]
        step.preempt(again.seq(0)), step.run(again.seq(1), 1), step.run(again.seq(2), 1), step.insist(again.seq(1), 1),
        step.insist(again.seq(3), 4), step.insist(again.seq(4), 9),
    ]  # fmt: skip
    again.arrive(4, 9)
    again.arrive(9, 3)
    assert again.plan().fault == "ValueError: sequence 0 does not run and cannot give way"


def test_a_victim_loses_what_this_step_has_granted_it() -> None:
    rig = crowded(Rule(lambda running: 2))
    rows = ask(rig, lambda step: [step.decode_all(except_=[rig.seq(1)]), step.insist(rig.seq(1), 1), step.rows])
    assert rows[1:] == [Grant(1, Why.FULL), 30]
    assert rig.flying[-1].decode_seqs == (0, 1)
    assert [gone.seq for gone in rig.flying[-1].preempted] == [2]


def test_a_held_victim_keeps_its_kv_while_nobody_needs_more() -> None:
    rig = decoding(3, prompt=3)
    ask(rig, lambda step: [step.preempt(rig.seq(1), Fate.HOLD), step.decode_all()])
    assert rig.seq(1).state is State.HELD
    assert rig.flying[-1].decode_seqs == (0, 2)
    assert [tuple(gone) for gone in rig.flying[-1].preempted] == [(1, Fate.HOLD)]
    assert rig.flying[-1].drops == ()
    rig.done()
    assert ask(rig, lambda step: [step.decode_all(), step.run(first(step))])[1] == Grant(1, Why.FULL)
    assert rig.seq(1).recomputed == 0
    assert rig.seq(1).preemptions == 1


def test_held_memory_is_reclaimed_before_anybody_running() -> None:
    """Whatever fate a victim was promised: memory that somebody insists on comes from held sequences first."""
    rule = Rule(lambda running: 0, Fate.HOLD)
    rig = crowded(rule)
    assert ask(rig, lambda step: [step.insist(rig.seq(2), 1), step.insist(rig.seq(1), 1)])[1] == Grant(1, Why.FULL)
    assert [tuple(gone) for gone in rig.flying[-1].preempted] == [(0, Fate.RECOMPUTE)]


def test_the_newest_held_sequence_is_reclaimed_first() -> None:
    rig = decoding(3, prompt=4, blocks=4, seats=4)
    ask(rig, lambda s: [s.preempt(rig.seq(0), Fate.HOLD), s.preempt(rig.seq(1), Fate.HOLD), s.run(rig.seq(2), 1)])
    rig.done()
    assert [rig.seq(i).state for i in (0, 1)] == [State.HELD, State.HELD]
    rig.arrive(4)
    assert ask(rig, lambda step: step.run(rig.seq(3))) == Grant(4, Why.FULL), "run does it too: held memory is a wish"
    assert [tuple(gone) for gone in rig.flying[-1].preempted] == [(1, Fate.RECOMPUTE)]
    assert rig.seq(0).state is State.HELD
    assert rig.seq(1).state is State.WAITING


def test_a_held_sequence_is_not_reclaimed_for_itself_or_when_served() -> None:
    rig = decoding(2, prompt=4, blocks=3)
    ask(rig, lambda s: [s.preempt(rig.seq(0), Fate.HOLD), s.run(rig.seq(1), 1)])
    rig.done()
    answers = ask(rig, lambda s: [s.run(rig.seq(1), 1), s.run(rig.seq(0), 1)])
    assert answers == [Grant(1, Why.FULL), Grant(0, Why.BLOCKS)]
    assert rig.seq(0).state is State.HELD


def test_reclaiming_an_open_slab_returns_its_activations() -> None:
    rig = rig_of(blocks=4, rows=16, open_rows=30)
    rig.arrive(12, 4)
    rig.arrive(8, 4)
    ask(rig, lambda step: step.run(first(step), depth=4))
    rig.done()
    opened = []

    def script(step: StepView) -> Grant:
        step.preempt(rig.seq(0), Fate.HOLD)
        grant = step.run(rig.seq(1), depth=4)
        opened.append(step.open_rows)  # type: ignore[attr-defined]
        return grant

    assert ask(rig, script) == Grant(8, Why.FULL)
    assert opened == [22]
    assert rig.core.roster.open_rows == 8


# ---- preemption


def test_preempting_takes_seat_and_grant_back() -> None:
    rig = decoding(2, seats=2)
    rig.arrive(3)

    def script(step: StepView) -> list[Any]:
        before = [step.seats, step.rows, step.blocks]
        step.run(rig.seq(1), 1)
        step.preempt(rig.seq(1))
        step.preempt(rig.seq(1))
        return [before, step.seats, step.rows, step.blocks, step.run(rig.seq(1)).why, step.run(first(step)).why]

    assert ask(rig, script) == [[0, 32, (14,)], 1, 32, (15,), Why.BUSY, Why.FULL]
    assert rig.flying[-1].drops == (1,)


def test_preempting_who_has_no_seat_only_drops_kv() -> None:
    rig = decoding(1)
    rig.arrive(3)
    ask(rig, lambda s: [s.preempt(rig.seq(1)), s.decode_all()])
    assert rig.flying[-1].preempted == (), "it waits and holds nothing"
    rig.done()
    rig.arrive(3)
    ask(rig, lambda s: [s.preempt(rig.seq(0), Fate.HOLD), s.run(rig.seq(1))])
    rig.done()
    seats = ask(rig, lambda s: [s.seats, s.preempt(rig.seq(0), Fate.HOLD), s.seats, s.preempt(rig.seq(0)), s.seats,
                                s.decode_all()])  # fmt: skip
    assert seats[0] == seats[2] == seats[4]
    assert [tuple(gone) for gone in rig.flying[-1].preempted] == [(0, Fate.RECOMPUTE)]


def test_preempting_a_newcomer_takes_its_seat_and_open_rows_back() -> None:
    rig = rig_of(seats=2)
    rig.arrive(5)
    rig.arrive(4)

    def script(step: StepView) -> list[int]:
        step.run(rig.seq(0), depth=4)
        step.preempt(rig.seq(0))
        left = [step.seats, step.rows, step.open_rows, *step.blocks]  # type: ignore[attr-defined]
        step.run(rig.seq(1))
        return left

    assert ask(rig, script) == [2, 32, 64, 16]
    assert [slab.seq for slab in rig.flying[-1].work] == [1]


def test_preempting_an_open_slab_returns_its_activations_unless_held() -> None:
    rig = rig_of(open_rows=40)
    rig.arrive(10)
    rig.arrive(4)
    ask(rig, lambda step: step.run(first(step), depth=4))
    rig.done()

    def script(step: Any) -> list[int]:
        rows = [step.open_rows]
        step.preempt(rig.seq(0), Fate.HOLD)
        rows.append(step.open_rows)
        step.preempt(rig.seq(0))
        rows.append(step.open_rows)
        step.run(rig.seq(1))
        return rows

    assert ask(rig, script) == [30, 30, 30]
    assert rig.seq(0).state is State.HELD, "one fate a step: the first"


# ---- the rest


def test_sleeping_takes_the_earliest_time_to_come() -> None:
    rig = rig_of()
    rig.arrive(4)
    rig.time = rig.core.now = 100
    rig.policy.script = lambda step: [step.sleep(t) for t in (50, 100, 900, 700, 800)]  # type: ignore[attr-defined]
    plan = rig.plan()
    assert plan.idle
    assert plan.wake == 700


def test_notes_and_pins_are_kept() -> None:
    rig = rig_of()
    rig.arrive(8, prefix=0, limit=1)
    ask(rig, lambda step: [step.run(first(step)), step.note(rig.seq(0), "hello"), step.pin(rig.seq(0), 10**12)])
    assert rig.flying[-1].notes == ((0, "hello"),)
    assert rig.seq(0).pin_until == 10**12
    rig.done()
    assert len(rig.core.memory.pools[0]._pinned) == 2


def test_two_followers_of_one_prefix_wait_for_nobody() -> None:
    rig = rig_of(blocks=8)
    rig.arrive(12, prefix=0, limit=1)
    ask(rig, lambda step: step.run(first(step)))
    rig.done()
    rig.arrive(12, prefix=0)
    rig.arrive(12, prefix=0)
    answers = ask(rig, lambda step: [(step.run(seq), step.blocks) for seq in list(step.waiting())])
    assert answers == [(Grant(4, Why.FULL), (5,)), (Grant(4, Why.FULL), (4,))]
    assert rig.seq(1).hit_tokens == rig.seq(2).hit_tokens == 8


def test_groups_are_charged_each_by_its_own_blocks() -> None:
    small = KVGroup((1,), GroupKind.FULL, 2, 8)
    rig = rig_of(groups=(FULL, small), blocks=(9, 8))
    rig.arrive(10)
    rig.arrive(10)
    answers = ask(rig, lambda step: [(step.run(seq).why, step.blocks) for seq in list(step.waiting())])
    assert answers == [(Why.FULL, (6, 3)), (Why.BLOCKS, (6, 3))]


def test_plain_decodes_take_the_fast_path() -> None:
    rig = decoding(3)

    def script(step: Any) -> list[list[int]]:
        step.decode_all(except_=[rig.seq(1)])
        before = list(step.decodes)
        step.decode_all()
        return [before, list(step.decodes), list(step.grants)]

    assert ask(rig, script) == [[0, 2], [0, 2, 1], []]


def test_preempting_a_newcomer_at_full_depth_returns_no_open_rows() -> None:
    rig = rig_of()
    rig.arrive(5)
    rig.arrive(4)

    def script(step: Any) -> int:
        step.run(rig.seq(0))
        step.preempt(rig.seq(0))
        step.run(rig.seq(1))
        return step.open_rows  # type: ignore[no-any-return]

    assert ask(rig, script) == 64


def test_a_victim_that_was_given_its_next_block_in_bulk_gives_it_back() -> None:
    """The oldest takes two blocks at once for a chunk; the decodes that came before it in the step make way."""
    rig = rig_of(Rule(lambda running: 1 if 1 in running else None), blocks=5)
    for prompt in (4, 4):
        rig.arrive(prompt, 5)
    rig.arrive(12, 2)
    ask(rig, lambda step: [step.run(rig.seq(1)), step.run(rig.seq(2), 4), step.run(rig.seq(0))])
    rig.done()
    answers = ask(
        rig,
        lambda step: [step.decode_all(), step.blocks, step.rows, step.insist(rig.seq(2)), step.blocks, step.rows],
    )
    assert answers == [2, (0,), 30, (8, Why.FULL), (0,), 23]
    assert rig.flying[-1].decode_seqs == (0,)


class Changing(Policy):
    name = "changing"

    def __init__(self) -> None:
        self.first: set[int] = set()

    def key(self, seq: SequenceView) -> bool:
        return seq.id not in self.first


def test_a_key_that_changed_counts_when_it_is_read_again() -> None:
    order = Changing()
    rig = rig_of(order)
    for _ in range(3):
        rig.arrive(4)

    def script(step: StepView) -> list[list[int]]:
        seen = [[seq.id for seq in step.waiting()]]
        order.first.add(2)
        step.rekey(rig.seq(2))
        seen.append([seq.id for seq in step.waiting()])
        step.run(rig.seq(0))
        return seen

    assert ask(rig, script) == [[0, 1, 2], [2, 0, 1]]
