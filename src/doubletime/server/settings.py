"""The settings of the HTTP side: resolved once, on the command line."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.server.monitor.settings import QUIET, MonitorSettings


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a user may choose. Times in seconds, `max_body` in bytes; None is no limit.

    `api_keys`: who sends none of them is refused; empty: everybody is let in. `max_queue`: requests that wait for their
    first step. `origins`: web pages of these origins may use the server, `*` is any. `grace`: what requests in progress
    have to end in when the server is told to stop. `tool_parser`, `reasoning_parser`: how the model writes calls and
    thoughts; auto is as its chat template shows.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    served_model_name: str | None = None
    api_keys: tuple[str, ...] = ()
    max_queue: int | None = None
    request_timeout: float | None = None
    max_body: int = 8 << 20
    origins: tuple[str, ...] = ()
    grace: float = 5.0
    tool_parser: str = "auto"
    reasoning_parser: str = "auto"
    monitor: MonitorSettings = QUIET
