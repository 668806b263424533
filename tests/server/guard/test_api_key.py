from __future__ import annotations

import pytest

from doubletime.server.guard import api_key
from doubletime.server.guard.api_key import ApiKeys
from tests.server.guard.ask import ask, fine, told

GUARDED = ApiKeys(fine, ["first", "sécond"])


@pytest.mark.parametrize("header", ["Bearer first", "bearer  first", "Bearer sécond".encode()])
def test_any_of_the_keys_opens(header: str | bytes) -> None:
    assert ask(GUARDED, "POST", "/v1/completions", headers={"Authorization": header}).text == "fine"


@pytest.mark.parametrize("header", ["", "first", "Basic first", "Bearer", "Bearer ", "Bearer third", "Bearer firs"])
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/requests", "/live", "/pages", "/health/", "/health/x"])
def test_nothing_else_does(header: str, path: str) -> None:
    reply = ask(GUARDED, "GET", path, headers={"Authorization": header})
    assert told(reply, 401) == "invalid_api_key"
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/health", "/", "/page/main.js"])
def test_health_and_the_live_page_are_open(path: str) -> None:
    assert ask(GUARDED, "GET", path).status_code == 200


def test_every_key_is_compared_whole_whichever_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def compare(given: bytes, known: bytes) -> bool:
        seen.append((len(given), len(known)))
        return given == known

    monkeypatch.setattr(api_key, "compare_digest", compare)
    for key in ("first", "x", "x" * 1000):
        ask(GUARDED, "GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert seen == [(32, 32)] * 6
