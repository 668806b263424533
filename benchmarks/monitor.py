"""What the monitor adds to a step, in microseconds, and what a look at the engine costs.

    python benchmarks/monitor.py [--json FILE]

Pure Python, no torch. "repeated": the policy has promised the same bulk decode. "asked": it is asked each step. "line":
it is asked each step while 10,000 prompts wait. "turnover": in each step a request ends and another one begins.
Over 2,000 steps; repeated ones are counted 32 at a time, so that their mean tells more than their median. A "look" is a
snapshot of 200 requests and 100 steps, pickled.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from doubletime.core.events import Arrive, Event, Request, Result, Row
from doubletime.core.plan import Plan
from doubletime.core.policy import StepView
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import DepthMap, Finish, GroupKind, KVGroup, Limits
from doubletime.engine.monitor.messages import Inspect
from doubletime.engine.monitor.monitor import Monitor
from doubletime.policies.fcfs import Fcfs

BATCHES, CASES = (1, 16, 64, 256), ("repeated", "asked", "line", "turnover")
PROMPT, WAITING, STEPS = 64, 10_000, 2_000


class Asked(Fcfs):
    """Promises nothing."""

    def steady(self, step: StepView) -> int:
        return 0


class Bench:
    """A scheduler whose seats all decode, a monitor beside it, and the time that the monitor takes in each step."""

    def __init__(self, batch: int, case: str) -> None:
        group = KVGroup((0,), GroupKind.FULL, 16, 1)
        blocks = batch * (PROMPT + STEPS + 64) // 16 + 64
        limits = Limits((group,), (blocks,), DepthMap(32), batch, 8192, 16_384)
        self.scheduler = Scheduler(limits, (Fcfs() if case == "repeated" else Asked(),))
        self.monitor = Monitor(self.scheduler)
        self.case, self.next, self.spent = case, 0, 0
        self.arrive(batch)
        self.step()
        self.arrive(WAITING if case == "line" else 0)

    def arrive(self, count: int) -> None:
        for _ in range(count):
            request = Request(self.next, PROMPT, STEPS + 50)
            self.apply(Arrive(self.scheduler.now, request))
            self.next += 1

    def step(self) -> float:
        """Microseconds in the monitor."""
        self.spent = 0
        plan = self.scheduler.plan()
        self.timed(lambda: self.monitor.plan(self.scheduler, plan))
        self.apply(Result(self.scheduler.now + 1_000_000, plan.step, 900_000, rows=self.rows(plan)))
        for seq in self.scheduler.take_ended():
            self.timed(lambda seq=seq: self.monitor.ended(seq))  # type: ignore[misc]
            self.arrive(1)
        return self.spent / 1e3

    def rows(self, plan: Plan) -> tuple[Row, ...]:
        """The oldest ends, if there is turnover."""
        return (Row(plan.decode_seqs[0], None, Finish.STOP),) if self.case == "turnover" and plan.decode_seqs else ()

    def apply(self, event: Event) -> None:
        self.timed(lambda: self.monitor.event(self.scheduler.step, event))
        self.scheduler.apply(event)

    def timed(self, call: Callable[[], object]) -> None:
        began = time.perf_counter_ns()
        call()
        self.spent += time.perf_counter_ns() - began

    def look(self) -> float:
        """Microseconds."""
        began = time.thread_time_ns()
        pickle.dumps(self.monitor.snapshot(Inspect(0, requests=200), self.scheduler.now), pickle.HIGHEST_PROTOCOL)
        return (time.thread_time_ns() - began) / 1e3


def measure(batch: int, case: str) -> dict[str, float | int | str]:
    bench = Bench(batch, case)
    steps = sorted(bench.step() for _ in range(STEPS))
    looks = [bench.look() for _ in range(20)]
    return {
        "batch": batch,
        "case": case,
        "mean_us": statistics.mean(steps),
        "median_us": statistics.median(steps),
        "p99_us": steps[len(steps) * 99 // 100],
        "look_us": statistics.median(looks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows = [measure(batch, case) for case in CASES for batch in BATCHES]
    for row in rows:
        print(
            f"{row['case']:9} batch {row['batch']:3}  mean {row['mean_us']:6.1f} µs a step, median "
            f"{row['median_us']:6.1f}, 99th percentile {row['p99_us']:6.1f}; a look {row['look_us']:7.0f}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
