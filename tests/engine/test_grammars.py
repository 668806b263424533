"""A request whose grammar is compiled has not arrived: it can be cancelled, refused, and others go on beside it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, cast

import pytest

pytest.importorskip("torch")

from doubletime.core.events import Arrive
from doubletime.core.vocabulary import Finish
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.sampling import Sampling
from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.structured.matcher import Grammar
from doubletime.decoding.structured.spec import Structured
from doubletime.engine.host import Host
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.executors.torch_executor import TorchExecutor

DIGITS = Structured("regex", "[0-9]+")
DONE = cast(Grammar, "compiled")


class SlowCompiler:
    """Compiles when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def compile(self, spec: Structured) -> Grammar:
        assert self.go.wait(10)
        if spec.text == "bad":
            raise ValueError("the regular expression cannot be used")
        return DONE


class Quiet:
    def __init__(self) -> None:
        self.admitted: list[Sampling] = []

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling, readout: Any = None) -> None:
        self.admitted.append(sampling)


class Desk:
    def __init__(self, compiler: SlowCompiler | None = None) -> None:
        self.news: list[Update] = []
        self.executor = Quiet()
        self.host = Host(
            self.news.extend, vocabulary=None, eos=frozenset({1}), seed=0, compiler=cast("Compiler | None", compiler)
        )
        self.host.executor = cast(TorchExecutor, self.executor)

    def put(self, *messages: Any) -> list[Any]:
        for message in messages:
            self.host.inbox.put(message)
        events = list(self.host.take(None) or ())
        self.host.tell()
        return events


def submit(handle: int, spec: Structured | None = None, **fields: Any) -> Submit:
    return Submit(handle, (4, 5), SamplingParams(max_tokens=3, structured=spec, **fields))


def test_others_arrive_while_a_grammar_is_compiled_and_it_arrives_after() -> None:
    compiler = SlowCompiler()
    desk = Desk(compiler)
    assert [event.request.id for event in desk.put(submit(0, DIGITS, n=2), submit(1))] == [0]
    assert not desk.host.idle
    compiler.go.set()
    (event,) = desk.put()
    assert isinstance(event, Arrive)
    assert (event.request.id, event.request.n) == (1, 2)
    adjusts = [sampling.adjust for sampling in desk.executor.admitted[1:]]
    assert [adjust and adjust.grammar for adjust in adjusts] == [DONE, DONE]
    assert desk.executor.admitted[0].adjust is None


def test_a_grammar_that_cannot_be_compiled_refuses_its_request() -> None:
    compiler = SlowCompiler()
    compiler.go.set()
    desk = Desk(compiler)
    assert desk.put(submit(7, Structured("regex", "bad"))) == []
    while not desk.news:
        desk.put()
    (update,) = desk.news
    assert (update.handle, update.refused, update.error) == (7, True, "the regular expression cannot be used")
    assert desk.host.idle


def test_a_request_may_be_cancelled_before_it_arrives() -> None:
    compiler = SlowCompiler()
    desk = Desk(compiler)
    desk.put(submit(0, DIGITS, n=2), Abort(0))
    assert [(update.choice, update.finish) for update in desk.news] == [(0, Finish.CANCEL), (1, Finish.CANCEL)]
    assert desk.host.idle
    compiler.go.set()
    assert desk.put() == []  # the grammar that nobody waits for any more
    assert desk.executor.admitted == []


def test_closing_cancels_what_has_not_arrived() -> None:
    compiler = SlowCompiler()
    desk = Desk(compiler)
    assert desk.put(submit(0, DIGITS), Close()) == []
    assert [update.finish for update in desk.news] == [Finish.CANCEL]
    assert desk.host.take(None) is None
    compiler.go.set()


def test_without_a_tokenizer_there_are_no_structured_outputs() -> None:
    desk = Desk()
    assert desk.put(submit(0, DIGITS)) == []
    assert desk.news[0].refused
    assert "needs a tokenizer" in desk.news[0].error
