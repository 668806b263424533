"""Listening and serving. The port is taken before the model is loaded, so that a taken one is known at once."""

from __future__ import annotations

import json
import socket

import uvicorn
from starlette.types import ASGIApp

_BACKLOG = 2048


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


def curl(url: str, model: str, prompt: str | list[int]) -> str:
    """A command that works as it stands."""
    body = json.dumps({"model": model, "prompt": prompt, "max_tokens": 32}).replace("'", "'\\''")
    return f"curl {url}/v1/completions -H 'Content-Type: application/json' -d '{body}'"


class Server(uvicorn.Server):
    """Says `ready` when it answers."""

    def __init__(self, app: ASGIApp, ready: str = "") -> None:
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready:
            print(self._ready, flush=True)


def serve(app: ASGIApp, listening: socket.socket, ready: str = "") -> None:
    """Serves until it is interrupted, then gives the requests in progress some seconds to end.

    Raises SystemExit if the client could not start; the reason has been logged.
    """
    Server(app, ready).run(sockets=[listening])
