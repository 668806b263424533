"""GET /requests, /requests/ID, /live and /metrics, in front of an engine that never ran."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from doubletime.core.events import Arrive, Request
from doubletime.engine.monitor.messages import RequestRow, Snapshot, WaitsFor
from doubletime.engine.monitor.reasons import REASONS
from doubletime.server.app import create_app
from doubletime.server.client import EngineStopped
from doubletime.server.monitor.routes import MonitorApi
from doubletime.server.monitor.settings import QUIET, MonitorSettings
from doubletime.server.monitor.watch import Watch
from doubletime.server.prompts import ServedModel
from tests.engine.monitor.rig import MS, Watched
from tests.server.fake import FakeClient
from tests.server.monitor.prometheus import families
from tests.server.monitor.snapshots import snapshot

S = 10**9
WAITED = (0, 2 * S, S, 0, 0, 0, 0, 0)
ROW = RequestRow(
    "cmpl-1", "waiting", None, 3 * S, None, 40, 16, 0, 100, 1, 8, (2,), 1, WAITED, WaitsFor("blocks", "behind"),
    None, None, 2, "t",
)  # fmt: skip
DONE = ROW._replace(
    name="chatcmpl-2", state="finished", finish="stop", ended=9 * S, first=4 * S, tpot=5e6, output=9, waits_for=None
)


@pytest.fixture
def engine() -> FakeClient:
    return FakeClient(snapshot=snapshot(requests=(ROW, DONE), live=1, waiting=1, waiting_for=(0, 0, 1, 0, 0, 0, 0, 0)))


def get(path: str, engine: FakeClient, model: ServedModel, settings: MonitorSettings = QUIET) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(model, engine, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_the_list_tells_live_and_ended_requests(engine: FakeClient, model: ServedModel) -> None:
    waiting, done = get("/requests", engine, model).json()
    assert waiting == {
        "id": "cmpl-1", "state": "waiting", "finish_reason": None, "arrived_s": 1_700_000_003.0, "age_s": 7.0,
        "prompt_tokens": 40, "prefilled_tokens": 16, "output_tokens": 0, "max_tokens": 100, "choices": 1,
        "cached_tokens": 8, "blocks": [2], "preemptions": 1,
        "waited_s": {"total": 3.0, "by_reason": dict.fromkeys(REASONS, 0.0) | {"seats": 2.0, "blocks": 1.0}},
        "waits_for": {"reason": "blocks", "note": "behind"}, "ttft_s": None, "tpot_s": None, "priority": 2,
        "tenant": "t",
    }  # fmt: skip
    assert (done["finish_reason"], done["age_s"], done["ttft_s"], done["tpot_s"]) == ("stop", 6.0, 1.0, 0.005)
    assert engine.inspected == [(200, "", -1)]
    assert get("/requests?limit=7", engine, model).status_code == 200
    assert engine.inspected[-1] == (7, "", -1)


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=10001", "limit=1e3", "limit=²", "limit=" + "9" * 99])
def test_a_limit_that_is_none_is_refused(query: str, engine: FakeClient, model: ServedModel) -> None:
    reply = get(f"/requests?{query}", engine, model)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "limit")


def test_one_request_by_its_id(engine: FakeClient, model: ServedModel) -> None:
    assert get("/requests/cmpl-1", engine, model).json()["id"] == "cmpl-1"
    assert engine.inspected == [(1, "cmpl-1", -1)]
    engine.snapshot = snapshot()
    reply = get("/requests/cmpl-9", engine, model)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "request_not_found")


@pytest.mark.parametrize("path", ["/requests", "/requests/x", "/live", "/live?stream=1", "/metrics"])
def test_a_dead_engine_is_told(path: str, model: ServedModel) -> None:
    reply = get(path, FakeClient(healthy=False), model)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "engine_stopped")


def test_the_live_view_has_all_that_the_page_shows(model: ServedModel) -> None:
    load = [Arrive(i * MS, Request(i, 20, 30)) for i in range(6)]
    engine = FakeClient(snapshot=Watched(load, seats=2).until(9))
    live = get("/live", engine, model).json()
    assert set(live) == {
        "time_s", "engine", "throughput", "totals", "queue", "kv", "prefix_hit_rate", "depth", "steps", "requests",
    }  # fmt: skip
    assert live["engine"]["model"] == "tiny"
    assert live["engine"]["kv_blocks"] == [8]
    assert live["queue"] == {
        "running": 2, "waiting": 4, "waiting_by_reason": dict.fromkeys(REASONS, 0) | {"seats": 4}
    }  # fmt: skip
    assert set(live["throughput"]) == {"prompt_tokens_per_s", "output_tokens_per_s", "requests_per_s"}
    assert live["totals"]["output_tokens"] == sum(one["output_tokens"] for one in live["requests"])
    assert live["kv"] == [{"group": 0, "total": 1000, "running": 15, "cached": 0, "held": 0, "free": 985}]
    step = live["steps"][0]
    slab = {"request": "request-0", "choice": 0, "start": 0, "tokens": 20, "top": 0, "bottom": 2}
    assert step == {
        "step": 0, "steps": 1, "start_s": 0.0, "duration_s": 0.001, "decodes": 0, "prefill_tokens": 20, "slabs": [slab]
    }  # fmt: skip
    assert get("/live?stream=2", engine, model).status_code == 400


def events_of(api: MonitorApi, work: Callable[[AsyncIterator[str]], Awaitable[None]]) -> None:
    async def run() -> None:
        await work(api._beats())

    asyncio.run(run())


def data(event: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.split("data: ", 1)[1])
    return found


def test_a_stream_tells_each_step_once_and_ends_with_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doubletime.server.monitor.routes.BEAT", 0.001)
    monkeypatch.setattr("doubletime.server.monitor.routes.AGE", 0.0)
    watched = Watched([Arrive(0, Request(0, 4, 50))])
    engine = FakeClient()

    async def work(events: AsyncIterator[str]) -> None:
        seen: list[int] = []
        for until in (5, 9, 9.5, 30):
            engine.snapshot = watched.until(until)
            for row in data(await anext(events))["steps"]:
                seen += range(row["step"] - row["steps"] + 1, row["step"] + 1)
        assert seen == list(range(len(seen)))
        engine.healthy = False
        last = await anext(events)
        assert last.startswith("event: error")
        assert data(last)["error"]["code"] == "engine_stopped"
        with pytest.raises(StopAsyncIteration):
            await anext(events)

    events_of(MonitorApi("tiny", engine, QUIET), work)


def test_however_many_look_the_engine_is_asked_once() -> None:
    async def run() -> None:
        engine = FakeClient()
        watch = Watch(engine)
        looks = await asyncio.gather(*(watch.look(60) for _ in range(50)))
        assert len(engine.inspected) == 1
        assert all(look is looks[0] for look in looks)
        await watch.look(0)
        assert len(engine.inspected) == 2
        engine.healthy = False
        with pytest.raises(EngineStopped):
            await watch.look(60)

    asyncio.run(run())


def test_a_watcher_who_leaves_takes_nobody_s_look_away() -> None:
    class Slow(FakeClient):
        async def inspect(self, requests: int = 0, name: str = "", after: int = -1) -> Snapshot:
            await asyncio.sleep(0.01)
            return await super().inspect(requests, name, after)

    async def run() -> None:
        watch = Watch(Slow())
        first, second = (asyncio.create_task(watch.look(0)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert isinstance(await second, Snapshot)

    asyncio.run(run())


def test_vllm_s_metrics_come_only_when_asked_for(engine: FakeClient, model: ServedModel) -> None:
    plain = get("/metrics", engine, model)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not any(name.startswith("vllm:") for name in families(plain.text))
    both = families(get("/metrics", engine, model, MonitorSettings(vllm_names=True)).text)
    assert {name.split("_")[0] for name in both} == {"doubletime", *(n.split("_")[0] for n in both if "vllm:" in n)}
    assert "vllm:num_requests_waiting" in both
