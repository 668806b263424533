"""Work that nobody waits for any more is not done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")


class HungUp(Exception):
    """The client has closed the connection."""


async def unless_hung_up(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. If the client hangs up first, cancels it, waits for its cleaning up and raises HungUp.

    The body of the request must have been read.
    """
    task = asyncio.create_task(work)
    watcher = asyncio.create_task(_hang_up(receive))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HungUp
    finally:
        task.cancel()
        watcher.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
