"""The scheduler: events change what is known, plans say what to do next. It owns every sequence and every block."""

from __future__ import annotations

from collections import deque

from doubletime.core import settle as results
from doubletime.core.commit import commit
from doubletime.core.default import Default
from doubletime.core.events import Append, Arrive, Cancel, Event, Fallback, Ready, Request, Result, Timer, Truncate
from doubletime.core.flight import Flight
from doubletime.core.memory import Detached, Memory
from doubletime.core.plan import Plan
from doubletime.core.policy import FlightView, Policy, Served
from doubletime.core.queue import WaitingQueue
from doubletime.core.sequence import Sequence
from doubletime.core.stack import Stack
from doubletime.core.step import Step, scaled
from doubletime.core.vocabulary import Fate, Finish, Limits, Nanoseconds, State


class Stuck(RuntimeError):
    """There is work, nothing runs, and neither the policy nor the default could plan any of it."""


class Scheduler:
    """Pure: no clock, no threads, no I/O. `now` is the time of the latest event."""

    def __init__(self, limits: Limits, policies: tuple[Policy, ...] = ()) -> None:
        default = Default()
        self.limits = limits
        self.memory = Memory(limits)
        self.stack = Stack(policies or (default,), default)
        self._default_stack = Stack((default,), default)
        self.now: Nanoseconds = 0
        self.step = 0  # the index of the next plan
        self.generation = 0  # steps that were stopped
        self.sequences: dict[int, Sequence] = {}
        self.requests: dict[int, list[Sequence]] = {}  # those that live
        self.waiting = WaitingQueue(self.stack.order.key)
        self.running: dict[int, Sequence] = {}  # in order of admission
        self.decoding: dict[int, Sequence] = {}  # the running ones whose next work is a decode
        self.prefilling: dict[int, Sequence] = {}  # the other running ones
        self.held: dict[int, Sequence] = {}
        self.flights: deque[Flight] = deque()
        self.open_rows = 0
        self.refused: list[tuple[int, str]] = []  # request, reason: for whoever submitted it
        self.stops: list[int] = []  # steps that the executor is to be asked to stop
        self._admissions = 0
        self._steady = 0
        self._unreported: list[Flight] = []
        self._unreported_time: Nanoseconds = 0
        self._fallback_steps = 0
        self._ends: list[int] = []
        self._drops: list[int] = []

    # ---- events in

    def apply(self, event: Event) -> None:
        """Takes one event. Events about sequences that are gone are ignored: they crossed its end on the way."""
        self.now = max(self.now, event.time)
        match event:
            case Result():
                self._result(event)
            case Arrive():
                self._steady = 0
                self._arrive(event.request)
            case Cancel():
                self._steady = 0
                for seq in list(self.requests.get(event.request, ())):
                    self.finish(seq, Finish.CANCEL)
            case Append():
                self._append(event)
            case Truncate():
                self._truncate(event)
            case Ready():
                self._ready(event.seq)
            case Timer():
                self._steady = 0
            case Fallback():
                self._steady = 0
                self._fallback_steps = event.steps

    def _arrive(self, request: Request) -> None:
        problem = self._problem(request)
        if problem:
            self.refused.append((request.id, problem))
            self._ends += range(request.id, request.id + request.n)
            return
        seqs = [Sequence(request.id + i, request, self.now, len(self.memory.groups)) for i in range(request.n)]
        self.requests[request.id] = seqs
        for seq in seqs:
            self.sequences[seq.id] = seq
            self.stack.arrive(seq, self.now)
        self.refresh(seqs[0])
        self._ask_to_interrupt(seqs[0])

    def _problem(self, request: Request) -> str | None:
        """Why a request is refused at the door."""
        if request.id in self.sequences:
            return f"request id {request.id} is in use"
        if request.prompt < 1 and request.final:
            return "the prompt is empty"
        if request.limit < 1:
            return f"at least 1 output token must be asked for, not {request.limit}"
        if request.n < 1 or (request.n > 1 and not request.final):
            return f"n must be 1 or more, and 1 for a prompt that is still arriving, not {request.n}"
        if request.prompt + request.limit > self.limits.max_length:
            most = self.limits.max_length
            return f"{request.prompt} prompt + {request.limit} output tokens are over the maximum length {most}"
        return self.memory.cannot_fit(request)

    def _ready(self, seq_id: int) -> None:
        self._steady = 0
        seq = self.sequences.get(seq_id)
        if seq is not None:
            seq.busy = False
            self.refresh(seq)

    def _append(self, event: Append) -> None:
        self._steady = 0
        seq = self.sequences.get(event.seq)
        if seq is None:
            return
        if seq.final:
            raise ValueError(f"sequence {seq.id}: its prompt is complete, {event.tokens} tokens cannot be appended")
        seq.prompt += event.tokens
        seq.keys.extend(event.keys)
        seq.final = event.final
        seq.parked = False
        problem = self._problem_of_length(seq)
        if problem:
            self.refused.append((seq.request.id, problem))
            self.finish(seq, Finish.ERROR)
            return
        self.refresh(seq)

    def _problem_of_length(self, seq: Sequence) -> str | None:
        if seq.final and seq.prompt < 1:
            return "the prompt is empty"
        total = seq.prompt + seq.request.limit
        if total > self.limits.max_length:
            return f"{total} tokens are over the maximum length {self.limits.max_length}"
        return self.memory.cannot_fit(Request(seq.id, seq.prompt, seq.request.limit))

    def _truncate(self, event: Truncate) -> None:
        self._steady = 0
        seq = self.sequences.get(event.seq)
        if seq is None or event.length >= seq.known:
            return
        if seq.state is State.FORKING:
            raise ValueError(f"sequence {seq.id} waits for its sibling's prompt and cannot be truncated")
        self._drops.append(seq.id)
        self._close(seq)
        seq.void_from = seq.fresh_from = self.step
        seq.final = seq.final and event.length >= seq.prompt
        seq.output = max(0, event.length - seq.prompt)
        seq.prompt = min(seq.prompt, event.length)
        del seq.keys[event.length // seq.request.key_tokens :]
        seq.parked = False
        self._keep_up_to(seq, min(seq.done, event.length - seq.final))
        seq.back_to_settled()
        self.refresh(seq)

    def _keep_up_to(self, seq: Sequence, tokens: int) -> None:
        """KV of the first `tokens` tokens stays, if what a window needs of it is still there; else none does."""
        first = self.memory.first_live(tokens)
        keep = [-(-tokens // group.block_tokens) for group in self.memory.groups]
        if any(-1 in table[a:b] for table, a, b in zip(seq.tables, first, keep, strict=True)):
            tokens, keep = 0, [0] * len(keep)
        self._give_back(seq, self.memory.detach(seq, keep))
        seq.done = seq.computed = tokens
        seq.announced = False
        seq.room = 0
        seq.tend_at = 0
        seq.match_memo = (-1, ())
        if not tokens and seq.state is State.HELD:
            self.held.pop(seq.id)
            seq.state = State.WAITING

    def _result(self, result: Result) -> None:
        flight = self.flights.popleft()
        if flight.step != result.step:
            raise ValueError(f"a result of step {result.step}, but step {flight.step} is the oldest in flight")
        ran = not (result.revoked or result.failed or flight.revoked)
        if result.rows or result.reached is not None or not flight.steady or not ran:
            self._steady = 0
        results.settle(self, flight, result)
        if self.flights:
            self.flights[0].started = self.now
        if self.stack.listens and ran:
            self._report(flight, result)
        if ran and result.reached is None:
            results.finish_exhausted(self, flight)

    def _report(self, flight: Flight, result: Result) -> None:
        self._unreported.append(flight)
        self._unreported_time += result.duration
        if not flight.steady or not self._steady or result.reached is not None:
            self._flush_report(result.reached)

    def _flush_report(self, reached: int | None = None) -> None:
        flights, self._unreported = self._unreported, []
        if not flights:
            return
        work = flights[0].work
        for flight in flights[1:]:
            work = work + flight.work
        share = 1.0 if reached is None else reached / self.limits.depth.total
        sampled = () if reached is not None else _sampling(flights[-1])
        duration, self._unreported_time = self._unreported_time, 0
        self.stack.served(
            Served(self.now, len(flights), duration, scaled(work, share), sampled, stopped=reached is not None)
        )

    # ---- plans out

    def plan(self) -> Plan:
        """The next step. Idle plans count as steps too, so that a replay asks the policy as often as the run did."""
        step, planner, fault = self._composed()
        plan, flight = commit(self, step, planner, fault)
        if flight is not None:
            flight.steady = self._steady > 0
            self.flights.append(flight)
            if not flight.steady:
                self._promise(step, plan)
        self.step += 1
        if plan.idle and not self.flights and plan.wake is None:
            self._check_stuck(plan)
        return plan

    def _composed(self) -> tuple[Step, str, str]:
        """The policy's step; the default's where the policy may not, cannot or does not plan."""
        if self._steady:
            step = self._steady_step()
            if step is not None:
                return step, "policy", ""
        self._flush_report()
        if self._fallback_steps:
            self._fallback_steps -= 1
            return self._default_step(), "default", "the policy was too slow"
        step = Step(self, self.stack)
        try:
            self.stack.composer.compose(step)
        except Exception as error:  # any bug of a policy costs it the step, and nobody else anything
            return self._default_step(), "default", f"{type(error).__name__}: {error}"
        if not (step.decodes or step.grants or step.wake or self.flights) and self._any_runnable():
            return self._default_step(), "default", "the policy planned nothing although there is work"
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
        if step.preempted or step.denied or len(step.decodes) + len(step.grants) != len(self.decoding):
            self._steady = 0
            return None
        if self._steady == 0:
            self._flush_report()
        return step

    def _promise(self, step: Step, plan: Plan) -> None:
        """Asks the policy how long the same bulk decode would go on."""
        if plan.work or plan.preempted or plan.wake is not None or not self.stack.promises:
            return
        windows_free_blocks = len(self.waiting) and any(group.window for group in self.limits.groups)
        if not windows_free_blocks and not self.prefilling:
            self._steady = self.stack.composer.steady(step)

    def _any_runnable(self) -> bool:
        return bool(len(self.waiting)) or any(seq.runnable for seq in self.running.values())

    def _check_stuck(self, plan: Plan) -> None:
        if not self._any_runnable():
            return
        why = {denied.seq: denied.why.value for denied in plan.denied}
        waiting = [*self.waiting, *(seq for seq in self.running.values() if seq.runnable)]
        names = "; ".join(f"{seq!r}: {why.get(seq.id, 'not asked for')}" for seq in waiting)
        raise Stuck(f"no step could be planned at {self.now} ns. {plan.fault} Waiting: {names}")

    # ---- transitions

    def refresh(self, seq: Sequence) -> None:
        """Puts a sequence where its state and progress say that it belongs."""
        if seq.final and seq.known and seq.computed == seq.length and not seq.in_flight and not seq.exhausted:
            self._keep_up_to(seq, seq.length - 1)  # its last token is computed again, for the logits
        if seq.open is not None:
            seq.room = 0  # an open slab is no plain decode
        if seq.state is State.RUNNING and not seq.runnable and not seq.in_flight:
            self._hold(seq)  # waits for somebody outside: nobody shall wait for its seat
        if seq.state is State.RUNNING:
            self._sort_running(seq)
        elif seq.runnable != (seq in self.waiting):
            (self.waiting.add if seq.runnable else self.waiting.remove)(seq)

    def _sort_running(self, seq: Sequence) -> None:
        decodes = seq.decoding and seq.runnable
        into, out = (self.decoding, self.prefilling) if decodes else (self.prefilling, self.decoding)
        out.pop(seq.id, None)
        if decodes or not seq.exhausted:
            into[seq.id] = seq
        else:
            into.pop(seq.id, None)

    def seat(self, seq: Sequence) -> None:
        """A waiting or held sequence runs."""
        if seq in self.waiting:
            self.waiting.remove(seq)
        self.held.pop(seq.id, None)
        seq.state = State.RUNNING
        seq.admitted = self._admissions
        self._admissions += 1
        self.running[seq.id] = seq

    def preempt(self, seq: Sequence, fate: Fate) -> None:
        """A running (or, to recompute, a held) sequence gives way."""
        self._unseat(seq)
        seq.preemptions += 1
        if fate is Fate.HOLD:
            self._hold(seq)
        else:
            seq.recomputed += seq.done
            seq.parked = not seq.final and seq.todo == 0
            self._drop_kv(seq)
            seq.state = State.WAITING
        self.refresh(seq)

    def _hold(self, seq: Sequence) -> None:
        self._unseat(seq)
        seq.state = State.HELD
        self.held[seq.id] = seq

    def _drop_kv(self, seq: Sequence) -> None:
        self._drops.append(seq.id)
        self._close(seq)
        self._give_back(seq, self.memory.detach(seq))
        seq.forget_progress()
        seq.fresh_from = self.step

    def _unseat(self, seq: Sequence) -> None:
        for place in (self.running, self.decoding, self.prefilling, self.held):
            place.pop(seq.id, None)

    def _close(self, seq: Sequence) -> None:
        self.open_rows -= seq.open.tokens if seq.open else 0
        seq.open = seq.settled_open = None

    def finish(self, seq: Sequence, reason: Finish) -> None:
        """A sequence ends, in whatever state it is."""
        self._steady = 0
        self._unseat(seq)
        if seq in self.waiting:
            self.waiting.remove(seq)
        if seq.output:
            seq.pin_until = max(seq.pin_until, self.stack.left(seq, self.now))
        else:
            self.stack.left(seq, self.now)
        self._close(seq)
        self._give_back(seq, self.memory.detach(seq))
        seq.state, seq.finish = State.FINISHED, reason
        self._ends.append(seq.id)
        del self.sequences[seq.id]
        self._leave_request(seq)

    def _leave_request(self, seq: Sequence) -> None:
        """Siblings that waited for this one's prompt compute it themselves."""
        siblings = self.requests[seq.request.id]
        siblings.remove(seq)
        if not siblings:
            del self.requests[seq.request.id]
        if seq.choice == 0:
            for sibling in siblings:
                if sibling.state is State.FORKING:
                    sibling.state = State.WAITING
                    self.refresh(sibling)

    def fork_siblings(self, seq: Sequence) -> None:
        """When the prompt is complete: the other choices start from its blocks and compute its last token themselves."""
        if seq.request.n == 1 or seq.choice or seq.done < seq.prompt:
            return
        for sibling in self.requests[seq.request.id]:
            if sibling.state is State.FORKING:
                self._fork(seq, sibling)

    def _fork(self, parent: Sequence, child: Sequence) -> None:
        child.state = State.WAITING
        if child.prompt > 1 and self.memory.share_prefix(parent, child, child.prompt - 1):
            child.hit_tokens = child.done
            child.state = State.HELD
            self.held[child.id] = child
        self.refresh(child)

    def take_back(self, seq: Sequence) -> None:
        """What was planned for a sequence in steps that did not run to their end is forgotten."""
        if seq.finish is not None:
            return
        self.open_rows -= seq.open.tokens if seq.open else 0
        seq.back_to_settled()
        self.open_rows += seq.open.tokens if seq.open else 0
        self.refresh(seq)

    # ---- memory that steps in flight still use

    def _give_back(self, seq: Sequence, detached: Detached) -> None:
        if not seq.in_flight:
            self.memory.release(detached, self.stack.retain.rank)
            return
        self.memory.enter_limbo(detached, +1)
        next(flight for flight in self.flights if flight.step == seq.last_step).limbo.append(detached)

    def let_go(self, detached: Detached) -> None:
        """The step that still used these blocks has ended."""
        self.memory.enter_limbo(detached, -1)
        self.memory.release(detached, self.stack.retain.rank)

    # ---- interruption

    def _ask_to_interrupt(self, newcomer: Sequence) -> None:
        if not self.stack.interrupts or not self.flights or not newcomer.runnable:
            return
        flight = self.flights[0]
        if flight.stop_asked or flight.revoked or flight.plan.rows + self.open_rows > self.limits.max_open_rows:
            return
        view = FlightView(flight.seqs, flight.started, flight.work)
        if self.stack.interrupt(newcomer, view, self.now):
            flight.stop_asked = True
            self.stops.append(flight.step)

    def take_refused(self) -> list[tuple[int, str]]:
        refused, self.refused = self.refused, []
        return refused

    def take_stops(self) -> list[int]:
        stops, self.stops = self.stops, []
        return stops

    # ---- what the next plan tells the executor

    def take_ends(self) -> tuple[int, ...]:
        ends, self._ends = tuple(self._ends), []
        return ends

    def take_drops(self) -> tuple[int, ...]:
        drops, self._drops = tuple(self._drops), []
        return drops

    def take_freed(self) -> tuple[tuple[int, int], ...]:
        """Blocks that went free since the last plan. Only those of plans that are carried out are reported."""
        return tuple((g, block) for g, pool in enumerate(self.memory.pools) for block in pool.take_freed())


def _sampling(flight: Flight) -> tuple[Sequence, ...]:
    return flight.decodes + tuple(seq for seq, slab in flight.slabs if slab.samples)
