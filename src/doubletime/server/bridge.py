"""The engine in a process of its own, seen from the event loop of the HTTP process.

An engine that dies is started again, once: those whose requests it had are told, and so are those that come meanwhile.
One that dies again soon is not worth a third start: `fatal` then says why, and the server ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from itertools import count
from math import ceil
from typing import Any

from doubletime.engine.about import About
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Abort, Params, Submit, Update
from doubletime.engine.monitor.messages import Snapshot
from doubletime.engine.process import Failed, Ready
from doubletime.server.client import EngineStopped
from doubletime.server.engine_process import EngineProcess
from doubletime.server.monitor.questions import Questions
from doubletime.server.reply import BridgeReply

RESTART_WINDOW = 600.0  # seconds after a death in which a second one is the last
_LOG = logging.getLogger("doubletime.server")


class EngineBridge:
    """Starts the engine process at once, so that it loads while the HTTP side does; `wait_ready` waits for it."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._started = time.monotonic()
        self._load_s = 0.0  # how long the engine took to load
        self._engine = EngineProcess(config)
        self._replies: dict[int, BridgeReply] = {}
        self._waiting: dict[int, float] = {}  # handle → when it came, of those that have not begun
        self._handles = count()
        self._died: float | None = None
        self._restart: asyncio.Task[None] | None = None
        self._watched: int | None = None  # file descriptor
        self._closing = False
        self._questions = Questions()
        self.about = About()
        self.last_wait = 0.0
        self.problem = ""  # why it takes no requests
        self.fatal = ""  # why it never will again

    def wait_ready(self) -> Ready:
        """Blocks until the engine takes requests. Raises ValueError with the engine's reason if it could not start."""
        message = self._engine.receive()
        if isinstance(message, Ready):
            self._load_s = time.monotonic() - self._started
            self.about = message.about
            return message
        self._engine.shut_down()
        raise ValueError(message.reason if isinstance(message, Failed) else "the engine process died while it started")

    @property
    def healthy(self) -> bool:
        """An engine that has just died is noticed when its pipe ends."""
        return not self.problem

    @property
    def waiting(self) -> int:
        """Requests that wait for their first step."""
        return len(self._waiting)

    @property
    def engine_pid(self) -> int | None:
        return self._engine.pid

    async def start(self) -> None:
        self._watch()

    def end_requests(self) -> None:
        """Takes no more requests, and ends those that live; for a server that stops."""
        self._unwatch()
        self.problem = "the server is shutting down"
        self._closing = True
        self._tell(EngineStopped(self.problem))

    async def close(self) -> None:
        self.end_requests()
        if self._restart is not None:
            await asyncio.wait([self._restart])
        await asyncio.to_thread(self.shut_down)

    def shut_down(self) -> None:
        """Ends the engine process: gently, then not."""
        self._engine.shut_down()

    async def submit(self, prompt: Sequence[int], params: Params, priority: int = 0, name: str = "") -> BridgeReply:
        if not self.healthy:
            raise self._stopped()
        handle = next(self._handles)
        reply = self._replies[handle] = BridgeReply(self, handle, params.n)
        self._waiting[handle] = time.monotonic()
        self._engine.send(Submit(handle, tuple(prompt), params, priority, name=name))
        try:
            await reply.accepted()
        except asyncio.CancelledError:
            reply.cancel()
            raise
        return reply

    async def inspect(self, requests: int = 0, name: str = "", after: int = -1) -> Snapshot:
        if not self.healthy:
            raise self._stopped()
        return await self._questions.ask(self._engine.send, requests, name, after)

    def abort(self, handle: int) -> None:
        """The submitter has lost interest."""
        self.forget(handle)
        self._engine.send(Abort(handle))

    def forget(self, handle: int) -> None:
        self._replies.pop(handle, None)
        self._waiting.pop(handle, None)

    # ---- news from the engine

    def _watch(self) -> None:
        self._watched = self._engine.fileno()
        asyncio.get_running_loop().add_reader(self._watched, self._read)

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
        self._watched = None

    def _read(self) -> None:
        """One message; the loop calls again while there are more."""
        message: Any = self._engine.receive()
        match message:
            case list():
                for update in message:
                    self._deliver(update)
            case Snapshot():
                self._questions.answer(message)
            case Ready():
                self._back()
            case Failed():
                self._lost(message.reason)
            case _:
                self._lost("the engine process died")

    def _deliver(self, update: Update) -> None:
        came = self._waiting.pop(update.handle, None)
        if came is not None:
            self.last_wait = time.monotonic() - came
        reply = self._replies.get(update.handle)
        if reply is None:
            return
        if update.began:
            reply.begin(update.cached)
        else:
            reply.put(update)

    def _stopped(self) -> EngineStopped:
        back_in = ceil(self._load_s) if self._restart is not None else None
        return EngineStopped(self.problem, back_in)

    def _tell(self, stopped: EngineStopped) -> None:
        for reply in self._replies.values():
            reply.stop(stopped)
        self._questions.fail(stopped)
        self._replies.clear()
        self._waiting.clear()

    # ---- a dead engine

    def _lost(self, reason: str) -> None:
        """Starts another engine, or gives up if the last death was not long ago."""
        self._unwatch()
        again = self._died is not None and time.monotonic() - self._died < RESTART_WINDOW
        self._died = time.monotonic()
        if again:
            self.problem = self.fatal = f"{reason}, for the second time within {RESTART_WINDOW / 60:g} minutes"
            self._restart = None
        else:
            self.problem = f"{reason}; it is being started again"
            self._restart = asyncio.create_task(self._replace())
        _LOG.error(self.problem)
        self._tell(self._stopped())

    async def _replace(self) -> None:
        await asyncio.to_thread(self._engine.shut_down)
        self._started = time.monotonic()
        try:
            self._engine = await asyncio.to_thread(EngineProcess, self._config)
        except OSError as error:
            self._lost(f"the engine process could not be started: {error}")
            return
        if not self._closing:
            self._watch()

    def _back(self) -> None:
        """The new engine takes requests."""
        self._load_s = time.monotonic() - self._started
        self._restart, self.problem = None, ""
        _LOG.warning("the engine is back after %.1f s", self._load_s)
