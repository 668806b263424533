from __future__ import annotations

from typing import Any

import pytest

from doubletime.core.default import Default
from doubletime.core.events import Request
from doubletime.core.policy import FlightView, Policy, Served, StepView, Work, overrides, roles_of
from doubletime.core.sequence import Sequence
from doubletime.core.stack import PolicyConflict, Stack

SEQ = Sequence(0, Request(0, 1, 1), 0, 1)
REPORT = Served(0, 1, 1, Work(), ())


class Orders(Policy):
    name = "orders"

    def key(self, seq: Any) -> int:
        return 1


class Composes(Policy):
    name = "composes"

    def compose(self, step: StepView) -> None:
        pass


class Raises(Policy):
    name = "raises"

    def rank(self, seq: Any, block: int) -> float:
        raise KeyError("rank")

    def arrive(self, seq: Any, now: int) -> None:
        raise ValueError("arrive")

    served = left = interrupt = arrive  # type: ignore[assignment]


class Hooks(Policy):
    name = "hooks"

    def __init__(self, pin: int, stop: bool) -> None:
        self.calls: list[str] = []
        self.pin, self.stop = pin, stop

    def arrive(self, seq: Any, now: int) -> None:
        self.calls.append("arrive")

    def served(self, report: Served) -> None:
        self.calls.append("served")

    def left(self, seq: Any, now: int) -> int:
        return self.pin

    def interrupt(self, newcomer: Any, flight: FlightView, now: int) -> bool:
        return self.stop


def test_each_role_comes_from_the_part_that_has_it_and_the_rest_from_the_default() -> None:
    default, orders, composes = Default(), Orders(), Composes()
    stack = Stack((orders, composes), default)
    assert (stack.order, stack.composer) == (orders, composes)
    assert stack.victims is stack.retain is stack.admission is default
    assert stack.name == "orders+composes"
    assert (stack.admits, stack.promises, stack.listens, stack.interrupts) == (False,) * 4
    assert stack.key(SEQ) == 1
    assert stack.rank(SEQ, 0) == 0.0


def test_two_suppliers_of_a_role_are_a_conflict() -> None:
    with pytest.raises(PolicyConflict, match="orders and orders both decide 'order'"):
        Stack((Orders(), Orders()), Default())


def test_hooks_go_to_every_part() -> None:
    first, second = Hooks(5, False), Hooks(3, True)
    stack = Stack((first, Composes(), second), Default())
    stack.arrive(SEQ, 0)
    stack.served(REPORT)
    assert first.calls == second.calls == ["arrive", "served"]
    assert stack.left(SEQ, 0) == 5, "the longest pin"
    assert stack.interrupt(SEQ, FlightView((), 0, Work()), 0), "one is enough"
    assert stack.listens
    assert stack.interrupts


def test_a_hook_that_raises_counts_as_absent_and_its_fault_is_kept() -> None:
    other = Hooks(3, True)
    stack = Stack((Raises(), other), Default())
    stack.arrive(SEQ, 0)
    assert other.calls == ["arrive"], "the others are called all the same"
    assert stack.take_faults() == "ValueError: arrive"
    assert stack.take_faults() == ""
    stack.served(REPORT)
    assert other.calls == ["arrive", "served"]
    assert stack.rank(SEQ, 0) == 0.0
    assert stack.left(SEQ, 0) == 3
    assert stack.interrupt(SEQ, FlightView((), 0, Work()), 0)
    assert stack.take_faults().count(";") == 3


def test_every_part_is_asked_to_interrupt() -> None:
    yes, raises = Hooks(0, True), Raises()
    stack = Stack((yes, raises), Default())
    assert stack.interrupt(SEQ, FlightView((), 0, Work()), 0)
    assert stack.take_faults()


def test_without_hooks_nothing_is_pinned_or_stopped() -> None:
    stack = Stack((Composes(),), Default())
    assert stack.left(SEQ, 0) == 0
    assert not stack.interrupt(SEQ, FlightView((), 0, Work()), 0)


def test_roles_are_what_a_policy_defines() -> None:
    assert roles_of(Orders()) == ("order",)
    assert roles_of(Default()) == ("compose", "victim")
    assert roles_of(Hooks(0, False)) == ()
    assert overrides(Hooks(0, False), "left")
    assert not overrides(Orders(), "left")


def test_the_base_of_all_policies_does_nothing() -> None:
    base: Any = Policy()
    assert (base.name, base.reference, base.bounded) == ("", "", False)
    assert base.key(SEQ) == 0
    assert base.compose(None) is None
    assert base.victim(None, SEQ, ()) is None
    assert base.fate(SEQ).value == "recompute"
    assert base.rank(SEQ, 0) == 0.0
    assert base.admit(None, SEQ) is True
    assert base.steady(None) == 0
    assert base.left(SEQ, 0) == 0
    assert base.interrupt(SEQ, None, 0) is False


def test_work_adds_up() -> None:
    assert Work(1.0, 2.0, 3, 4) + Work(10.0, 20.0, 30, 40) == Work(11.0, 22.0, 33, 44)
