from __future__ import annotations

from dataclasses import dataclass

import pytest

from doubletime.server.guard.queue_limit import QueueLimit
from tests.server.guard.ask import ask, fine, told


@dataclass
class Queue:
    waiting: int = 0
    last_wait: float = 0.0


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions", "/v1/embeddings"])
def test_work_is_refused_while_the_queue_is_full(path: str) -> None:
    queue = Queue(waiting=2)
    guarded = QueueLimit(fine, queue, 2)
    assert told(ask(guarded, "POST", path), 429) == "queue_full"
    queue.waiting = 1
    assert ask(guarded, "POST", path).text == "fine"


@pytest.mark.parametrize(("waited", "told_s"), [(0.0, "1"), (7.4, "7"), (1e9, "60")])
def test_who_is_refused_is_told_when_to_come_back(waited: float, told_s: str) -> None:
    reply = ask(QueueLimit(fine, Queue(5, waited), 2), "POST", "/v1/completions")
    assert reply.headers["retry-after"] == told_s
    assert "5 requests wait" in reply.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/health"), ("GET", "/v1/models"), ("GET", "/metrics")])
def test_looking_is_never_refused(method: str, path: str) -> None:
    assert ask(QueueLimit(fine, Queue(5), 1), method, path).text == "fine"
