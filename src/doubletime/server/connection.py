"""One connection: who sends its request too slowly, or does not read its reply, is cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from doubletime.server.errors import ApiError

ARRIVAL_LIMIT = 60.0  # seconds from the first sight of a request (or of the client) until all of it is here
STALL_LIMIT = 30.0  # seconds in which a client that is behind must have read what it was sent, but for the last 16 KiB


class Timer:
    """Does something once, unless it is stopped before."""

    def __init__(self, seconds: float, then: Callable[[], None]) -> None:
        self._seconds, self._then = seconds, then
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """One that runs goes on as it was."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._seconds, self._then)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Connection(H11Protocol):
    """uvicorn's, with two timers. A client that is cut off has its work cancelled, like one that leaves.

    What a slow reader can make the server keep is 64 KiB of the reply, and the text that its requests make meanwhile.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arrival = Timer(ARRIVAL_LIMIT, self._too_late)
        self._stall = Timer(STALL_LIMIT, transport.abort)
        self._watch_arrival()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._arrival.stop()
        self._stall.stop()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.stop()

    def shutdown(self) -> None:
        """The server stops: what works is finished, who only watches has nothing to wait for."""
        if self.cycle is not None and not self.cycle.response_complete and self.scope["method"] == "GET":
            self.transport.close()
        else:
            super().shutdown()

    def _watch_arrival(self) -> None:
        """The timer runs while a request is awaited or half here; between requests it is uvicorn's that runs."""
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._arrival.start()
        else:
            self._arrival.stop()

    def _too_late(self) -> None:
        if self.conn.their_state is h11.SEND_BODY and not self.cycle.response_started:
            error = ApiError(408, f"the request did not arrive within {ARRIVAL_LIMIT:g} s", code="request_too_slow")
            body = json.dumps(error.to_json()).encode()
            head = "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()
