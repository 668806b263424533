from __future__ import annotations

import pytest

from doubletime.server.guard.origins import Origins
from tests.server.guard.ask import ask, fine, told

CLOSED = Origins(fine, ())
FRIEND = "https://friend.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


def test_programs_and_the_server_s_own_pages_pass() -> None:
    assert ask(CLOSED, "POST", "/v1/completions").text == "fine"
    reply = ask(CLOSED, "POST", "/v1/completions", headers={"Origin": "http://server:8000"})
    assert reply.text == "fine"
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://server:8001", "null", "x"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_foreign_pages_do_not_unless_they_are_allowed(origin: str, method: str) -> None:
    for guarded in (CLOSED, Origins(fine, [FRIEND])):
        reply = ask(guarded, method, "/v1/completions", headers={"Origin": origin})
        assert told(reply, 403) == "origin_not_allowed"
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("allowed", [FRIEND, "*"])
def test_an_allowed_page_may_ask_and_read(allowed: str) -> None:
    guarded = Origins(fine, [allowed])
    reply = ask(guarded, "POST", "/v1/completions", headers={"Origin": FRIEND})
    assert (reply.text, reply.headers["access-control-allow-origin"]) == ("fine", allowed)
    may = ask(guarded, "OPTIONS", "/v1/completions", headers={"Origin": FRIEND, **PREFLIGHT})
    assert may.status_code == 200
    assert "authorization" in may.headers["access-control-allow-headers"].lower()
