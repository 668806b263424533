"""A real browser for the tests of the live page: the system's Chromium, driven headless by Playwright."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp

from doubletime.server.run import Server, base_url, listen

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@contextmanager
def browser() -> Iterator[Any]:
    """Skips the test where Playwright or Chromium is missing."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # root has no sandbox
        yield found
        found.close()


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """The URL of an application that answers."""
    taken = listen("127.0.0.1", 0)
    server = Server(app)
    server.config.lifespan = "auto"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        yield base_url(taken)
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
