"""OPT-13B on A100 by the constants that DistServe's authors published, in place of this project's cost model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from doubletime.cluster.fleet import Fleet
from doubletime.cluster.replica import Owner, Replica, Role
from doubletime.cluster.routers import load_router
from doubletime.cluster.wire import Wire
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import SLO, DepthMap, GroupKind, KVGroup, Limits, Nanoseconds
from doubletime.hardware.links import peer_link
from doubletime.hardware.specs import SPECS
from doubletime.lab.observer import Observer
from doubletime.lab.rehearsal.journal import Journal
from doubletime.lab.rehearsal.traffic import WorkloadTraffic
from doubletime.lab.result import result
from doubletime.lab.workload.open import open_workload
from doubletime.policies import load

_MS = 1_000_000
_TOKEN_BYTES = 2 * 40 * 5120 * 2  # keys and values of 40 layers, 16 bit
_LIMITS = Limits(
    (KVGroup(tuple(range(40)), GroupKind.FULL, 16, 16 * _TOKEN_BYTES),), (2900,), DepthMap(40), 256, 2048, 8192, 2048
)


class PublishedCost:
    """Milliseconds, l prompt tokens of each sequence, B decodes and the sum of their contexts (simdistserve, one GPU):
    prefill 18.1 + 0.10191 Σl + 7.12e-6 Σl², decode 19.93 + 6.27e-4 Σcontext + 0.0385 B. A mixed step is a prefill and
    what each decode adds.
    """

    stages = 1

    def decodes(self, count: int, context: int) -> Nanoseconds:
        return round((19.93 + 6.27e-4 * context + 0.0385 * count) * _MS)

    def plan(self, plan: Plan) -> Nanoseconds:
        prompts = [slab.tokens for slab in plan.work if slab.tokens > 1]
        count = len(plan.decode_seqs) + len(plan.work) - len(prompts)  # a slab of one token is a decode that came over
        context = sum(plan.decode_starts) + sum(slab.start for slab in plan.work if slab.tokens == 1)
        if not prompts:
            return self.decodes(count, context)
        prefill = 18.10 + 0.10191 * sum(prompts) + 7.12e-6 * sum(length**2 for length in prompts)
        return round((prefill + 6.27e-4 * context + 0.0385 * count) * _MS)

    def depths(self, plan: Plan) -> tuple[Nanoseconds, ...]:
        whole = self.plan(plan)
        return tuple(whole * (point + 1) // plan.depth for point in range(plan.depth))


@dataclass
class _Plant:
    traffic: WorkloadTraffic
    observer: Observer
    policy: str

    def replica(self, index: int, role: Role, owner: Owner) -> Replica:
        journal = Journal(index, self.observer)
        self.traffic.journals.append(journal)
        return Replica(
            index, _LIMITS, load(self.policy), PublishedCost(), owner, journal, in_flight=1, role=role
        )  # fmt: skip


def serve(spec: str, limit: int | None, slo: SLO, policy: str, roles: tuple[Role, ...]) -> dict[str, Any]:
    """The result schema."""
    observer = Observer()
    traffic = WorkloadTraffic(open_workload(spec, limit=limit), slo, observer)
    link = peer_link(SPECS["a100"])
    wire = Wire(lambda tokens: tokens * _TOKEN_BYTES, lambda source, target: link)
    handoff = 10 * 2048 * _TOKEN_BYTES
    plant = _Plant(traffic, observer, policy)
    Fleet(plant, load_router("least-outstanding"), traffic, roles, wire=wire, handoff=handoff).run()
    traffic.count_gaps()
    return result(traffic.scores, observer.facts(), clock="virtual", policy=policy, config={}, seed=0)
