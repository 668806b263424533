"""The engine process, run on a thread of this one: what it says over its pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

pytest.importorskip("transformers")

from doubletime.core.vocabulary import Finish
from doubletime.decoding.params import SamplingParams
from doubletime.engine import process
from doubletime.engine.config import EngineConfig
from doubletime.engine.messages import Close, Submit, Update
from doubletime.engine.process import Failed, Ready
from tests.served import checkpoint


@contextmanager
def engine() -> Iterator[Connection]:
    config = EngineConfig(str(checkpoint()), kv_memory=4_000_000, max_model_len=128)
    ours, theirs = Pipe()
    thread = threading.Thread(target=process._serve, args=(config, theirs))
    thread.start()
    yield ours
    thread.join(60)
    assert not thread.is_alive()


def finish_of(pipe: Connection, handle: int) -> Update:
    """The last update of a request."""
    while True:
        for update in pipe.recv():
            if update.handle == handle and update.finish is not None:
                found: Update = update
                return found


def test_ready_then_news_then_the_end() -> None:
    with engine() as pipe:
        ready = pipe.recv()
        assert isinstance(ready, Ready)
        assert ready.max_model_len == 128
        assert "policy fcfs" in ready.summary
        pipe.send(Submit(4, (1, 2, 3), SamplingParams(max_tokens=5, ignore_eos=True)))
        assert finish_of(pipe, 4).finish is Finish.LENGTH
        pipe.send(Close())


def test_it_ends_when_the_other_side_is_gone() -> None:
    with engine() as pipe:
        pipe.recv()
        pipe.send(Submit(0, (1, 2, 3), SamplingParams(max_tokens=100, ignore_eos=True)))
        pipe.close()


@pytest.mark.parametrize(("model", "told"), [("/nowhere", "nowhere"), ("random:nothing", "nothing")])
def test_a_model_that_is_none_is_told(model: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.signal, "signal", lambda *_: None)
    ours, theirs = Pipe()
    with pytest.raises(SystemExit) as caught:
        process.run_engine(EngineConfig(model), theirs)
    message = ours.recv()
    assert caught.value.code == 1
    assert isinstance(message, Failed)
    assert told in message.reason


def test_a_bug_is_told_with_its_name_and_printed_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(process.signal, "signal", lambda *_: None)
    monkeypatch.setattr(process, "_serve", broken)
    ours, theirs = Pipe()
    with pytest.raises(SystemExit):
        process.run_engine(EngineConfig(), theirs)
    assert ours.recv() == Failed("the engine broke: RuntimeError: no luck")
    assert "Traceback" in capsys.readouterr().err
