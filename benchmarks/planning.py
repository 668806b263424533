"""What planning a step costs, in microseconds: decodes running, 10,000 prompts waiting, contexts of 2,000 tokens.

    python benchmarks/planning.py [--json FILE]

Pure Python, no torch. "plan" is `Scheduler.plan`, "result" is handling the result of the step, "record" is what the
event log adds to both. Medians and 99th percentiles over 400 steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from doubletime.core.events import Arrive, Request, Result, Row
from doubletime.core.log import Header, LogWriter
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits
from doubletime.policies import NAMES, load

WAITING, CONTEXT, STEPS = 10_000, 2_000, 400


def engine(running: int, policy: str) -> tuple[Scheduler, LogWriter]:
    """A scheduler whose seats are all decoding, and a log that goes nowhere."""
    group = KVGroup((0,), GroupKind.FULL, 16, 1)
    blocks = running * (CONTEXT + 4096) // 16 + 64
    limits = Limits((group,), (blocks,), DepthMap(32, 5), running, max(8192, running), 16_384)
    scheduler = Scheduler(limits, load(policy))
    for i in range(running):
        scheduler.apply(Arrive(0, Request(i, CONTEXT, 4000)))
    while len(plan := scheduler.plan().decode_seqs) < running:
        scheduler.apply(Result(scheduler.now + 1000, scheduler.step - 1, 1000))
        assert plan is not None
    scheduler.apply(Result(scheduler.now + 1000, scheduler.step - 1, 1000))
    for i in range(WAITING):
        scheduler.apply(Arrive(scheduler.now, Request(1_000_000 + i, CONTEXT, 100)))
    return scheduler, LogWriter(Header(limits, policy, 1, 0, "benchmark"), lambda text: None)


def result_of(plan: Plan, now: int) -> Result:
    """One sequence in sixteen completes a block, as in a real run."""
    rows = tuple(Row(i, None, None, (1 << 100 | i,)) for i in plan.decode_seqs if (i + plan.step) % 16 == 0)
    return Result(now, plan.step, 1000, rows=rows)


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - began) / 1e3


def measure(running: int, policy: str) -> dict[str, float | int | str]:
    scheduler, log = engine(running, policy)
    plans: list[float] = []
    results: list[float] = []
    records: list[float] = []
    for _ in range(STEPS):
        made: list[Plan] = []
        plans.append(timed(lambda made=made: made.append(scheduler.plan())))
        result = result_of(made[0], scheduler.now + 1000)
        step = scheduler.step
        records.append(
            timed(lambda plan=made[0]: log.plan(scheduler, plan)) + timed(lambda r=result, s=step: log.event(s, r))
        )
        results.append(timed(lambda r=result: scheduler.apply(r)))
    p99 = statistics.quantiles(plans, n=100)[98]
    return {
        "policy": policy,
        "running": running,
        "plan_us": statistics.median(plans),
        "plan_p99_us": p99,
        "result_us": statistics.median(results),
        "record_us": statistics.median(records),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    print(
        f"{'policy':10}{'running':>8}{'plan':>9}{'p99':>9}{'result':>9}{'record':>9}   µs a step, {WAITING:,} waiting"
    )
    rows = []
    for policy in NAMES:
        for running in (1, 64, 256):
            row = measure(running, policy)
            rows.append(row)
            numbers = "".join(f"{row[name]:9.1f}" for name in ("plan_us", "plan_p99_us", "result_us", "record_us"))
            print(f"{policy:10}{running:8}{numbers}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
