"""The scheduler: events change what is known, plans say what to do next."""

from __future__ import annotations

from collections.abc import Sequence as TimeRow

from doubletime.core.commit import commit
from doubletime.core.default import Default
from doubletime.core.events import Append, Arrive, Cancel, Event, Fallback, Ready, Request, Result, Timer, Truncate
from doubletime.core.flight import Flight
from doubletime.core.leap import horizon, leap
from doubletime.core.memory import Memory
from doubletime.core.plan import Plan
from doubletime.core.policy import FlightView, Policy
from doubletime.core.reports import Reports
from doubletime.core.roster import Roster
from doubletime.core.sequence import Sequence
from doubletime.core.settle import settle
from doubletime.core.stack import Stack
from doubletime.core.step import Step
from doubletime.core.vocabulary import Finish, Limits, Nanoseconds, State

PLANNED_NOTHING = "the policy planned nothing although there is work"


class Stuck(RuntimeError):
    """There is work, nothing runs, and neither the policy nor the default could plan any of it."""


class Scheduler:
    """Pure: no clock, no threads, no I/O. `now` is the time of the latest event."""

    def __init__(self, limits: Limits, policies: tuple[Policy, ...] = ()) -> None:
        default = Default()
        self.limits = limits
        self.memory = Memory(limits)
        self.stack = Stack(policies or (default,), default)
        self.roster = Roster(self.memory, self.stack)
        self.now: Nanoseconds = 0
        self.generation = 0  # steps that were stopped
        self.repeated = False  # the last plan only kept a promise: nobody was asked anything, nothing new was granted
        self._default_stack = Stack((default,), default)
        self.reports = Reports(self.stack, limits.depth.total)
        self._steady = 0  # steps that the policy promised to be the same bulk decode
        self._fallback_steps = 0
        self._refused: list[tuple[int, str]] = []
        self._stops: list[int] = []

    @property
    def step(self) -> int:
        """The index of the next plan."""
        return self.roster.step

    @property
    def in_flight(self) -> int:
        """Steps whose results have not been handled."""
        return len(self.roster.flights)

    # ---- events in

    def apply(self, event: Event) -> None:
        """Takes one event. Events about sequences that are gone are ignored: they crossed its end on the way."""
        self.now = self.roster.now = max(self.now, event.time)
        if isinstance(event, Result):
            self._result(event)
            return
        self._steady = 0
        match event:
            case Arrive():
                self._arrive(event.request)
            case Cancel():
                for seq in list(self.roster.requests.get(event.request, ())):
                    self.roster.finish(seq, Finish.CANCEL)
            case Append():
                self._append(event)
            case Truncate():
                self._truncate(event)
            case Ready():
                self._ready(event.seq)
            case Timer():
                pass
            case Fallback():
                self._fallback_steps = event.steps

    def take_refused(self) -> list[tuple[int, str]]:
        """Requests that were refused since the last call, and why."""
        refused, self._refused = self._refused, []
        return refused

    def take_stops(self) -> list[int]:
        """Steps that the executor is to be asked to stop."""
        stops, self._stops = self._stops, []
        return stops

    def take_ended(self) -> list[Sequence]:
        """Sequences that ended since the last call, however they did."""
        ended, self.roster.ended = self.roster.ended, []
        return ended

    # ---- fast-forward

    def horizon(self) -> int:
        """How many next results and plans change nothing but counters: see `core.leap`."""
        return horizon(self, self._steady) if self._steady > 0 else 0

    def leap(self, ends: TimeRow[Nanoseconds]) -> None:
        """Takes as many results and plans as there are times at which the steps end; at most `horizon`."""
        leap(self, ends)
        self._steady -= len(ends)

    def _arrive(self, request: Request) -> None:
        problem = self._problem(request)
        if problem:
            self._refused.append((request.id, problem))
            self.roster.ends += range(request.id, request.id + request.n)
            return
        seqs = [Sequence(request.id + i, request, self.now, len(self.memory.groups)) for i in range(request.n)]
        self.roster.add(seqs)
        self._ask_to_interrupt(seqs[0])

    def _problem(self, request: Request) -> str | None:
        """Why a request is refused at the door."""
        if request.id in self.roster.sequences:
            return f"request id {request.id} is in use"
        if request.limit < 1:
            return f"at least 1 output token must be asked for, not {request.limit}"
        if request.n < 1 or (request.n > 1 and not request.final):
            return f"n must be 1 or more, and 1 for a prompt that is still arriving, not {request.n}"
        if request.preloaded and not (0 <= request.preloaded < request.prompt and request.take_hits):
            return (
                f"{request.preloaded} tokens cannot be preloaded of a prompt of {request.prompt}: "
                "its last one is computed here, and all of them where no hits are taken"
            )
        if not request.generates and request.limit > 1:
            return f"a request that generates nothing has a limit of 1, not {request.limit}"
        return self._problem_of_length(request, request.prompt, request.final)

    def _problem_of_length(self, request: Request, prompt: int, final: bool) -> str | None:
        output = request.limit if request.generates else 0
        if prompt < 1 and final:
            return "the prompt is empty"
        if prompt + output > self.limits.max_length:
            return f"{prompt} prompt + {output} output tokens are over the maximum length {self.limits.max_length}"
        return self.memory.cannot_fit(prompt, request.limit)

    def _ready(self, seq_id: int) -> None:
        seq = self.roster.sequences.get(seq_id)
        if seq is not None:
            seq.busy = False
            self.roster.refresh(seq)

    def _append(self, event: Append) -> None:
        seq = self.roster.sequences.get(event.seq)
        if seq is None:
            return
        if seq.final:
            raise ValueError(f"sequence {seq.id}: its prompt is complete, {event.tokens} tokens cannot be appended")
        seq.prompt += event.tokens
        seq.keys.extend(event.keys)
        seq.final = event.final
        seq.parked = False
        problem = self._problem_of_length(seq.request, seq.prompt, seq.final)
        if problem:
            self._refused.append((seq.request.id, problem))
            self.roster.finish(seq, Finish.ERROR)
            return
        self.roster.refresh(seq)

    def _truncate(self, event: Truncate) -> None:
        seq = self.roster.sequences.get(event.seq)
        if seq is None or event.length >= seq.known:
            return
        if any(sibling.state is State.FORKING for sibling in self.roster.requests[seq.request.id]):
            raise ValueError(f"sequence {seq.id}: the prompt that the choices of its request share cannot be truncated")
        self.roster.truncate(seq, event.length)

    def _result(self, result: Result) -> None:
        flights = self.roster.flights
        flight = flights.popleft()
        if flight.step != result.step:
            raise ValueError(f"a result of step {result.step}, but step {flight.step} is the oldest in flight")
        ran = not (result.revoked or result.failed or flight.revoked)
        published = self.memory.published
        finished = settle(self, flight, result)
        if result.reached is not None or not ran or self._others_may_run(flight, finished, published, result):
            self._steady = 0
        if flights:
            flights[0].started = self.now
        if ran:
            self.reports.ended(flight, result, self.now, more=self._steady > 0 and not finished)

    def _others_may_run(self, flight: Flight, finished: bool, published: int, result: Result) -> bool:
        """Whether a result changed something for those who wait: room, a longer prefix, a prompt to fork from.

        Where nobody waits and nothing is being prefilled, a bulk decode goes on with those that are left.
        """
        if not (len(self.roster.waiting) or self.roster.prefilling):
            return False
        return finished or not flight.pure or bool(result.rows) or self.memory.published > published

    # ---- plans out

    def plan(self) -> Plan:
        """The next step. Idle plans count as steps too, so that a replay asks the policy as often as the run did."""
        step, planner, fault = self._composed()
        fault = "; ".join(filter(None, (fault, self.stack.take_faults())))
        plan, flight = commit(self, step, planner, fault)
        if flight is not None:
            self.roster.flights.append(flight)
            if not self._steady and flight.pure:
                self._promise(step)
        self.roster.step += 1
        if plan.idle and not self.in_flight and plan.wake is None and self.roster.any_runnable:
            raise self._stuck(plan)
        return plan

    def _composed(self) -> tuple[Step, str, str]:
        """The policy's step; the default's where the policy may not, cannot or does not plan."""
        self.repeated = False
        if self._steady and (step := self._steady_step()):
            self.repeated = True
            return step, "policy", ""
        self.reports.flush(self.now)
        if self._fallback_steps:
            self._fallback_steps -= 1
            return self._default_step(), "default", "the policy was too slow"
        step = Step(self, self.stack)
        try:
            self.stack.composer.compose(step)
        except Exception as error:  # any bug of a policy costs it the step, and nobody else anything
            return self._default_step(), "default", f"{type(error).__name__}: {error}"
        if not (step.decodes or step.grants or step.wake or self.in_flight) and self.roster.any_runnable:
            return self._default_step(), "default", PLANNED_NOTHING
        return step, "policy", ""

    def _default_step(self) -> Step:
        step = Step(self, self._default_stack)
        self._default_stack.composer.compose(step)
        return step

    def _steady_step(self) -> Step | None:
        """The same bulk decode again, None if it needs more blocks than there are."""
        self._steady -= 1
        step = Step(self, self.stack)
        step.decode_all()
        if step.preempted or step.denied or len(step.decodes) + len(step.grants) != len(self.roster.decoding):
            self._steady = 0
            return None
        return step

    def _promise(self, step: Step) -> None:
        """Asks the policy how long the same bulk decode would go on."""
        if not self.stack.promises:
            return
        windows_free_blocks = len(self.roster.waiting) and any(group.window for group in self.limits.groups)
        if not windows_free_blocks and not self.roster.prefilling:
            self._steady = self.stack.steady(step)

    def _stuck(self, plan: Plan) -> Stuck:
        why = {denied.seq: denied.why.value for denied in plan.denied}
        waiting = [*self.roster.waiting, *(seq for seq in self.roster.running.values() if seq.runnable)]
        names = "; ".join(f"{seq!r}: {why.get(seq.id, 'not asked for')}" for seq in waiting)
        return Stuck(f"no step could be planned at {self.now} ns. {plan.fault} Waiting: {names}")

    # ---- interruption

    def _ask_to_interrupt(self, newcomer: Sequence) -> None:
        if not self.stack.interrupts or not self.in_flight or not newcomer.runnable:
            return
        flight = self.roster.flights[0]
        if flight.stop_asked or flight.revoked or not self._may_stay_open(flight):
            return
        if self.stack.interrupt(newcomer, FlightView(flight.seqs, flight.started, flight.work), self.now):
            flight.stop_asked = True
            self._stops.append(flight.step)

    def _may_stay_open(self, flight: Flight) -> bool:
        return flight.plan.rows + self.roster.open_rows <= self.limits.max_open_rows
