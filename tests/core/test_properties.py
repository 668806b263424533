"""Random events against the whole engine: nothing is lost, nothing is shared wrongly, everything ends."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits
from doubletime.lab.world import World, replay
from doubletime.policies import load

POLICIES = (
    "fcfs",
    "fcfs:budget=5",
    "priority",
    "sarathi:budget=16",
    "sarathi:tbt=0.001+priority",
    "layered:per_group=3,batch=12",
    "flow:ttft=0.003",
    "flow:ttft=0.02,late=1",
)
FULL = KVGroup((0, 1), GroupKind.FULL, 4, 64)
GROUPS = (
    (FULL,),
    (KVGroup((0,), GroupKind.FULL, 2, 32), KVGroup((1,), GroupKind.WINDOW, 4, 64, window=6)),
    (KVGroup((0,), GroupKind.WINDOW, 3, 64, window=5), KVGroup((1,), GroupKind.LATENT, 6, 16)),
)
PREFIXES = ((), (1, 2, 3, 4, 5, 6, 1, 2), (1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0))


class EngineMachine(RuleBasedStateMachine):
    """Requests come, change and go; between them the engine takes turns."""

    @initialize(
        spec=st.sampled_from(POLICIES),
        groups=st.sampled_from(GROUPS),
        blocks=st.integers(3, 24),
        in_flight=st.sampled_from((1, 2, 3)),
        seats=st.integers(1, 5),
        rows=st.integers(5, 20),
    )
    def start(self, spec: str, groups: tuple[KVGroup, ...], blocks: int, in_flight: int, seats: int, rows: int) -> None:
        limits = Limits(
            groups, (blocks,) * len(groups), DepthMap(4, 2), max_seats=seats, max_rows=rows, max_open_rows=rows + 10
        )
        self.spec = spec
        self.world = World(limits, load(spec), in_flight)
        note(f"{spec} {limits} in_flight={in_flight}")

    @rule(
        prefix=st.sampled_from(PREFIXES),
        rest=st.lists(st.integers(0, 6), min_size=1, max_size=14),
        limit=st.integers(1, 9),
        n=st.sampled_from((1, 1, 1, 2, 3)),
        end_token=st.sampled_from((-1, 0, 3)),
        priority=st.integers(0, 2),
        delay=st.integers(0, 2_000_000),
        flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        ttft=st.sampled_from((None, 500_000, 5_000_000)),
        preloaded=st.sampled_from((0, 0, 1, 5, 8, 17)),
    )
    def arrive(self, prefix, rest, limit, n, end_token, priority, delay, flags, ttft, preloaded) -> None:  # type: ignore[no-untyped-def]
        serial, ready, hits = flags
        self.world.arrive(
            [*prefix, *rest], limit, n=n, end_token=end_token, priority=priority, delay=delay,
            serial=serial, ready=ready or n > 1, take_hits=hits, ttft=ttft,
            preloaded=min(preloaded, len(prefix) + len(rest) - 1) if hits else 0,
        )  # fmt: skip

    @rule(tokens=st.lists(st.integers(0, 6), max_size=6), limit=st.integers(1, 5))
    def arrive_open(self, tokens: list[int], limit: int) -> None:
        self.world.arrive(tokens, limit, final=False)

    @precondition(lambda self: self.world.open_prompts())
    @rule(data=st.data(), tokens=st.lists(st.integers(0, 6), min_size=1, max_size=6), final=st.booleans())
    def append(self, data: st.DataObject, tokens: list[int], final: bool) -> None:
        self.world.append(data.draw(st.sampled_from(self.world.open_prompts())), tokens, final=final)

    @precondition(lambda self: self.world.scheduler.roster.sequences)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.world.cancel(data.draw(st.sampled_from(sorted(self.world.scheduler.roster.requests))))

    @precondition(lambda self: self.world.scheduler.roster.sequences)
    @rule(data=st.data())
    def ready(self, data: st.DataObject) -> None:
        self.world.ready(data.draw(st.sampled_from(sorted(self.world.scheduler.roster.sequences))))

    @precondition(lambda self: any(seq.request.n == 1 for seq in self.world.scheduler.roster.sequences.values()))
    @rule(data=st.data(), length=st.integers(0, 30))
    def truncate(self, data: st.DataObject, length: int) -> None:
        alone = [seq.id for seq in self.world.scheduler.roster.sequences.values() if seq.request.n == 1]
        self.world.truncate(data.draw(st.sampled_from(alone)), length)

    @rule(turns=st.integers(1, 12))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.world.turn()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.finish_all()
        faults = {plan.fault for plan in self.world.tape.plans if plan.fault and "planned nothing" not in plan.fault}
        assert not faults, faults
        assert replay(self.world, load(self.spec)) == self.world.tape.plans
        for plan in self.world.tape.plans:
            assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


EngineMachine.TestCase.settings = settings(
    max_examples=settings.default.max_examples * 3 // 2,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)
TestEngine = EngineMachine.TestCase
