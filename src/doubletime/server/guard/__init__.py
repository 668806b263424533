"""What stands between the network and the routes: each guard lets a request pass or answers it."""

from __future__ import annotations

from starlette.types import ASGIApp

from doubletime.server.guard.api_key import ApiKeys
from doubletime.server.guard.body_limit import BodyLimit
from doubletime.server.guard.origins import Origins
from doubletime.server.guard.queue_limit import Queue, QueueLimit
from doubletime.server.guard.time_limit import TimeLimit
from doubletime.server.settings import ServerSettings


def guarded(app: ASGIApp, settings: ServerSettings, queue: Queue) -> ASGIApp:
    """The application behind the guards that the settings ask for; what costs least stands outermost."""
    if settings.request_timeout is not None:
        app = TimeLimit(app, settings.request_timeout)
    if settings.max_queue is not None:
        app = QueueLimit(app, queue, settings.max_queue)
    app = BodyLimit(app, settings.max_body)
    if settings.api_keys:
        app = ApiKeys(app, settings.api_keys)
    return Origins(app, settings.origins)
