"""Many independent pieces of work, on all cores: results in the order of the items, whoever finishes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    function: Callable[[Item], Found],
    items: Sequence[Item],
    jobs: int,
    progress: Callable[[], object] = lambda: None,
) -> list[Found]:
    """In this process with one job or one item; else in fresh (spawned) processes, to which both must be picklable.

    The first exception ends it; what has not begun is dropped.
    """
    if jobs <= 1 or len(items) <= 1:
        found = []
        for item in items:
            found.append(function(item))
            progress()
        return found
    return _spawned(function, items, min(jobs, len(items)), progress)


def _spawned(
    function: Callable[[Item], Found], items: Sequence[Item], jobs: int, progress: Callable[[], object]
) -> list[Found]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(function, item) for item in items]
        try:
            for done in as_completed(waiting):
                done.result()
                progress()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in waiting]
