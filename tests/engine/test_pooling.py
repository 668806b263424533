"""Requests that want something of their prompt itself, at the host."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

pytest.importorskip("torch")

from doubletime.core.events import Row
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Finish, Slab
from doubletime.decoding.logprobs import TokenLogprobs
from doubletime.decoding.pooling import PoolingParams
from doubletime.decoding.readout import Readout
from doubletime.engine.messages import Abort, Submit
from doubletime.executors.output import PromptPart, Sampled, StepOutput
from tests.engine.test_host import Desk, submit

ROWS = tuple(TokenLogprobs(-0.5 * at, ((at, -0.1),), at) for at in (1, 2))
VECTOR = array("f", [0.5, -2.0]).tobytes()


def embed(handle: int = 0, pooling: Any = "mean") -> Submit:
    return Submit(handle, (1, 2, 3), PoolingParams(pooling))


def answer(desk: Desk, *parts: PromptPart, **sampled: int) -> tuple[Row, ...]:
    """A step that reads `parts` out of prompts, and samples as in s0=5."""
    step, desk.steps = desk.steps, desk.steps + 1
    tokens = tuple(Sampled(int(name[1:]), token) for name, token in sampled.items())
    seqs = {part.seq for part in parts} | {each.seq for each in tokens}
    desk.host.dispatch(Plan(step, 0, work=tuple(Slab(seq, 0, 1, 0, 1, 1) for seq in seqs)))
    (result,) = desk.put(StepOutput(step, 1000, sampled=tokens, prompts=parts))
    desk.host.tell()
    return tuple(result.rows)


@pytest.mark.parametrize(
    ("request_", "takes_hits", "generates"),
    [
        (submit(), True, True),
        (submit(max_tokens=0), True, False),
        (submit(prompt_logprobs=0), False, True),
        (submit(prompt_logprobs=2, max_tokens=0), False, False),
        (embed(pooling="mean"), False, False),
        (embed(pooling="last"), True, False),
    ],
)
def test_what_needs_every_row_takes_no_hit(request_: Submit, takes_hits: bool, generates: bool) -> None:
    (event,) = Desk().put(request_)
    made = event.request
    assert (made.take_hits, made.generates, made.limit) == (takes_hits, generates, 3 if generates else 1)


def test_only_the_first_choice_reads_the_prompt() -> None:
    desk = Desk()
    desk.put(submit(0, n=2, prompt_logprobs=2), submit(1, n=2, prompt_logprobs=2, max_tokens=0))
    assert list(desk.executor.readouts.values()) == [Readout(2), None, Readout(2, draws=False), Readout(draws=False)]


def test_log_probabilities_come_whole_with_the_first_token() -> None:
    desk = Desk()
    desk.put(submit(prompt_logprobs=1, max_tokens=2))
    assert answer(desk, PromptPart(0, ROWS[:1])) == ()
    assert desk.news == []
    answer(desk, PromptPart(0, ROWS[1:]), s0=5)
    answer(desk, s0=6)
    assert [update.prompt_logprobs for update in desk.news] == [(None, *ROWS), ()]


def test_a_request_that_generates_nothing_ends_with_its_prompt() -> None:
    desk = Desk()
    desk.put(submit(n=2, prompt_logprobs=1, max_tokens=0))
    assert answer(desk, PromptPart(0, ROWS, ends=True)) == (Row(0, None, Finish.LENGTH),)
    assert not desk.host.idle
    assert answer(desk, PromptPart(1, ends=True)) == (Row(1, None, Finish.LENGTH),)
    assert [(update.choice, update.tokens, update.finish) for update in desk.news] == [
        (0, (), Finish.LENGTH),
        (1, (), Finish.LENGTH),
    ]
    assert [update.prompt_logprobs for update in desk.news] == [(None, *ROWS), ()]
    assert desk.host.idle


def test_an_embedding_is_the_only_news_of_its_request() -> None:
    desk = Desk()
    desk.put(embed())
    assert answer(desk, PromptPart(0)) == ()
    assert answer(desk, PromptPart(0, embedding=VECTOR, ends=True)) == (Row(0, None, Finish.STOP),)
    (update,) = desk.news
    assert (update.finish, update.embedding, update.tokens) == (Finish.STOP, VECTOR, ())
    assert desk.host.idle


def test_an_embedding_that_is_not_finite_is_an_error_of_its_own() -> None:
    desk = Desk()
    desk.put(embed(0), embed(1))
    bad = array("f", [1.0, float("nan")]).tobytes()
    answer(desk, PromptPart(0, embedding=bad, ends=True), PromptPart(1, embedding=VECTOR, ends=True))
    assert [(update.finish, update.embedding) for update in desk.news] == [(Finish.ERROR, None), (Finish.STOP, VECTOR)]
    assert "not finite" in desk.news[0].error


def test_a_cancelled_or_failed_one_is_told_so() -> None:
    desk = Desk()
    desk.put(embed(0), embed(1), submit(2, prompt_logprobs=1))
    desk.put(Abort(0))
    desk.answer({1: 0, 2: 0}, error="RuntimeError: no luck")
    assert [(update.handle, update.finish) for update in desk.news] == [
        (0, Finish.CANCEL),
        (1, Finish.ERROR),
        (2, Finish.ERROR),
    ]
    assert answer(desk, PromptPart(0, embedding=VECTOR, ends=True)) == ()
