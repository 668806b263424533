"""The host turns messages into events and results into news; a scripted executor stands in for torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("torch")

from doubletime.core.events import Arrive, Cancel, Result, Row, Timer
from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Finish, Slab
from doubletime.decoding.params import SamplingParams
from doubletime.decoding.readout import Readout
from doubletime.decoding.sampling import Sampling
from doubletime.engine.host import KEY_TOKENS, Host
from doubletime.engine.messages import Abort, Close, Submit, Update
from doubletime.executors.device import ExecutorLost
from doubletime.executors.output import Sampled, StepOutput

EOS = 7


class Quiet:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.admitted: dict[int, tuple[tuple[int, ...], Sampling]] = {}
        self.readouts: dict[int, Readout | None] = {}

    def admit(self, seq: int, tokens: Sequence[int], sampling: Sampling, readout: Readout | None = None) -> None:
        if max(tokens) > 99:
            raise ValueError("token ids must be in [0, 100)")
        self.admitted[seq] = (tuple(tokens), sampling)
        self.readouts[seq] = readout

    def dispatch(self, plan: Plan) -> None:
        """Nothing runs."""


class Desk:
    """A host, its news, and shorthand for what the engine does."""

    def __init__(self, seed: int = 0) -> None:
        self.news: list[Update] = []
        self.executor = Quiet()
        self.began: list[int] = []  # handles
        self.host = Host(self._hear, vocabulary=None, eos=frozenset({EOS}), seed=seed)
        self.host.executor = self.executor  # type: ignore[assignment]
        self.steps = 0

    def _hear(self, news: list[Update]) -> None:
        self.began += [update.handle for update in news if update.began]
        self.news += [update for update in news if not update.began]

    def put(self, *messages: Any) -> list[Any]:
        """The events that the messages become."""
        for message in messages:
            self.host.inbox.put(message)
        return list(self.host.take(None) or ())

    def step(self, **tokens: int) -> Result:
        """A step that samples a token for each sequence, named as s0=5."""
        return self.answer({int(name[1:]): token for name, token in tokens.items()})

    def answer(self, tokens: dict[int, int], **fields: Any) -> Result:
        step, self.steps = self.steps, self.steps + 1
        self.host.dispatch(Plan(step, 0, work=tuple(Slab(seq, 0, 1, 0, 1, 1) for seq in tokens)))
        sampled = () if fields else tuple(Sampled(seq, token) for seq, token in tokens.items())
        (result,) = self.put(StepOutput(step, 1000, sampled=sampled, **fields))
        self.host.tell()
        return result


def submit(handle: int = 0, prompt: Sequence[int] = (1, 2, 3), **params: Any) -> Submit:
    return Submit(handle, tuple(prompt), SamplingParams(**{"max_tokens": 3, **params}))


def test_a_request_becomes_one_arrival_and_n_admissions() -> None:
    desk = Desk()
    (event,) = desk.put(submit(prompt=range(1, 40), n=2, seed=5, temperature=0.5))
    assert isinstance(event, Arrive)
    request = event.request
    assert (request.id, request.prompt, request.limit, request.n, request.seed) == (0, 39, 3, 2, 5)
    assert (len(request.keys), request.key_tokens) == (39 // KEY_TOKENS, KEY_TOKENS)
    assert [sampling.choice for _, sampling in desk.executor.admitted.values()] == [0, 1]
    assert {sampling.seed for _, sampling in desk.executor.admitted.values()} == {5}
    (later,) = desk.put(submit(1))
    assert isinstance(later, Arrive)
    assert later.request.id == 2


def test_that_a_request_begins_is_told_once_with_its_first_step() -> None:
    desk = Desk()
    desk.put(submit(3, n=2), submit(4), submit(5))
    assert desk.began == []
    desk.step(s0=5)
    desk.step(s0=5, s1=6)
    assert desk.began == [3]
    desk.put(Abort(4))
    desk.step(s2=5, s3=5)
    assert desk.began == [3, 5]


def test_seeds_that_nobody_gave_come_from_the_engine_s() -> None:
    seeds = []
    for engine_seed in (1, 1, 2):
        desk = Desk(engine_seed)
        events = desk.put(submit(0), submit(1))
        seeds.append([event.request.seed for event in events])
    assert seeds[0] == seeds[1] != seeds[2]
    assert seeds[0][0] != seeds[0][1]


def test_a_negative_seed_is_recorded_as_64_bits() -> None:
    (event,) = Desk().put(submit(seed=-1))
    assert event.request.seed == (1 << 64) - 1


def test_tokens_become_news_and_only_what_the_core_does_not_know_becomes_rows() -> None:
    desk = Desk()
    desk.put(submit(max_tokens=3))
    assert desk.step(s0=5).rows == ()
    assert desk.step(s0=6).rows == ()
    assert desk.step(s0=8).rows == (Row(0, None, Finish.LENGTH),)
    assert [update.tokens for update in desk.news] == [(5,), (6,), (8,)]
    assert [update.finish for update in desk.news] == [None, None, Finish.LENGTH]
    assert desk.host.idle


def test_the_end_token_finishes_unless_it_is_ignored() -> None:
    desk = Desk()
    desk.put(submit(0), submit(1, ignore_eos=True))
    assert desk.step(s0=EOS, s1=EOS).rows == (Row(0, None, Finish.STOP),)
    assert [(update.handle, update.finish, update.stop_reason) for update in desk.news] == [
        (0, Finish.STOP, None),
        (1, None, None),
    ]


def test_a_full_span_gives_its_key_with_the_token_that_completes_it() -> None:
    desk = Desk()
    desk.put(submit(prompt=range(1, KEY_TOKENS)))
    (row,) = desk.step(s0=50).rows
    (whole,) = Desk().put(submit(prompt=[*range(1, KEY_TOKENS), 50]))
    assert row.keys == whole.request.keys


def test_what_was_sampled_for_one_that_ended_is_void() -> None:
    desk = Desk()
    desk.put(submit(0), submit(1))
    desk.put(Abort(0))
    desk.host.tell()
    desk.news.clear()
    desk.step(s0=5, s1=6)
    assert [update.handle for update in desk.news] == [1]


def test_an_abort_cancels_once_and_tells_every_choice() -> None:
    desk = Desk()
    desk.put(submit(n=2))
    (event,) = desk.put(Abort(0))
    assert isinstance(event, Cancel)
    assert event.request == 0
    assert desk.put(Abort(0), submit(1)) != []
    desk.host.tell()
    assert [(update.choice, update.finish) for update in desk.news] == [(0, Finish.CANCEL), (1, Finish.CANCEL)]


def test_a_failed_step_ends_its_sequences_with_the_reason() -> None:
    desk = Desk()
    desk.put(submit(0), submit(1), submit(2))
    result = desk.answer({0: 0, 2: 0}, error="RuntimeError: no luck")
    assert result.failed
    assert [(update.handle, update.finish) for update in desk.news] == [(0, Finish.ERROR), (2, Finish.ERROR)]
    assert desk.news[0].error == "the forward pass failed: RuntimeError: no luck"
    assert desk.step(s1=5).rows == ()


def test_a_lost_device_is_told_to_its_sequences_and_ends_the_engine() -> None:
    desk = Desk()
    desk.put(submit(0), submit(1))
    with pytest.raises(ExecutorLost, match="can run nothing any more: RuntimeError: illegal access"):
        desk.answer({0: 0}, error="RuntimeError: illegal access", lost=True)
    assert [(update.handle, update.finish) for update in desk.news] == [(0, Finish.ERROR)]


def test_a_token_that_cannot_be_handled_ends_its_own_choice_only(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.put(submit(0), submit(1))
    monkeypatch.setattr(desk.host._choices[0]._text, "push", lambda *_, **__: 1 / 0)
    assert desk.step(s0=5, s1=6).rows == (Row(0, None, Finish.ERROR),)
    assert [(update.handle, update.finish) for update in desk.news] == [(0, Finish.ERROR), (1, None)]
    assert "division by zero" in desk.news[0].error


def test_stops_and_revocations_are_passed_on() -> None:
    desk = Desk()
    desk.put(submit())
    assert desk.answer({0: 0}, reached=7).reached == 7
    assert desk.answer({0: 0}, revoked=True).revoked
    assert desk.news == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(submit(prompt=[5, 100]), "token ids must be in"), (submit(stop="x"), "stop strings need a tokenizer")],
)
def test_what_the_model_cannot_do_is_refused_without_a_trace(wrong: Submit, told: str) -> None:
    desk = Desk()
    assert desk.put(wrong) == []
    desk.host.tell()
    (update,) = desk.news
    assert (update.refused, update.finish) == (True, Finish.ERROR)
    assert told in update.error
    assert desk.executor.admitted == {}
    assert desk.host.idle


def test_what_the_core_refuses_is_told() -> None:
    desk = Desk()
    desk.put(submit(3, n=2))
    desk.host.refused(0, "too long")
    desk.host.tell()
    assert desk.news == [Update(3, 0, finish=Finish.ERROR, error="too long", refused=True)]
    assert desk.host.idle


def test_all_that_is_there_is_taken_at_once_in_order() -> None:
    desk = Desk()
    events = desk.put(submit(0), submit(1), Abort(0))
    assert [type(event) for event in events] == [Arrive, Arrive, Cancel]
    assert events[0].time <= events[1].time <= events[2].time


def test_a_timer_comes_when_nothing_else_does() -> None:
    (event,) = Desk().host.take(0) or ()
    assert isinstance(event, Timer)


def test_after_close_it_cancels_what_lives_waits_for_the_steps_and_ends() -> None:
    desk = Desk()
    desk.put(submit(0), submit(1))
    desk.host.dispatch(Plan(0, 0, work=(Slab(0, 0, 1, 0, 1, 1),)))
    events = desk.put(Close())
    assert [event.request for event in events] == [0, 1]
    assert isinstance(desk.put(StepOutput(0, 5))[0], Result)
    assert desk.host.take(None) is None
    assert [update.finish for update in desk.news] == [Finish.CANCEL] * 2
