"""From a design to the parts of a rehearsal: kinds of engines, the links between them, replicas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from doubletime.cluster.fleet import Failure
from doubletime.cluster.replica import Owner, Replica, Role, Watcher
from doubletime.cluster.router import Router
from doubletime.cluster.routers import load_router
from doubletime.cluster.scaling import Scaler, load_scaler
from doubletime.cluster.wire import Wire
from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.executors.virtual import Jitter
from doubletime.hardware.links import Link, host_link, network_link, peer_link
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.kind import Kind, layout_of
from doubletime.policies import load
from doubletime.shapes.find import find_shape

__all__ = ["Assembly", "layout_of"]

_HANDOFF_SHARE = 0.1


class Assembly:
    """Everything that the replicas of a design share. Raises DoesNotFit, ValueError or OSError, with what to change.

    `kind` is that of the engines, or of those that prefill where others decode: `decode_kind` may be another then.
    """

    def __init__(self, design: Design, *, seed: int = 0, slower: float = 1.0, leaps: bool = True) -> None:
        _check(design)
        self.design = design
        self.shape = find_shape(design.model)
        self.kind = Kind(design, self.shape, slower=slower)
        self.decode_kind = self.kind
        if design.decode_hardware is not None or design.decode_tp is not None:
            other = replace(
                design, hardware=design.decode_hardware or design.hardware, tp=design.decode_tp or design.tp
            )
            self.decode_kind = Kind(other, self.shape, slower=slower)
        self.router: Router = load_router(design.router)
        self.scaler: Scaler | None = load_scaler(design.scaler) if design.scaler else None
        self.wire = Wire(lambda tokens: max(self.kind.kv_of(tokens), self.decode_kind.kv_of(tokens)), self._link)
        self._seed = seed
        self._leaps = leaps

    @property
    def api(self) -> Nanoseconds:
        """What a request spends outside the engine before its first token."""
        return round(self.kind.predicted.overheads.api * SECOND)

    @property
    def serial(self) -> bool:
        """A stage of a pipeline needs the token of the last one: a sequence is in one step at a time."""
        return self.design.pp > 1

    @property
    def config(self) -> dict[str, Any]:
        """What was resolved."""
        limits = self.kind.limits
        return self.design.to_json() | {
            "dtype": self.kind.layout.weights,
            "kv_dtype": self.kind.layout.kv,
            "kv_blocks": list(limits.blocks),
            "block_tokens": [group.block_tokens for group in limits.groups],
            "max_model_len": limits.max_length,
            "jitter": self.jitter,
            "predictor": "measured error" if self.jitter else "oracle",
        }

    @property
    def jitter(self) -> float:
        """How much step times scatter, and so how wrong a predictor is that has learnt them perfectly."""
        return self.kind.machine.jitter if self.design.jitter is None else self.design.jitter

    # ---- the fleet

    @property
    def roles(self) -> tuple[Role, ...]:
        """Those that prefill come first."""
        prefills, all_of_them = self.design.prefill_replicas, self.design.replicas
        if not prefills:
            return (Role.BOTH,) * all_of_them
        return (Role.PREFILL,) * prefills + (Role.DECODE,) * (all_of_them - prefills)

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(
            Failure(index, round(at * SECOND), None if back is None else round(back * SECOND))
            for index, at, back in self.design.failures
        )

    @property
    def handoff(self) -> int:
        """Bytes of KV on one device of a prefill engine that may wait there."""
        if self.design.handoff is None:
            return int(self.kind.kv_bytes * _HANDOFF_SHARE)
        return self.design.handoff // self.kind.devices

    @property
    def load(self) -> Nanoseconds:
        """How long a new engine takes to get its weights."""
        return host_link(self.kind.machine.spec).time(self.kind.weight_bytes)

    def kind_of(self, role: Role) -> Kind:
        return self.decode_kind if role is Role.DECODE else self.kind

    def replica(self, index: int, role: Role, owner: Owner, watcher: Watcher) -> Replica:
        """One more engine, with policies of its own."""
        kind = self.kind_of(role)
        kept = self.handoff / kind.kv_bytes if role is Role.PREFILL else 0.0
        return Replica(
            index,
            kind.without(kept) if kept else kind.limits,
            load(self.design.policy),
            kind.cost,
            owner,
            watcher,
            in_flight=max(self.design.in_flight, self.design.pp),
            jitter=Jitter(self.jitter, self._seed + index),
            leaps=self._leaps and kind.predicted.by_sums,
            role=role,
            metered=self.router.looks,
            wire=self.wire,
        )

    def _link(self, source: int, target: int) -> Link:
        """Within a node where devices of both are in one, else between nodes; as fast as the slower end."""
        ends = [self._place(source), self._place(target)]
        (one, node), (other, same) = ends
        inside = one.machine.spec.name == other.machine.spec.name and node == same
        links = [(peer_link if inside else network_link)(kind.machine.spec) for kind, _ in ends]
        return min(links, key=lambda link: link.bandwidth)

    def _place(self, index: int) -> tuple[Kind, int]:
        """A replica's kind, and the node that its first device is in: nodes are filled in order."""
        prefills = self.design.prefill_replicas
        if not prefills or index < prefills:
            return self.kind, index * self.kind.devices // self.kind.machine.spec.node
        before = (
            prefills * self.kind.devices if self.decode_kind.machine.spec.name == self.kind.machine.spec.name else 0
        )
        device = before + (index - prefills) * self.decode_kind.devices
        return self.decode_kind, device // self.decode_kind.machine.spec.node


def _check(design: Design) -> None:
    """Raises ValueError for what is wrong about the fleet."""
    if design.replicas < 1:
        raise ValueError(f"there must be at least 1 replica, not {design.replicas}")
    if design.prefill_replicas and not 0 < design.prefill_replicas < design.replicas:
        raise ValueError(
            f"prefill_replicas: {design.prefill_replicas} of {design.replicas} replicas: at least 1 has to decode"
        )
    if not design.prefill_replicas and (design.decode_hardware, design.decode_tp, design.handoff) != (None, None, None):
        raise ValueError(
            "decode_hardware, decode_tp and handoff are for replicas that only decode: give prefill_replicas"
        )
    if design.prefill_replicas and design.scaler:
        raise ValueError("a scaler changes the number of equal replicas: leave out prefill_replicas, or the scaler")
    for index, at, back in design.failures:
        if not 0 <= index < design.replicas or at < 0 or (back is not None and back < 0):
            raise ValueError(
                f"failure {index, at, back}: replicas are 0 to {design.replicas - 1}, and no time is negative"
            )
