"""Routers by name: one a file. `load_router("prefix-aware:guard=2.0")` makes one."""

from __future__ import annotations

from doubletime.cluster.router import Router
from doubletime.cluster.routers.kv_aware import KVAware
from doubletime.cluster.routers.least_outstanding import LeastOutstanding
from doubletime.cluster.routers.least_ttft import LeastTTFT
from doubletime.cluster.routers.longest_prefix import LongestPrefix
from doubletime.cluster.routers.prefix_aware import PrefixAware
from doubletime.cluster.routers.round_robin import RoundRobin
from doubletime.cluster.spelling import build

ROUTERS: dict[str, type[Router]] = {
    router.name: router for router in (RoundRobin, LeastOutstanding, LeastTTFT, LongestPrefix, PrefixAware, KVAware)
}


def load_router(spec: str) -> Router:
    """A fresh router: `name` or `name:knob=value`. Raises ValueError that lists those there are."""
    return build("router", spec, ROUTERS)
