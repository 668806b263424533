"""The live page of a real small server under load, in a real browser."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.browser import browser
from tests.server.test_page import PATIENCE_MS, until
from tests.server.test_serve import Served

KEY = "only for us"
CLIENTS = 6


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served("--served-model-name", "tiny", "--max-seats", "3", "--api-key", KEY)
    server.client.api_key = KEY
    yield server
    server.end(signal.SIGTERM)


def load(server: Served, done: threading.Event) -> list[threading.Thread]:
    """Clients that ask until they are told to stop: more than there are seats."""

    def ask() -> None:
        while not done.is_set():
            server.client.completions.create(
                model="tiny", prompt="The quick brown fox", max_tokens=200, extra_body={"ignore_eos": True}
            )

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.slow
def test_a_real_server_under_load_is_shown_and_chats(served: Served) -> None:
    done = threading.Event()
    with browser() as chromium:
        page: Any = chromium.new_page()
        page.set_default_timeout(PATIENCE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.url.removesuffix("/v1"))
        page.fill("#key", KEY)
        page.press("#key", "Enter")
        until(page, "document.querySelector('#link').dataset.state === 'live'")
        threads = load(served, done)
        try:
            until(page, "document.querySelector('#queue').innerText.includes('seats')")
            until(page, "Number(document.querySelector('.readout .lead').textContent.replace(',', '')) > 1")
            assert "tiny" in page.locator("#engine").inner_text()
            assert page.locator("#rows tr[data-state=running]").count() >= 1
        finally:
            done.set()
        page.locator("summary").click()
        page.fill("#max-tokens", "8")
        page.fill("#text", "The dog")
        page.press("#text", "Enter")
        until(page, "/tokens.*(length|stop)/.test(document.querySelector('.said.model .facts')?.textContent)")
        page.locator(".said.model .facts").click()
        until(page, "document.querySelector('#detail dl') !== null")
        for thread in threads:
            thread.join()
        assert errors == []
