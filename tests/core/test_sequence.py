from __future__ import annotations

import pytest

from doubletime.core.events import Request
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SLO, Open, State


def sequence(prompt: int = 10, limit: int = 3, seq_id: int = 4, **fields: object) -> Sequence:
    return Sequence(seq_id, Request(4, prompt, limit, **fields), 7, 2)  # type: ignore[arg-type]


def test_a_new_sequence_waits_and_its_siblings_wait_for_its_prompt() -> None:
    assert sequence().state is State.WAITING
    assert sequence().choice == 0
    assert sequence(seq_id=6, n=3).state is State.FORKING
    assert sequence(seq_id=6, n=3).choice == 2


def test_lengths() -> None:
    seq = sequence()
    assert (seq.known, seq.length, seq.todo, seq.stop_at) == (10, 10, 10, 12)
    seq.computed, seq.output, seq.pending = 11, 1, 1
    assert (seq.known, seq.length, seq.todo) == (11, 12, 1)


def test_the_last_token_needs_no_kv() -> None:
    seq = sequence(limit=2)
    seq.computed, seq.output, seq.pending = 11, 1, 1
    assert seq.exhausted
    assert seq.todo == 0
    assert not seq.runnable


def test_decoding_is_one_token_after_the_first_sample() -> None:
    seq = sequence(prompt=1)
    assert not seq.decoding, "the prompt's one token is a prefill"
    seq.computed, seq.pending = 1, 1
    assert seq.decoding
    seq.computed = 0
    assert not seq.decoding, "it was preempted: two tokens are to be computed again"


@pytest.mark.parametrize("why", ["busy", "parked"])
def test_a_busy_or_parked_sequence_is_not_runnable(why: str) -> None:
    seq = sequence()
    assert seq.runnable
    setattr(seq, why, True)
    assert not seq.runnable


def test_a_serial_sequence_waits_for_its_result() -> None:
    seq = sequence(serial=True)
    assert seq.runnable
    seq.in_flight = 1
    assert not seq.runnable
    plain = sequence()
    plain.in_flight = 1
    assert plain.runnable


@pytest.mark.parametrize("state", list(State))
def test_only_living_states_run(state: State) -> None:
    seq = sequence()
    seq.state = state
    assert seq.runnable == (state in (State.WAITING, State.HELD, State.RUNNING))
    assert seq.seated == (state is State.RUNNING)


def test_what_is_not_ready_is_busy() -> None:
    assert sequence(ready=False).busy
    assert not sequence().busy


def test_what_policies_see_of_the_request() -> None:
    seq = sequence(priority=3, tenant="t", program="p", slo=SLO(1, 2))
    assert (seq.priority, seq.tenant, seq.program, seq.slo, seq.limit) == (3, "t", "p", SLO(1, 2), 3)
    assert seq.age_key == (7, 4)
    assert seq.depth == 0
    seq.open = Open(0, 4, 6)
    assert seq.depth == 6


def test_taking_back_what_is_in_flight() -> None:
    seq = sequence()
    seq.computed, seq.done, seq.pending, seq.in_flight, seq.settled_open = 10, 4, 1, 2, Open(4, 6, 2)
    seq.back_to_settled()
    assert (seq.computed, seq.pending, seq.in_flight, seq.open) == (4, 0, 0, Open(4, 6, 2))


def test_losing_kv_keeps_the_tokens() -> None:
    seq = sequence()
    seq.computed, seq.done, seq.output, seq.pending, seq.room = 11, 10, 1, 1, 12
    seq.open = seq.settled_open = Open(0, 1, 1)
    seq.announced, seq.tend_at = True, 8
    seq.forget_progress()
    assert (seq.computed, seq.done, seq.room, seq.tend_at, seq.open, seq.settled_open) == (0, 0, 0, 0, None, None)
    assert not seq.announced
    assert (seq.output, seq.pending, seq.todo) == (1, 1, 12)


def test_a_sequence_explains_itself() -> None:
    assert repr(sequence()) == "<sequence 4 waiting 0/10+0>"


def test_a_new_sequence_has_done_and_holds_nothing() -> None:
    seq = sequence()
    counters = ("done", "output", "computed", "pending", "room", "tend_at", "in_flight", "fresh_from", "void_from")
    history = ("preemptions", "recomputed", "hit_tokens", "pin_until")
    assert {getattr(seq, name) for name in (*counters, *history)} == {0}
    assert (seq.tables, seq.published, seq.admitted, seq.last_step) == ([[], []], [0, 0], -1, -1)
    assert (seq.first_slab, seq.first, seq.last, seq.finish, seq.open, seq.settled_open) == (None,) * 6
    assert (seq.announced, seq.parked) == (False, False)
