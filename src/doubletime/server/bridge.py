"""The engine in a process of its own, seen from the event loop of the HTTP process."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from doubletime.decoding.params import SamplingParams
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.engine.process import Failed, Ready, run_engine
from doubletime.server.client import Chunk, EngineStopped, Refused

_GRACE = 5.0  # seconds that a closing engine has


class BridgeReply:
    """The chunks of one request, filled by the bridge."""

    def __init__(self, bridge: EngineBridge, handle: int, n: int) -> None:
        self._bridge = bridge
        self._handle = handle
        self._living = n
        self._updates: asyncio.Queue[Update | None] = asyncio.Queue()

    def put(self, update: Update | None) -> None:
        """An update, or None when the engine is gone."""
        self._updates.put_nowait(update)

    async def accepted(self) -> None:
        """Waits for the first news. Raises Refused or EngineStopped."""
        update = await self._next()
        if update.refused:
            self._living = 0
            self._bridge.forget(self._handle)
            raise Refused(update.error)
        self._first: Update | None = update

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        while self._living:
            update, self._first = self._first or await self._next(), None
            if update.finish is not None:
                self._living -= 1
            if not self._living:
                self._bridge.forget(self._handle)
            yield Chunk(update.choice, update.error or update.text, update.tokens, update.finish)

    def cancel(self) -> None:
        if self._living:
            self._living = 0
            self._bridge.abort(self._handle)

    async def _next(self) -> Update:
        update = await self._updates.get()
        if update is None:
            self._living = 0
            raise EngineStopped(self._bridge.problem)
        return update


class EngineBridge:
    """Starts the engine process at once, so that it loads while the HTTP side does; `start` waits for it."""

    def __init__(self, config: EngineConfig) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=run_engine, args=(config, theirs), name="doubletime-engine", daemon=True)
        self._process.start()
        theirs.close()
        self.problem = ""
        self._replies: dict[int, BridgeReply] = {}
        self._handles = count()

    def wait_ready(self) -> Ready:
        """Blocks until the engine takes requests. Raises ValueError with the engine's reason if it could not start."""
        message = _receive(self._pipe)
        if isinstance(message, Ready):
            return message
        self._process.join(_GRACE)
        raise ValueError(message.reason if isinstance(message, Failed) else "the engine process died while it started")

    @property
    def healthy(self) -> bool:
        return not self.problem and self._process.is_alive()

    async def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._read)

    async def close(self) -> None:
        self._lost("the server is shutting down")
        await asyncio.to_thread(self.shut_down)

    def shut_down(self) -> None:
        """Ends the engine process: gently, then not."""
        with contextlib.suppress(OSError):
            self._pipe.send(Close())
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_GRACE)

    async def submit(self, prompt: Sequence[int], params: SamplingParams, priority: int = 0) -> BridgeReply:
        if not self.healthy:
            raise EngineStopped(self.problem or "the engine process is gone")
        handle = next(self._handles)
        reply = self._replies[handle] = BridgeReply(self, handle, params.n)
        self._send(Submit(handle, tuple(prompt), params, priority))
        try:
            await reply.accepted()
        except asyncio.CancelledError:
            reply.cancel()
            raise
        return reply

    def abort(self, handle: int) -> None:
        """The submitter has lost interest."""
        self.forget(handle)
        if self.healthy:
            self._send(Abort(handle))

    def forget(self, handle: int) -> None:
        self._replies.pop(handle, None)

    def _send(self, message: Submit | Abort) -> None:
        """If the engine has just died, the end of the pipe tells everybody."""
        with contextlib.suppress(OSError):
            self._pipe.send(message)

    def _read(self) -> None:
        """All news that are there, to whom they concern."""
        while self._pipe.poll():
            message = _receive(self._pipe)
            if not isinstance(message, list):
                self._lost(message.reason if isinstance(message, Failed) else "the engine process died")
                return
            for update in message:
                reply = self._replies.get(update.handle)
                if reply is not None:
                    reply.put(update)

    def _lost(self, problem: str) -> None:
        if self.problem:
            return
        self.problem = problem
        asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        for reply in list(self._replies.values()):
            reply.put(None)
        self._replies.clear()


def _receive(pipe: Connection) -> Any:
    """The next message, None at the end of the pipe."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None
