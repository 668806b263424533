"""Listening and serving. The port is taken before the model is loaded, so that a taken one is known at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from doubletime.server.connection import Connection

_BACKLOG = 2048
_FILES = 65536  # a connection is an open file
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(_BACKLOG)
    except OSError as error:
        taken.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return taken


def base_url(listening: socket.socket) -> str:
    """How this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def curl(url: str, model: str, prompt: str | list[int], key: bool = False) -> str:
    """A command that works as it stands, or with the `key` in the environment where one is needed."""
    body = json.dumps({"model": model, "prompt": prompt, "max_tokens": 32}).replace("'", "'\\''")
    authorization = ' -H "Authorization: Bearer $DOUBLETIME_API_KEY"' if key else ""
    return f"curl {url}/v1/completions -H 'Content-Type: application/json'{authorization} -d '{body}'"


class Work(Protocol):
    """What the server has to end before it can."""

    @property
    def fatal(self) -> str:
        """Why the server has to end; empty while it has not."""
        ...

    def end_requests(self) -> None:
        """Ends the requests that live. Called in the event loop."""
        ...


class Server(uvicorn.Server):
    """Says `ready` when it answers.

    A first signal stops it taking requests; those in progress have `grace` seconds to end. A second one takes those
    seconds away. It ends by itself when its work has ended for good.
    """

    def __init__(self, app: ASGIApp, ready: str = "", work: Work | None = None, grace: float = 5.0) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=int(grace) + 5,  # what the told requests have to end in
        )
        super().__init__(config)
        self._ready, self._work, self._grace = ready, work, grace
        self._deadline = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready:
            print(self._ready, flush=True)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or bool(self._work and self._work.fatal)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(self._end_requests())
        await super().shutdown(sockets)
        ending.cancel()

    async def _end_requests(self) -> None:
        """At the deadline: after the grace, or when somebody is impatient."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._deadline.wait(), self._grace)
        if self._work:
            self._work.end_requests()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not raise the signal again: a server that ends as it was told ends well."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = [signal.signal(number, self.handle_exit) for number in _SIGNALS]
        try:
            yield
        finally:
            for number, handler in zip(_SIGNALS, before, strict=True):
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self._deadline.set()
        self.should_exit = True


def serve(
    app: ASGIApp, listening: socket.socket, ready: str = "", work: Work | None = None, grace: float = 5.0
) -> None:
    """Serves until it is told to stop, or until its work has ended for good.

    Raises SystemExit if the client could not start; the reason has been logged.
    """
    _allow_many_files()
    gc.collect()
    gc.freeze()  # what has been loaded stays: the collector need not look at it again and again
    Server(app, ready, work, grace).run(sockets=[listening])


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
