"""Several policies made one: each role from the policy that supplies it, the rest from the default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from doubletime.core.policy import ROLES, FlightView, Policy, SequenceView, Served, StepView, overrides, roles_of
from doubletime.core.vocabulary import Nanoseconds

T = TypeVar("T")


class PolicyConflict(ValueError):
    """Two policies supply the same role."""


class Stack:
    """The policy that an engine runs: one supplier a role; hooks go to every part that has them.

    What is called while a step is composed may raise: the step is discarded. What is called at other times (hooks, key,
    rank) is guarded here: it counts as if it had not been supplied, and the next plan carries the fault.
    """

    def __init__(self, parts: Sequence[Policy], default: Policy) -> None:
        self.parts = tuple(parts)
        suppliers = {role: self._supplier(role, default) for role in ROLES}
        self.order = suppliers["order"]
        self.composer = suppliers["compose"]
        self.victims = suppliers["victim"]
        self.retain = suppliers["retain"]
        self.admission = suppliers["admit"]
        self.admits = overrides(self.admission, "admit")
        self._ranks = overrides(self.retain, "rank")
        self.promises = overrides(self.composer, "steady")
        self._faults: list[str] = []
        self._arrive = self._with("arrive")
        self._served = self._with("served")
        self._left = self._with("left")
        self._interrupt = self._with("interrupt")

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    @property
    def listens(self) -> bool:
        """Whether anybody wants reports of steps."""
        return bool(self._served)

    def key(self, seq: SequenceView) -> Any:
        """The order role's key."""
        return self.order.key(seq)

    def rank(self, seq: SequenceView, block: int) -> float:
        """The retain role's rank."""
        return self._guard(0.0, lambda: float(self.retain.rank(seq, block))) if self._ranks else 0.0

    def steady(self, step: StepView) -> int:
        """How many next steps the composer promises to be the same."""
        return max(0, self._guard(0, lambda: int(self.composer.steady(step))))

    def arrive(self, seq: SequenceView, now: Nanoseconds) -> None:
        for part in self._arrive:
            self._guard(None, part.arrive, seq, now)

    def served(self, report: Served) -> None:
        for part in self._served:
            self._guard(None, part.served, report)

    def left(self, seq: SequenceView, now: Nanoseconds) -> Nanoseconds:
        """The longest time that any part wants the blocks kept until."""
        return max((self._guard(0, lambda part=part: int(part.left(seq, now))) for part in self._left), default=0)

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: Nanoseconds) -> bool:
        """Whether any part wants the step stopped; all are asked."""
        asked = [self._guard(False, part.interrupt, newcomer, flight, now) for part in self._interrupt]
        return any(asked)

    def fault(self, error: Exception) -> None:
        """Notes what a policy got wrong outside of composing."""
        self._faults.append(f"{type(error).__name__}: {error}")

    def take_faults(self) -> str:
        """The faults since the last call, in a line; empty if there are none."""
        faults, self._faults = self._faults, []
        return "; ".join(faults)

    def _guard(self, otherwise: T, call: Callable[..., T], *args: Any) -> T:
        try:
            return call(*args)
        except Exception as error:
            self.fault(error)
            return otherwise

    @property
    def interrupts(self) -> bool:
        return bool(self._interrupt)

    def _with(self, hook: str) -> list[Policy]:
        return [part for part in self.parts if overrides(part, hook)]

    def _supplier(self, role: str, default: Policy) -> Policy:
        having = [part for part in self.parts if role in roles_of(part)]
        if len(having) > 1:
            raise PolicyConflict(f"{_names(having)} both decide '{role}'; a stack takes one policy a role")
        return having[0] if having else default


def _names(policies: Iterable[Policy]) -> str:
    return " and ".join(policy.name for policy in policies)
