"""`timings` in replies, as llama.cpp's server tells them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from openai import OpenAI

from doubletime.core.vocabulary import Finish
from doubletime.server.client import Chunk
from doubletime.server.timings import Timings
from tests.server.fake import FakeClient

NAMES = {
    "cache_n", "prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_n", "predicted_ms",
    "predicted_per_token_ms", "predicted_per_second",
}  # fmt: skip


def test_rates_follow_from_counts_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.25, 11.0])
    monkeypatch.setattr("doubletime.server.timings.time.monotonic", lambda: next(clock))
    timings = Timings(choices=1)
    for chunk in (Chunk(0, "a", (1,), prefill_s=0.5), Chunk(0, "b", (2,)), Chunk(0, "c", (3,), Finish.STOP)):
        assert not timings.complete
        timings.add(chunk)
    assert timings.complete
    assert timings.to_json(prompt=30, cached=10, predicted=4) == {
        "cache_n": 10,
        "prompt_n": 20, "prompt_ms": 500.0, "prompt_per_token_ms": 25.0, "prompt_per_second": 40.0,
        "predicted_n": 4, "predicted_ms": 1000.0, "predicted_per_token_ms": 250.0, "predicted_per_second": 4.0,
    }  # fmt: skip


def test_nothing_has_no_rates() -> None:
    told = Timings(1).to_json(8, 8, 0)
    assert set(told) == NAMES
    assert {name for name, number in told.items() if number} == {"cache_n"}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "tiny", "prompt": [1, 2, 3], "max_tokens": 4, **more}


def test_a_whole_reply_has_them_when_they_are_asked_for(url: str, engine: FakeClient) -> None:
    plain = httpx.post(f"{url}/v1/completions", json=body()).json()
    assert "timings" not in plain
    told = httpx.post(f"{url}/v1/completions", json=body(timings=True)).json()["timings"]
    assert set(told) == NAMES
    assert (told["prompt_n"], told["predicted_n"]) == (3, 4)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(("field", "every"), [("timings", False), ("timings_per_token", True)])
def test_a_stream_has_them_at_the_end_or_all_along(
    url: str, engine: FakeClient, chat: bool, field: str, every: bool
) -> None:
    client = OpenAI(base_url=f"{url}/v1", api_key="none")
    extra: dict[str, Any] = {"extra_body": {field: True}, "stream": True, "max_tokens": 4}
    pieces = (
        [*client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x"}], **extra)]
        if chat
        else [*client.completions.create(model="tiny", prompt=[1, 2, 3], **extra)]
    )
    told = [(piece.model_extra or {}).get("timings") for piece in pieces if piece.choices]
    assert told[-1]["predicted_n"] == 4
    counts = [one["predicted_n"] for one in told if one]
    assert counts == sorted(counts)
    assert (counts[0] < 4) is every
