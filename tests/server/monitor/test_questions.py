"""Questions to an engine process."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from doubletime.engine.monitor.messages import Inspect
from doubletime.server.client import EngineStopped
from doubletime.server.monitor.questions import Questions
from tests.server.monitor.snapshots import snapshot


def test_every_question_gets_its_own_answer() -> None:
    async def run() -> None:
        questions, sent = Questions(), list[Inspect]()
        tasks = [asyncio.create_task(questions.ask(sent.append, at, f"r{at}", at)) for at in range(3)]
        await asyncio.sleep(0)
        assert [(ask.requests, ask.name, ask.after) for ask in sent] == [(0, "r0", 0), (1, "r1", 1), (2, "r2", 2)]
        tasks[0].cancel()
        for ask in reversed(sent):
            questions.answer(snapshot(query=ask.query, live=ask.requests))
        assert [(await task).live for task in tasks[1:]] == [1, 2]
        questions.answer(replace(snapshot(), query=99))  # nobody asked
        assert not questions._open

    asyncio.run(run())


def test_questions_fail_with_the_engine() -> None:
    async def run() -> None:
        questions = Questions()
        task = asyncio.create_task(questions.ask(lambda ask: None, 0, "", -1))
        await asyncio.sleep(0)
        questions.fail(EngineStopped("gone"))
        with pytest.raises(EngineStopped, match="gone"):
            await task

    asyncio.run(run())
