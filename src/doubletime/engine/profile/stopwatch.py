"""Times of many small jobs, taken in turns so that a slow moment of the machine hits all of them alike.

What is counted is the processor time of the thread: what other processes take meanwhile is not in it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple, TypeVar

import torch

T = TypeVar("T")
Job = Callable[[], object]
now = time.thread_time_ns

ENOUGH = 20_000_000  # nanoseconds: a job this long is not repeated within a round
MOST = 4  # repetitions within a round


class Timed(NamedTuple):
    """`x`: the point of a table; `run`: the work."""

    x: tuple[float, ...]
    run: Job


def on_thread(work: Callable[[], T]) -> T:
    """Runs `work` as the torch executor runs a step: on a thread of its own, in inference mode."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with torch.inference_mode():
                found.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="forward")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def medians(jobs: list[Timed], rounds: int) -> list[tuple[float, ...]]:
    """Rows (x…, seconds) of the median time of each job over all rounds. Each round takes another order."""
    times: dict[int, list[int]] = {index: [] for index in range(len(jobs))}
    order = list(times)
    for turn in range(rounds):
        random.Random(turn).shuffle(order)
        for index in order:
            _time(jobs[index].run, times[index])
    return [(*job.x, median(times[index]) / 1e9) for index, job in enumerate(jobs)]


def _time(run: Job, times: list[int]) -> None:
    """Once to warm up, then a few times if it is short."""
    began = now()
    run()
    once = now() - began
    for _ in range(1 if once > ENOUGH else MOST):
        began = now()
        run()
        times.append(now() - began)
