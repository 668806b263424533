"""Snapshots of engines that never ran."""

from __future__ import annotations

from typing import Any

from doubletime.engine.monitor.messages import KVRow, Rates, Snapshot
from doubletime.engine.monitor.reasons import REASONS
from doubletime.engine.monitor.tallies import Tallies

NONE = (0,) * len(REASONS)


def snapshot(**fields: Any) -> Snapshot:
    """An idle engine, but for the fields given."""
    idle: dict[str, Any] = {
        "query": 0, "time": 10 * 10**9, "epoch": 1_700_000_000.0, "running": 0, "waiting": 0, "forking": 0,
        "waiting_for": NONE, "spent": NONE, "kv": (KVRow(8, 0, 0, 0, 8),), "rates": Rates(0.0, 0.0, 0.0),
        "tallies": Tallies(), "live": 0, "requests": (), "steps": (), "names": {},
    }  # fmt: skip
    return Snapshot(**(idle | fields))
