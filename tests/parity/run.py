"""One run of the real engine under a condition: what came out, and what really happened on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import torch

from doubletime.core.events import Arrive, Event, Result
from doubletime.core.loop import Engine, Recorder
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import Fate, Finish, Limits
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.structured.matcher import Grammar
from doubletime.engine.host import Host
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.executors.torch_executor import TorchExecutor
from doubletime.lab.world import Tape
from doubletime.models import AnyModel, NativeModel, load_checkpoint
from doubletime.models.load import open_source
from doubletime.policies import load
from doubletime.shapes import depth_map, kv_groups
from doubletime.shapes.memory import blocks_of_one
from tests.checkpoints import checkpoint
from tests.parity.conditions import Condition
from tests.parity.holding import holding
from tests.watched import watched

torch.set_num_threads(1)
HERE = Path(__file__).parent
BLOCK, NATIVE_BLOCK = 8, 16
SEATS = 8
LONGEST = 128
GAP = 33  # operators between two arrivals: a step has 15 or 20, so that they land all over it
DEADLOCK = 120  # seconds


@dataclass
class Text:
    """What came of one choice."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish | None = None
    error: str = ""


@dataclass
class Outcome:
    """The texts by (request, choice), and the tape of the run."""

    texts: dict[tuple[int, int], Text]
    tape: Tape

    @property
    def plans(self) -> list[Plan]:
        return self.tape.plans

    @property
    def results(self) -> list[Result]:
        return [event for _, event in self.tape.events if isinstance(event, Result)]

    @property
    def stops(self) -> list[int]:
        """The depths at which steps were stopped."""
        return [result.reached for result in self.results if result.reached is not None]

    def preempted(self, fate: Fate) -> int:
        return sum(each.fate is fate for plan in self.plans for each in plan.preempted)

    @property
    def copies(self) -> int:
        return sum(len(plan.copies) for plan in self.plans)

    @property
    def hits(self) -> int:
        """Requests whose first slab begins behind a cached prefix."""
        first: dict[int, int] = {}
        for slab in (slab for plan in self.plans for slab in plan.slabs):
            first.setdefault(slab.seq, slab.start)
        return sum(first[event.request.id] > 0 for _, event in self.tape.events if isinstance(event, Arrive))

    @property
    def chunks(self) -> set[int]:
        """Sizes of the prefill slabs."""
        return {slab.tokens for plan in self.plans for slab in plan.work}

    @property
    def heights(self) -> set[int]:
        """Depths of the slabs that were planned from the top."""
        return {slab.bottom for plan in self.plans for slab in plan.work if slab.top == 0}


class ParityHost(Host):
    """Counts arrivals; its requests take prefix hits, or not."""

    hits = True
    arrived = 0

    def _admit(self, submit: Submit, grammar: Grammar | None = None) -> Event:
        self.arrived += 1
        event = super()._admit(submit, grammar)
        assert isinstance(event, Arrive)
        return event if self.hits else replace(event, request=replace(event.request, take_hits=False))


