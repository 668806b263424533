"""The KV blocks of an engine by who keeps them. Worked out on demand."""

from __future__ import annotations

from collections import Counter

from doubletime.core.scheduler import Scheduler
from doubletime.engine.monitor.messages import KVRow


def kv_rows(scheduler: Scheduler) -> tuple[KVRow, ...]:
    """One row a group. Blocks that return when a step in flight ends count as running."""
    rows = []
    for group, pool in enumerate(scheduler.memory.pools):
        held = _held_only(scheduler, group)
        rows.append(KVRow(pool.count, pool.held - held, pool.idle, held, pool.free))
    return tuple(rows)


def _held_only(scheduler: Scheduler, group: int) -> int:
    """Blocks that no running sequence has a share in, but a held one."""
    refs = scheduler.memory.pools[group].refs
    shares = Counter(block for seq in scheduler.roster.held.values() for block in seq.tables[group] if block >= 0)
    return sum(refs[block] == count for block, count in shares.items())
