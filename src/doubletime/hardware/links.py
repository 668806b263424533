"""Moving KV between memories: host tier, another device, another node."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.hardware.machine import Spec

PCIE_LATENCY = 10e-6  # a copy engine's launch and completion
PEER_LATENCY = 10e-6
NETWORK_LATENCY = 30e-6  # RDMA write of a registered buffer, with its notification
EFFICIENCY = 0.8  # of the data sheet's bandwidth that block-wise copies of KV reach


@dataclass(frozen=True, slots=True)
class Link:
    """`bandwidth` in bytes a second, one way; `latency` in seconds until the first byte is there."""

    bandwidth: float
    latency: float

    def __post_init__(self) -> None:
        if self.bandwidth <= 0 or self.latency < 0:
            raise ValueError(f"a link needs a bandwidth above 0 and no negative latency, not {self}")

    def time(self, size: int) -> Nanoseconds:
        """Nanoseconds until `size` bytes are over; 0 bytes take no time."""
        return round((self.latency + size / self.bandwidth) * SECOND) if size > 0 else 0


def host_link(spec: Spec) -> Link:
    """Between a device and its host's memory."""
    return Link(spec.pcie * EFFICIENCY, PCIE_LATENCY)


def peer_link(spec: Spec) -> Link:
    """Between two devices of one node."""
    return Link((spec.link or spec.pcie) * EFFICIENCY, PEER_LATENCY)


def network_link(spec: Spec) -> Link:
    """Between devices of two nodes."""
    return Link(spec.network * EFFICIENCY, NETWORK_LATENCY)