class Run:
    """Submits its requests as the condition says: some of them from within the forward pass, between two operators.

    There the forward thread waits until the engine has taken the arrival, so a stop lands at that very operator.
    `cancels`: request → the number of tokens after which it is cancelled.
    """

    def __init__(
        self,
        condition: Condition,
        requests: Sequence[tuple[tuple[int, ...], SamplingParams]],
        *,
        device: str = "cpu",
        cancels: Mapping[int, int] | None = None,
        recorder: Callable[[Limits], Recorder] | None = None,
    ) -> None:
        self.condition = condition
        self.requests = requests
        self.cancels = cancels or {}
        self.texts = {(at, i): Text() for at, (_, params) in enumerate(requests) for i in range(params.n)}
        self.tape = Tape()
        model = model_of(condition.family, device, condition.kernels)
        self.limits = limits_of(model, condition)
        self.host = ParityHost(self._emit, vocabulary=None, eos=frozenset(), seed=0)
        self.host.hits = condition.hits
        self.executor = TorchExecutor(watched(model, self._tell), self.limits, self.host.inbox.put, poison=True)
        self.host.executor = self.executor
        parts = load(policy_of(condition))
        if condition.hold:
            holding(parts[0])
        log = recorder(self.limits) if recorder else None
        self.engine = Engine(
            Scheduler(self.limits, parts), self.host, self.host,
            in_flight=condition.in_flight, recorder=_Both(self.tape, log) if log else self.tape,
        )  # fmt: skip
        self._spread = condition.arrivals in ("spread", "stops")
        self._operators = 0
        self._submitted = 0
        self._lock = threading.Lock()
        self._turned = threading.Condition()
        self._taken = 0

    def __call__(self) -> Outcome:
        try:
            for _ in range(self._first_wave()):
                self._submit_next()
            while not self._done():
                self._turn()
            self.host.inbox.put(Close())
            self.engine.run()
        finally:
            self._release(len(self.requests))
            self.executor.close()
        self._check_memory()
        return Outcome(self.texts, self.tape)

    def _first_wave(self) -> int:
        return {"together": len(self.requests), "alone": 1}.get(self.condition.arrivals, 4)

    def _done(self) -> bool:
        return all(text.finish is not None for text in self.texts.values())

    def _turn(self) -> None:
        self.engine.turn()
        self.host.tell()
        self._release(self.host.arrived)
        if self.host.idle:
            self._submit_next()

    def _release(self, taken: int) -> None:
        with self._turned:
            self._taken = taken
            self._turned.notify_all()

    def _submit_next(self) -> int | None:
        with self._lock:
            handle = self._submitted
            if handle == len(self.requests):
                return None
            self._submitted += 1
            prompt, params = self.requests[handle]
            self.host.inbox.put(Submit(handle, prompt, params, priority=handle % 3))
            return handle

    def _tell(self, depth: int) -> None:
        """An operator has run, on the forward thread."""
        self._operators += 1
        if not self._spread or self._operators % GAP:
            return
        handle = self._submit_next()
        if handle is not None:
            with self._turned:
                assert self._turned.wait_for(lambda: self._taken > handle, DEADLOCK)

    def _emit(self, news: list[Update]) -> None:
        for update in news:
            assert not update.refused, update.error
            text = self.texts[update.handle, update.choice]
            text.tokens += update.tokens
            text.logprobs += [each.logprob for each in update.logprobs]
            text.finish, text.error = update.finish, update.error
            if update.finish is None and len(text.tokens) == self.cancels.get(update.handle):
                self.host.inbox.put(Abort(update.handle))

    def _check_memory(self) -> None:
        memory = self.engine.scheduler.memory
        memory.drop_cache()
        assert all(pool.free == pool.count for pool in memory.pools), "a block is lost"


class _Both:
    """Two recorders."""

    def __init__(self, one: Recorder, other: Recorder) -> None:
        self.both = (one, other)

    def event(self, step: int, event: Event) -> None:
        for each in self.both:
            each.event(step, event)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        for each in self.both:
            each.plan(scheduler, plan)


def policy_of(condition: Condition) -> str:
    """The policies of a condition, for `load`; those of the tests are files."""
    own = condition.policy if "/" not in condition.policy else str(HERE / Path(condition.policy).name)
    return f"{own}+{HERE / 'rude.py'}" if condition.arrivals == "stops" else own


@cache
def model_of(family: str, device: str = "cpu", kernels: str = "torch") -> AnyModel:
    if kernels == "native":
        return NativeModel(open_source(str(checkpoint(family)), "float32"))
    return load_checkpoint(checkpoint(family), device=device)


def limits_of(model: AnyModel, condition: Condition) -> Limits:
    groups = kv_groups(model.shape, NATIVE_BLOCK if isinstance(model, NativeModel) else BLOCK)
    one = [blocks_of_one(group, LONGEST) for group in groups]
    blocks = tuple(need + 8 if condition.memory == "tight" else 2 * SEATS * need for need in one)
    return Limits(groups, blocks, depth_map(model.shape), SEATS, 256, 512, LONGEST)
