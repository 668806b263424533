"""The engine in a process of its own: a real one, on a tiny checkpoint."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from doubletime import LLM, SamplingParams
from doubletime.core.log import LoggedPlan, read_log
from doubletime.core.vocabulary import Finish
from doubletime.engine.config import EngineConfig
from doubletime.lab.replay import replay
from doubletime.server.bridge import EngineBridge
from doubletime.server.client import Chunk, EngineStopped, Refused
from tests.served import ENVIRONMENT, VOCAB, checkpoint

PROMPT = [5, 9, 200, 31]
LONG = 900  # tokens; seconds of work


def config(**settings: Any) -> EngineConfig:
    return EngineConfig(str(checkpoint()), **{"kv_memory": 4_000_000, "max_model_len": 1000, **settings})


def greedy(count: int, **more: Any) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=count, ignore_eos=True, **more)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", ENVIRONMENT["OMP_NUM_THREADS"])
        yield


def drive(work: Callable[[EngineBridge], Awaitable[None]], **settings: Any) -> EngineBridge:
    """Starts an engine process, does the work in an event loop, closes. The bridge, closed."""
    bridge = EngineBridge(config(**settings))
    try:
        ready = bridge.wait_ready()
        assert (ready.max_model_len, ready.vocab_size) == (1000, VOCAB)
        asyncio.run(_within(bridge, work))
    finally:
        bridge.shut_down()
    assert bridge._engine.end != "exit status None"
    return bridge


async def _within(bridge: EngineBridge, work: Callable[[EngineBridge], Awaitable[None]]) -> None:
    await bridge.start()
    try:
        await work(bridge)
    finally:
        await bridge.close()


async def whole(bridge: EngineBridge, params: SamplingParams, prompt: list[int] = PROMPT) -> list[Chunk]:
    return [chunk async for chunk in await bridge.submit(prompt, params)]


async def tokens(bridge: EngineBridge, count: int) -> int:
    """How many tokens come of a request for `count`."""
    return sum(len(chunk.token_ids) for chunk in await whole(bridge, greedy(count)))


def test_requests_stream_side_by_side_and_are_what_the_offline_engine_gives() -> None:
    with LLM(str(checkpoint()), kv_memory="4MB", max_model_len=1000) as llm:
        expected = llm.generate({"prompt_token_ids": PROMPT}, greedy(20))[0].outputs[0]

    async def work(bridge: EngineBridge) -> None:
        assert bridge.healthy
        for chunks in await asyncio.gather(*(whole(bridge, greedy(20)) for _ in range(3))):
            assert [token for chunk in chunks for token in chunk.token_ids] == expected.token_ids
            assert "".join(chunk.text for chunk in chunks) == expected.text
            assert [chunk.finish for chunk in chunks if chunk.finish] == [Finish.LENGTH]
            assert chunks[-1].finish
        both = await whole(bridge, greedy(6, n=2))
        for choice in range(2):
            tokens = [token for chunk in both if chunk.choice == choice for token in chunk.token_ids]
            assert tokens == expected.token_ids[:6]
        assert not bridge._replies

    bridge = drive(work)
    assert bridge._engine.end == "exit status 0"


def test_a_cancelled_request_ends_and_gives_its_blocks_back(tmp_path: Path) -> None:
    record = tmp_path / "log"

    async def work(bridge: EngineBridge) -> None:
        reply = await bridge.submit(PROMPT, greedy(LONG))
        async for _ in reply:
            break
        reply.cancel()
        reply.cancel()
        assert await tokens(bridge, 5) == 5
        assert not bridge._replies

    drive(work, record=str(record))
    with record.open() as lines:
        report = replay(lines)
    with record.open() as lines:
        plans = [item for item in read_log(lines) if isinstance(item, LoggedPlan)]
    assert (report.complete, report.requests, report.cancels) == (True, 2, 1)
    assert report.decodes < LONG
    assert [group["held"] + group["returning"] for group in plans[-1].blocks] == [0]


def test_a_client_that_goes_while_it_waits_leaves_nothing_behind(tmp_path: Path) -> None:
    record = tmp_path / "log"

    async def work(bridge: EngineBridge) -> None:
        busy = await bridge.submit(PROMPT, greedy(LONG))
        waiting = asyncio.create_task(bridge.submit(PROMPT, greedy(5)))
        async for _ in busy:
            if len(bridge._replies) == 2:  # it has been sent, and there is one seat
                break
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        busy.cancel()
        assert not bridge._replies
        assert await tokens(bridge, 3) == 3

    drive(work, record=str(record), max_seats=1)
    with record.open() as lines:
        report = replay(lines)
    assert (report.requests, report.cancels) == (3, 2)


def test_what_can_never_run_is_refused_and_harms_nobody() -> None:
    async def work(bridge: EngineBridge) -> None:
        with pytest.raises(Refused, match="1001 prompt"):
            await bridge.submit([5] * 1001, greedy(1))
        with pytest.raises(Refused, match="token ids must be in"):
            await bridge.submit([VOCAB], greedy(1))
        assert await tokens(bridge, 3) == 3
        assert not bridge._replies

    drive(work)


def test_stop_strings_without_a_tokenizer_are_refused() -> None:
    from tests.checkpoints import checkpoint as bare

    bridge = EngineBridge(EngineConfig(str(bare("llama")), kv_memory=4_000_000, max_model_len=100))

    async def work(bridge: EngineBridge) -> None:
        with pytest.raises(Refused, match="stop strings need a tokenizer"):
            await bridge.submit(PROMPT, greedy(3, stop="x"))
        assert await tokens(bridge, 3) == 3

    try:
        bridge.wait_ready()
        asyncio.run(_within(bridge, work))
    finally:
        bridge.shut_down()


def kill(bridge: EngineBridge) -> None:
    assert bridge.engine_pid is not None
    os.kill(bridge.engine_pid, signal.SIGKILL)


def test_a_dead_engine_is_started_again_once_and_everybody_is_told() -> None:
    async def work(bridge: EngineBridge) -> None:
        replies = [await bridge.submit(PROMPT, greedy(LONG)) for _ in range(2)]
        kill(bridge)
        for reply in replies:
            with pytest.raises(EngineStopped, match=r"the engine process died.*started again") as caught:
                _ = [chunk async for chunk in reply]
            assert caught.value.back_in is not None
        assert not bridge.healthy
        with pytest.raises(EngineStopped, match="started again"):
            await bridge.submit(PROMPT, greedy(1))
        while not bridge.healthy:
            await asyncio.sleep(0.05)
        assert await tokens(bridge, 3) == 3
        reply = await bridge.submit(PROMPT, greedy(LONG))
        kill(bridge)
        with pytest.raises(EngineStopped, match="for the second time within 10 minutes") as caught:
            _ = [chunk async for chunk in reply]
        assert caught.value.back_in is None
        assert "second time" in bridge.fatal

    bridge = drive(work)
    assert bridge._engine.end == "killed by SIGKILL"


def test_an_engine_that_dies_again_much_later_gets_another_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doubletime.server.bridge.RESTART_WINDOW", 0.0)

    async def work(bridge: EngineBridge) -> None:
        for _ in range(2):
            kill(bridge)
            while bridge.healthy or bridge.fatal:
                await asyncio.sleep(0.01)
            while not bridge.healthy:
                await asyncio.sleep(0.01)
        assert await tokens(bridge, 3) == 3

    drive(work)


def test_closing_while_an_engine_starts_again_ends_that_one_too() -> None:
    async def work(bridge: EngineBridge) -> None:
        kill(bridge)
        while not bridge._restart:
            await asyncio.sleep(0.01)

    assert drive(work).problem == "the server is shutting down"


def test_closing_ends_what_still_runs() -> None:
    async def work(bridge: EngineBridge) -> None:
        reply = await bridge.submit(PROMPT, greedy(LONG))
        await bridge.close()
        with pytest.raises(EngineStopped, match="shutting down"):
            _ = [chunk async for chunk in reply]

    assert drive(work).problem == "the server is shutting down"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "/nowhere"}, "nowhere"),
        ({"model": "random:nothing"}, "nothing"),
        ({"policy": "fast"}, "no policy is named 'fast'"),
        ({"kv_memory": 1000}, "too small"),
    ],
)
def test_an_engine_that_cannot_start_says_why(settings: dict[str, Any], told: str) -> None:
    bridge = EngineBridge(EngineConfig(**{"model": str(checkpoint()), "max_model_len": 100, **settings}))
    try:
        with pytest.raises(ValueError, match=told):
            bridge.wait_ready()
        assert bridge._engine.end == "exit status 1"
    finally:
        bridge.shut_down()
