from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from doubletime.core.events import (
    KINDS,
    Append,
    Arrive,
    Cancel,
    Event,
    Fallback,
    Ready,
    Request,
    Result,
    Row,
    Timer,
    Truncate,
    event_from_json,
    event_to_json,
)  # fmt: skip
from doubletime.core.vocabulary import SLO, Finish

REQUEST = Request(
    1, 10, 5, n=2, keys=(1 << 127, 3), key_tokens=4, final=False, take_hits=False, serial=True, ready=False,
    priority=-1, tenant="a", program="b", slo=SLO(5, None), seed=9, preloaded=7,
)  # fmt: skip
EVENTS: tuple[Event, ...] = (
    Arrive(3, REQUEST),
    Arrive(3, Request(1, 10, 5)),
    Cancel(4, 1),
    Append(5, 1, 7, (15, 16), True),
    Append(5, 1, 7),
    Truncate(6, 1, 3),
    Ready(7, 1),
    Timer(8),
    Result(9, 4, 1000),
    Result(9, 4, 1000, 3, True, True, (Row(1, 2, Finish.STOP, (255,)), Row(2), Row(3, keys=(1,)))),
    Fallback(10, 5),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_json(event: Event) -> None:
    assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event


def test_every_kind_is_tested() -> None:
    assert {event.kind for event in EVENTS} == set(KINDS)


def test_json_is_short_and_keys_are_hex() -> None:
    assert event_to_json(Timer(8)) == {"kind": "timer", "time": 8}
    data = event_to_json(Arrive(3, Request(1, 10, 5, keys=(255,), slo=SLO(None, 7))))
    assert data == {
        "kind": "arrive",
        "time": 3,
        "request": {"id": 1, "prompt": 10, "limit": 5, "keys": ["ff"], "slo": [None, 7]},
    }


def test_the_request_of_a_cancel_is_a_number() -> None:
    assert event_to_json(Cancel(1, 2)) == {"kind": "cancel", "time": 1, "request": 2}


def test_an_unknown_kind_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="unknown event kind 'explode'; known: append, arrive"):
        event_from_json({"kind": "explode"})
    with pytest.raises(ValueError, match="unknown event kind None"):
        event_from_json({})


def test_what_a_request_does_not_say() -> None:
    """The defaults are part of the log's schema: fields at their default are left out."""
    request = Request(1, 10, 5)
    assert (request.n, request.keys, request.key_tokens, request.priority, request.seed) == (1, (), 16, 0, 0)
    assert (request.final, request.take_hits, request.serial, request.ready) == (True, True, False, True)
    assert request.preloaded == 0
    assert (request.tenant, request.program, request.slo) == ("", "", SLO(None, None))
    assert Append(0, 1, 2) == Append(0, 1, 2, (), False)
    assert Result(0, 1, 2) == Result(0, 1, 2, None, False, False, ())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_is_small_and_cannot_be_changed(event: Event) -> None:
    assert not hasattr(event, "__dict__")
    with pytest.raises(FrozenInstanceError):
        event.time = 5  # type: ignore[misc]
