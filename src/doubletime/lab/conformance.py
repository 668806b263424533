"""The conformance suite for policies: random worlds that check every step, and a sustained overload.

A world is drawn from one seed: KV groups, block counts down to the smallest, steps in flight, arrivals, cancels,
appends, truncates, forks, priorities, stops. In each the suite checks that

- no block and no sequence is lost, nothing is read or written wrongly (`World` checks after every turn),
- the policy raises nothing, and every request ends,
- a second run and a replay of the recording, through JSON, give the same plans.

World number i of a check with seed s is that of `--seed s+i --worlds 1`: each failure names the seed to repeat it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from doubletime.core.events import Arrive, Event, Request, event_from_json, event_to_json
from doubletime.core.loop import Engine
from doubletime.core.plan import Plan
from doubletime.core.policy import FlightView, Policy, SequenceView
from doubletime.core.rng import Purpose, bits
from doubletime.core.scheduler import PLANNED_NOTHING, Scheduler
from doubletime.core.virtual import VirtualSource
from doubletime.core.vocabulary import SECOND, SLO, DepthMap, GroupKind, KVGroup, Limits, Nanoseconds
from doubletime.executors.scripted import ScriptedExecutor
from doubletime.lab.world import VOCABULARY, World, default_duration, replay
from doubletime.policies import load

MOST_FAILURES = 20
"""The check ends early after so many."""

SLACK = 4
"""See `Waits`: what preemption by recompute and small chunks may cost a policy that calls itself bounded."""


class Nonconformance(AssertionError):
    """What a policy did wrong."""


@dataclass(slots=True)
class Report:
    """One line in `failures` for each world that went wrong, with the seed to repeat it."""

    policy: str
    worlds: int = 0
    steps: int = 0
    failures: list[str] = field(default_factory=list)
    longest_wait_s: float = 0.0


def check(spec: str, worlds: int = 200, seed: int = 0, progress: Callable[[], object] | None = None) -> Report:
    """Runs the suite on `spec` (see `doubletime.policies.load`). Raises UnknownPolicy if there is no such policy."""
    load(spec)
    report = Report(spec)
    own_steps = 0
    for world_seed in range(seed, seed + worlds):
        plans = _check_world(spec, world_seed, report)
        report.worlds += 1
        report.steps += len(plans)
        own_steps += sum(plan.planner == "policy" and not plan.idle for plan in plans)
        if progress:
            progress()
        if len(report.failures) >= MOST_FAILURES:
            break
    if report.steps and not own_steps:
        report.failures.append(f"seed {seed}: the policy planned none of {report.steps} steps, the default all")
    _check_overload(spec, seed, report)
    return report


def _check_world(spec: str, seed: int, report: Report) -> list[Plan]:
    world: World | None = None
    try:
        world = draw_world(spec, seed)
        live(world, Random(f"life {seed}"))
        _no_faults(world.tape.plans)
        _round_trips(world)
        _same_again(world, spec, seed)
    except Exception as error:  # whatever the policy made happen is a finding, and the next world goes on
        report.failures.append(_line(seed, error))
    return world.tape.plans if world else []


def _line(seed: int, error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return f"seed {seed}: {type(error).__name__}: {text}"


# ---- random worlds


def draw_world(spec: str, seed: int) -> World:
    """An engine with random limits."""
    random = Random(f"world {seed}")
    groups = tuple(_draw_group(random, layer) for layer in range(random.randint(1, 3)))
    seats = random.randint(1, 5)
    rows = random.randint(seats, 20)
    limits = Limits(
        groups,
        tuple(random.randint(1, 24) for _ in groups),
        DepthMap(layers=random.randint(1, 4), points=random.randint(1, 3)),
        max_seats=seats,
        max_rows=rows,
        max_open_rows=rows + random.randint(0, 20),
    )
    return World(limits, parts_of(spec, seed), in_flight=random.randint(1, 3))


def parts_of(spec: str, seed: int) -> tuple[Policy, ...]:
    """The policy of a world; in every other one, something else stops steps for arrivals as it likes."""
    return (*load(spec), _Stops(seed)) if seed % 2 else load(spec)


class _Stops(Policy):
    """A hook beside the policy: whoever is checked must live with slabs that are stopped anywhere."""

    name = "stops"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: Nanoseconds) -> bool:
        return bool(bits(self._seed, newcomer.id, now, Purpose.POLICY) % 4)


def _draw_group(random: Random, layer: int) -> KVGroup:
    kind = random.choice((GroupKind.FULL, GroupKind.FULL, GroupKind.LATENT, GroupKind.WINDOW))
    window = random.randint(1, 9) if kind is GroupKind.WINDOW else 0
    return KVGroup((layer,), kind, random.choice((1, 2, 3, 4, 6)), 64, window)


def live(world: World, random: Random) -> None:
    """Random events between random numbers of turns, then on to the end."""
    for _ in range(random.randint(3, 40)):
        random.choice(_HAPPENINGS)(world, random)
        for _ in range(random.randint(0, 12)):
            world.turn()
    world.finish_all()


def _arrive(world: World, random: Random) -> None:
    shared = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0][: random.choice((0, 8, 16))]
    n = random.choice((1, 1, 1, 2, 3))
    world.arrive(
        [*shared, *_tokens(random, 1, 14)],
        random.randint(1, 9),
        n=n,
        end_token=random.choice((-1, 0, 3)),
        priority=random.randrange(3),
        delay=random.randrange(2_000_000),
        serial=random.random() < 0.3,
        ready=random.random() < 0.7 or n > 1,
        take_hits=random.random() < 0.8,
        ttft=random.choice((None, 500_000, 5_000_000)),
        seed=random.randrange(100),
    )


def _arrive_open(world: World, random: Random) -> None:
    world.arrive(_tokens(random, 0, 6), random.randint(1, 5), final=False)


def _append(world: World, random: Random) -> None:
    if world.open_prompts():
        world.append(random.choice(world.open_prompts()), _tokens(random, 1, 6), final=random.random() < 0.5)


def _cancel(world: World, random: Random) -> None:
    if world.scheduler.roster.requests and random.random() < 0.5:
        world.cancel(random.choice(sorted(world.scheduler.roster.requests)))


def _ready(world: World, random: Random) -> None:
    if world.scheduler.roster.sequences:
        world.ready(random.choice(sorted(world.scheduler.roster.sequences)))


def _truncate(world: World, random: Random) -> None:
    alone = [seq.id for seq in world.scheduler.roster.sequences.values() if seq.request.n == 1]
    if alone:
        world.truncate(random.choice(alone), random.randint(0, 30))


def _nothing(world: World, random: Random) -> None:
    pass


def _tokens(random: Random, least: int, most: int) -> list[int]:
    return [random.randrange(VOCABULARY) for _ in range(random.randint(least, most))]


_HAPPENINGS = (_arrive, _arrive, _arrive, _arrive, _arrive_open, _append, _cancel, _ready, _truncate, _nothing)


# ---- what must hold of a world that has ended


def _no_faults(plans: list[Plan]) -> None:
    """Planning nothing although there is work is unwise, and the default helps out; anything else is a fault."""
    for plan in plans:
        if plan.fault not in ("", PLANNED_NOTHING):
            raise Nonconformance(f"in step {plan.step} the policy failed: {plan.fault}")


def _round_trips(world: World) -> None:
    for plan in world.tape.plans:
        if Plan.from_json(json.loads(json.dumps(plan.to_json()))) != plan:
            raise Nonconformance(f"plan {plan.step} is another after a round trip through JSON")
    for _, event in world.tape.events:
        if event_from_json(json.loads(json.dumps(event_to_json(event)))) != event:
            raise Nonconformance(f"{event} is another after a round trip through JSON")


def _same_again(world: World, spec: str, seed: int) -> None:
    again = draw_world(spec, seed)
    live(again, Random(f"life {seed}"))
    _same(world.tape.plans, again.tape.plans, "a second run")
    _same(world.tape.plans, replay(world, parts_of(spec, seed)), "a replay")


def _same(first: list[Plan], second: list[Plan], which: str) -> None:
    for a, b in zip(first, second, strict=False):
        if a != b:
            raise Nonconformance(f"not deterministic: {which} differs from step {a.step} on")
    if len(first) != len(second):
        raise Nonconformance(f"not deterministic: {which} has {len(second)} steps, not {len(first)}")


# ---- sustained overload

_OVERLOAD = Limits(
    (KVGroup((0, 1, 2, 3), GroupKind.FULL, 4, 64),),
    (60,),
    DepthMap(layers=4),
    max_seats=8,
    max_rows=64,
    max_open_rows=128,
)
_REQUESTS = 400
_APART: Nanoseconds = 600_000
"""Time between arrivals on average: about half of what one request takes of the machine when it is full."""


class Waits:
    """A recorder that measures every request's wait for its first slab, and what it may be.

    The bound of a request is SLACK times what all that lives at its arrival, and itself, would take alone, one after
    the other: whoever serves in some fair order is done with them by then, whatever has arrived since. It does not
    grow with the length of the overload. So a policy that lets later arrivals pass without end breaks it.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.longest: Nanoseconds = 0
        self.late: list[str] = []
        self._scheduler = scheduler
        self._bounds: dict[int, tuple[Nanoseconds, Nanoseconds]] = {}  # of those that wait: arrival, bound

    def event(self, step: int, event: Event) -> None:
        if isinstance(event, Arrive):
            ahead = [seq.request for seq in self._scheduler.roster.sequences.values()]
            bound = SLACK * sum(_time_alone(request) for request in [*ahead, event.request])
            self._bounds[event.request.id] = (event.time, bound)

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        for slab in plan.slabs:
            if slab.seq in self._bounds:
                self._started(slab.seq, plan.now)

    def _started(self, seq: int, now: Nanoseconds) -> None:
        arrived, bound = self._bounds.pop(seq)
        wait = now - arrived
        self.longest = max(self.longest, wait)
        if wait > bound:
            self.late.append(f"request {seq} waited {wait / SECOND:.3f} s, over its bound of {bound / SECOND:.3f} s")


