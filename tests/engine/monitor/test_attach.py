"""A monitor beside a real engine, asked over the pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from doubletime import __version__
from doubletime.core.log import LoggedPlan, read_log
from doubletime.decoding.params import SamplingParams
from doubletime.engine import process
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.engine.monitor.messages import Inspect, Snapshot
from doubletime.engine.process import Ready
from doubletime.lab.replay import replay
from tests.served import checkpoint

PROMPT = tuple(range(5, 45))


@contextmanager
def engine(**settings: Any) -> Iterator[Connection]:
    config = EngineConfig(str(checkpoint()), **{"kv_memory": 4_000_000, "max_model_len": 256, **settings})
    ours, theirs = Pipe()
    thread = threading.Thread(target=process._serve, args=(config, theirs))
    thread.start()
    yield ours
    ours.send(Close())
    thread.join(60)
    assert not thread.is_alive()


def greedy(count: int, **more: Any) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=count, ignore_eos=True, **more)


def finished(pipe: Connection, count: int) -> list[Update]:
    """All news until so many choices have finished."""
    news: list[Update] = []
    while sum(update.finish is not None for update in news) < count:
        news += pipe.recv()
    return news


def ask(pipe: Connection, **fields: Any) -> Snapshot:
    pipe.send(Inspect(7, **fields))
    snapshot = pipe.recv()
    assert isinstance(snapshot, Snapshot)
    assert snapshot.query == 7
    return snapshot


def test_requests_are_known_by_the_name_that_the_api_gave_them() -> None:
    with engine() as pipe:
        ready = pipe.recv()
        assert isinstance(ready, Ready)
        about = ready.about
        assert (about.policy, about.max_model_len, about.version) == ("fcfs", 256, __version__)
        assert about.model == str(checkpoint())
        assert about.threads >= 1
        assert ask(pipe, requests=9).requests == ()
        pipe.send(Submit(1, PROMPT, greedy(5), name="cmpl-1"))
        first = finished(pipe, 1)
        assert [(update.began, update.cached) for update in first[:2]] == [(True, 0), (False, 0)]
        pipe.send(Submit(2, PROMPT, greedy(5, n=2), name="cmpl-2"))
        second = finished(pipe, 2)
        assert [update.cached for update in second if update.began] == [32]
        snapshot = ask(pipe, requests=9)
        assert [(row.name, row.output, row.cached) for row in snapshot.requests] == [
            ("cmpl-2", 10, 32),
            ("cmpl-1", 5, 0),
        ]
        assert ask(pipe, requests=9, name="cmpl-1").requests == snapshot.requests[1:]
        sums = snapshot.tallies
        assert (sums.prompt_tokens, sums.cached_tokens, sums.output_tokens) == (80, 32, 15)
        tokens = [token for update in (*first, *second) for token in update.tokens]
        assert sums.output_tokens == len(tokens)
        assert sums.itl.count == 12
        assert snapshot.steps[-1].duration > 0


def test_a_refused_and_a_cancelled_request_are_counted_as_such() -> None:
    with engine() as pipe:
        pipe.recv()
        pipe.send(Submit(1, PROMPT, greedy(5000), name="long"))
        assert finished(pipe, 1)[0].refused
        pipe.send(Submit(2, PROMPT, greedy(200), name="gone"))
        assert pipe.recv()[0].began
        pipe.send(Abort(2))
        finished(pipe, 1)
        snapshot = ask(pipe, requests=9)
        assert [(row.name, row.finish) for row in snapshot.requests] == [("gone", "cancel")]
        assert (snapshot.tallies.ended["refused"], snapshot.tallies.ended["cancel"]) == (1, 1)
        assert snapshot.live == 0


def test_questions_are_no_reason_to_plan(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with engine(record=str(log)) as pipe:
        pipe.recv()
        for _ in range(5):
            ask(pipe)
        pipe.send(Submit(1, PROMPT, greedy(5)))
        finished(pipe, 1)
        for _ in range(5):
            ask(pipe)
    lines = log.read_text().splitlines()
    assert replay(lines).complete
    assert sum(isinstance(item, LoggedPlan) for item in read_log(lines)) < 5 + 6
