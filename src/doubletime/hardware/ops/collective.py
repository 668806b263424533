"""Collectives inside a node by measured curves for each kind and number of ranks; across nodes by the network.

Sizes are bytes of one rank's input: its buffer (all_reduce), its part of the result (all_gather), all that it gives
(reduce_scatter, alltoall), the message (send).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.machine import Spec
from doubletime.hardware.ops.curve import Curve

KINDS = ("all_reduce", "all_gather", "reduce_scatter", "alltoall", "send")
LATENCY = 10e-6  # seconds of one step between peers
NETWORK_LATENCY = 30e-6
EFFICIENCY = 0.7  # of a link's bandwidth that collectives reach
DATASHEET_ERROR = 0.5
Curves = Mapping[str, Mapping[int, Curve]]


def traffic(kind: str, size: float, ranks: int) -> float:
    """Bytes that a rank sends over its link (ring algorithms: Thakur et al. 2005)."""
    share = (ranks - 1) / ranks
    return {
        "all_reduce": 2 * share * size,
        "all_gather": (ranks - 1) * size,
        "reduce_scatter": share * size,
        "alltoall": share * size,
        "send": size,
    }[kind]


class Collective:
    """`scale` stretches sizes: the measured machine's link bandwidth over this one's."""

    def __init__(self, curves: Curves, scale: float, inside: float, outside: float, spec: Spec) -> None:
        self._curves = curves
        self._scale = scale
        self._inside = inside
        self._outside = outside
        self._spec = spec

    @classmethod
    def from_json(cls, data: dict[str, Any], spec: Spec) -> Collective:
        curves = {
            kind: {int(ranks): Curve.from_json(curve) for ranks, curve in by_ranks.items()}
            for kind, by_ranks in data["curves"].items()
        }
        return cls(curves, data["link"] / spec.link, data["inside"], data["outside"], spec)

    def estimate(self, kind: str, size: float, ranks: int) -> Estimate:
        """Raises ValueError for an unknown kind. A number of ranks between measured ones costs as the next larger."""
        check(kind, ranks)
        if ranks == 1:
            return Estimate(0.0, 0.0, Basis.TABLE)
        if ranks > self._spec.node and kind != "send":
            return self._across_nodes(kind, size, ranks)
        measured = self._curves.get(kind, {})
        nearest = min((count for count in measured if count >= ranks), default=None)
        if nearest is None:
            return datasheet(kind, size, ranks, self._spec)
        whole = size * (ranks if kind == "all_gather" else 1)
        seconds, inside = measured[nearest].read(whole * self._scale)
        if inside and nearest == ranks:
            return Estimate(seconds, self._inside, Basis.INTERPOLATED)
        return Estimate(seconds, self._outside, Basis.EXTRAPOLATED)

    def _across_nodes(self, kind: str, size: float, ranks: int) -> Estimate:
        """Inside each node as measured, then each rank its share with its peers in the other nodes."""
        inside = self.estimate(kind, size, self._spec.node)
        return inside._replace(
            seconds=inside.seconds + between_nodes(kind, size, ranks, self._spec),
            error=DATASHEET_ERROR,
            basis=Basis.DATASHEET,
        )


def check(kind: str, ranks: int) -> None:
    if kind not in KINDS:
        raise ValueError(f"no collective {kind!r}; known: {', '.join(KINDS)}")
    if ranks < 1:
        raise ValueError(f"a collective needs at least one rank, not {ranks}")


def between_nodes(kind: str, size: float, ranks: int, spec: Spec) -> float:
    """Seconds on the network: each rank has its own adapter and exchanges its share of the node's result."""
    nodes = -(-ranks // spec.node)
    share = size if kind in ("all_gather", "alltoall") else size / spec.node
    return NETWORK_LATENCY * (nodes - 1) + traffic(kind, share, nodes) / (EFFICIENCY * spec.network)


def datasheet(kind: str, size: float, ranks: int, spec: Spec) -> Estimate:
    """Nothing but the link: a latency, and the traffic at a usual efficiency."""
    check(kind, ranks)
    if ranks == 1:
        return Estimate(0.0, 0.0, Basis.TABLE)
    inside = min(ranks, spec.node)
    seconds = LATENCY + traffic(kind, size, inside) / (EFFICIENCY * (spec.link or spec.pcie))
    if ranks > spec.node and kind != "send":
        seconds += between_nodes(kind, size, ranks, spec)
    return Estimate(seconds, DATASHEET_ERROR, Basis.DATASHEET)