def _time_alone(request: Request) -> Nanoseconds:
    """With chunks of 16 tokens, each layer in a step of its own."""
    steps = -(-request.prompt // 16) * _OVERLOAD.depth.layers + request.limit
    return steps * 200_000 + (request.prompt + request.limit) * 50_000


def _check_overload(spec: str, seed: int, report: Report) -> None:
    try:
        waits = overload(spec, seed)
    except Exception as error:
        report.failures.append(f"overload, {_line(seed, error)}")
        return
    report.longest_wait_s = waits.longest / SECOND
    if waits.late and all(part.bounded for part in load(spec)):
        report.failures.append(f"overload, seed {seed}: {waits.late[0]} ({len(waits.late)} such requests)")


def overload(spec: str, seed: int, most_turns: int = 15_000) -> Waits:
    """Requests come about twice as fast as they can be served, then all are served."""
    source = VirtualSource(_arrivals(Random(f"overload {seed}")))
    scheduler = Scheduler(_OVERLOAD, load(spec))
    waits = Waits(scheduler)
    executor = ScriptedExecutor(_OVERLOAD, source, default_duration)
    engine = Engine(scheduler, executor, source, recorder=waits)
    for _ in range(most_turns):
        if not engine.turn():
            break
    if scheduler.roster.sequences:
        raise Nonconformance(f"{len(scheduler.roster.sequences)} requests were not served in {most_turns} turns")
    return waits


def _arrivals(random: Random) -> Iterator[Event]:
    time = 0
    for request_id in range(_REQUESTS):
        time += random.randrange(2 * _APART)
        slo = SLO(ttft=random.choice((None, 5_000_000, 50_000_000)))
        yield Arrive(
            time,
            Request(request_id, random.randint(1, 60), random.randint(1, 16), priority=random.randrange(3), slo=slo),
        )
