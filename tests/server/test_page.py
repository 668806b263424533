"""The live page in a real browser, before a scripted engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.server.browser import browser, listening
from tests.server.page_app import PageApp
from tests.server.scripted_engine import ScriptedEngine

PATIENCE_MS = 20_000
HOSTILE = 'cmpl-<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@contextmanager
def opened(chromium: Any, fake: PageApp, **options: Any) -> Iterator[Any]:
    """The page; no error may have reached its console when it is closed."""
    with listening(fake.app()) as url:
        page = chromium.new_page(**options)
        page.set_default_timeout(PATIENCE_MS)
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
        page.goto(url)
        yield page
        page.close()
        fake.cut.set()
    assert [trouble for trouble in troubles if "Failed to load resource" not in trouble] == []


def until(page: Any, script: str) -> None:
    """Waits for an expression to hold; Playwright's own wait would need the eval that the page forbids."""
    for _ in range(PATIENCE_MS // 50):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"still not true: {script}")


def fast(rate: float = 20.0, **options: Any) -> PageApp:
    return PageApp(ScriptedEngine(rate), beat_s=0.1, **options)


def test_a_loaded_engine_is_shown(chromium: Any) -> None:
    """Numbers, reasons for waiting, KV blocks, steps, requests; a request in full when it is clicked."""
    with opened(chromium, fast()) as page:
        until(page, "document.querySelectorAll('#rows tr[data-state=waiting]').length > 2")
        assert page.locator("#link").inner_text() == "live"
        assert "tiny · layered · cpu" in page.locator("#engine").inner_text()
        assert int(page.locator(".readout .lead").inner_text().replace(",", "")) > 10
        assert "every seat is taken" in page.locator("#queue").inner_text()
        assert "160 blocks" in page.locator("#kv").inner_text()
        assert re.match(r"step \d+: \d+ ms, \d+ decodes?, \d+ prefill", page.locator("#step-line").inner_text())
        page.locator("#rows tr[data-state=waiting] button").first.click()
        detail = page.locator("#detail")
        assert "Waited" in detail.inner_text()
        page.keyboard.press("Escape")
        assert detail.is_hidden()


@pytest.mark.slow
def test_nothing_has_happened_yet(chromium: Any) -> None:
    """The page says what to do."""
    with opened(chromium, fast(rate=0)) as page:
        until(page, "document.querySelector('#link').textContent === 'live'")
        assert "doubletime bench http://127.0.0.1" in page.locator("#bench-line").inner_text()
        assert page.locator("#requests-empty").is_visible()
        assert page.locator("#queue").inner_text() == "Nobody waits."


def test_a_chat_is_streamed_and_shown_as_text(chromium: Any) -> None:
    fake = fast(rate=0)
    with opened(chromium, fake) as page:
        page.fill("#text", "What is <b>it</b>?")
        page.press("#text", "Enter")
        until(page, "document.querySelector('.said.model .facts')?.textContent.includes('stop')")
        assert page.locator(".said.you").inner_text() == "What is <b>it</b>?"
        assert page.locator(".said.model .body").inner_text() == "It is <b>bold</b>."
        assert "4 tokens · first after" in page.locator(".said.model .facts").inner_text()
        page.locator(".said.model .facts").click()
        until(page, "document.querySelector('#detail-title').textContent === 'chatcmpl-1'")
    assert fake.asked[0]["messages"] == [{"role": "user", "content": "What is <b>it</b>?"}]
    assert (fake.asked[0]["model"], fake.asked[0]["stream"]) == ("tiny", True)


@pytest.mark.slow
def test_without_a_template_texts_are_continued(chromium: Any) -> None:
    fake = fast(rate=0, template=False)
    with opened(chromium, fake) as page:
        page.fill("#text", "Once")
        page.press("#text", "Enter")
        until(page, "document.querySelector('.said.model .facts')?.textContent.includes('stop')")
        assert "no chat template" in page.locator("#talk").inner_text()
        assert page.locator("#talk .error").count() == 0
    assert fake.asked[-1]["prompt"] == "Once"


def test_a_hostile_id_stays_text(chromium: Any) -> None:
    fake = fast(rate=0)
    fake.engine.add(HOSTILE, output=10_000)
    with opened(chromium, fake) as page:
        page.locator("#rows button").first.click()
        until(page, "document.querySelector('#detail dl')")
        assert page.locator("#detail-title").inner_text() == HOSTILE
        assert page.locator("img").count() == 0
        assert page.title() == "tiny \N{EN DASH} doubletime"


def test_a_broken_feed_comes_back(chromium: Any) -> None:
    fake = fast()
    with opened(chromium, fake) as page:
        until(page, "document.querySelector('#link').dataset.state === 'live'")
        fake.down = True
        fake.cut.set()
        until(page, "document.querySelector('#link').dataset.state === 'lost'")
        assert page.locator("body[data-stale]").count() == 1
        fake.down = False
        until(page, "document.querySelector('#link').dataset.state === 'live'")
        assert page.locator("body[data-stale]").count() == 0


@pytest.mark.slow
def test_a_key_is_asked_for_once_and_kept_in_memory_only(chromium: Any) -> None:
    with opened(chromium, fast(key="secret")) as page:
        page.fill("#key", "secret")
        page.press("#key", "Enter")
        until(page, "document.querySelector('#link').dataset.state === 'live'")
        assert (
            page.evaluate("JSON.stringify(localStorage) + document.cookie + JSON.stringify(sessionStorage)") == "{}{}"
        )


@pytest.mark.slow
def test_without_a_key_the_page_says_so_and_does_not_ask_again(chromium: Any) -> None:
    with opened(chromium, fast(key="secret")) as page:
        page.locator("#key-cancel").click()
        until(page, "document.querySelector('#link').textContent.includes('API key')")
        page.wait_for_timeout(700)
        assert page.locator("#key-dialog").is_hidden()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_system_chooses_the_theme_until_the_user_does(chromium: Any, scheme: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(chromium, fast(rate=0), color_scheme=scheme) as page:
        first = page.evaluate(background)
        assert (first == "rgb(13, 16, 15)") == (scheme == "dark")
        for _ in range(2 if scheme == "light" else 1):
            page.locator("#theme").click()
        assert page.evaluate(background) != first
        page.reload()
        assert page.evaluate(background) != first


@pytest.mark.slow
def test_keys_freeze_the_steps_and_walk_them(chromium: Any) -> None:
    with opened(chromium, fast()) as page:
        until(page, "/^step [1-9]\\d\\d/.test(document.querySelector('#step-line').textContent)")
        page.locator("#timeline").focus()
        page.keyboard.press("Space")
        assert page.locator("#freeze").get_attribute("aria-pressed") == "true"
        page.keyboard.press("ArrowLeft")
        first = page.locator("#step-line").inner_text()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        second = page.locator("#step-line").inner_text()
        number = [int(re.findall(r"[\d,]+", text)[0].replace(",", "")) for text in (first, second)]
        assert number[1] == number[0] - 2


@pytest.mark.slow
def test_steps_that_the_feed_left_out_are_told(chromium: Any) -> None:
    fake = fast()
    fake.engine.told = 3
    with opened(chromium, fake) as page:
        until(page, "/ \\d+ steps? not told/.test(document.querySelector('#step-line').textContent)")


@pytest.mark.slow
def test_another_engine_begins_a_new_picture(chromium: Any) -> None:
    """A restarted server's clock starts again: what was drawn of the old one goes."""
    fake = fast()
    with opened(chromium, fake) as page:
        until(page, "/^step [1-9]\\d/.test(document.querySelector('#step-line').textContent)")
        fake.engine = ScriptedEngine(rate=0)
        until(page, "document.querySelector('#step-line').textContent === 'No step yet'")
        assert page.locator("#steps-empty").is_visible()
        assert page.locator("#rows tr").count() == 0


@pytest.mark.slow
def test_columns_sort_both_ways(chromium: Any) -> None:
    with opened(chromium, fast()) as page:
        until(page, "document.querySelectorAll('#rows tr').length > 5")
        cells = "[...document.querySelectorAll('#rows td:nth-child(6)')]"
        lengths = f"{cells}.map((cell) => Number(cell.textContent.split(' ').at(-1)))"
        head = page.locator("th button").nth(5)
        head.click()
        down = page.evaluate(lengths)
        head.click()
        up = page.evaluate(lengths)
        assert down == sorted(down, reverse=True)
        assert up == sorted(up)
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Prompt")


@pytest.mark.slow
def test_a_narrow_screen_has_no_sideways_scroll(chromium: Any) -> None:
    with opened(chromium, fast(), viewport={"width": 400, "height": 800}) as page:
        until(page, "document.querySelectorAll('#rows tr').length > 2")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
