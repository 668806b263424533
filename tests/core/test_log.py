from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from doubletime.core.events import Cancel, Event, Result, Timer
from doubletime.core.log import (
    SCHEMA,
    BadLog,
    Header,
    LoggedEnd,
    LoggedEvent,
    LoggedPlan,
    LogWriter,
    PlanCoder,
    blocks_by_state,
    read_log,
)  # fmt: skip
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import Slab
from tests.core.rig import FULL, WINDOW, Rig, make_limits

LIMITS = make_limits((5, 7), (FULL, WINDOW), seats=3, rows=9, open_rows=11, max_length=77)
HEADER = Header(LIMITS, "fcfs", 2, 42, "0.1", {"model": "x"})
DECODE = Plan(1, 0, decode_seqs=(1, 2), decode_starts=(5, 9), depth=8)
NEXT = Plan(2, 0, decode_seqs=(1, 2), decode_starts=(6, 10), depth=8)
OTHER = Plan(3, 0, decode_seqs=(1, 2), decode_starts=(7, 12), depth=8)


def written(
    header: Header = HEADER, events: tuple[Event, ...] = (Timer(3),), plans: tuple[Plan, ...] = (DECODE,)
) -> str:
    lines: list[str] = []
    writer = LogWriter(header, lines.append)
    for event in events:
        writer.event(0, event)
    for plan in plans:
        writer.plan(Scheduler(header.limits), plan)
    writer.close()
    return "".join(lines)


def digest(text: str) -> str:
    found: str = json.loads(text.splitlines()[-1])["digest"]
    return found


def test_a_header_survives_json() -> None:
    assert Header.from_json(json.loads(json.dumps(HEADER.to_json()))) == HEADER
    assert HEADER.to_json()["schema"] == SCHEMA == 1


@pytest.mark.parametrize("data", [[], {}, {"doubletime": "trace"}, None, "x"])
def test_what_has_no_header_is_no_recording(data: object) -> None:
    with pytest.raises(BadLog, match="its first line has no header"):
        Header.from_json(data)


def test_an_unknown_schema_is_refused() -> None:
    with pytest.raises(BadLog, match="has schema 2; this version reads schema 1"):
        Header.from_json(HEADER.to_json() | {"schema": 2})


def test_what_was_written_is_read() -> None:
    items = list(read_log(written(plans=(DECODE, NEXT)).splitlines()))
    assert items[0] == HEADER
    assert items[1] == LoggedEvent(0, Timer(3))
    assert [item.plan for item in items[2:4] if isinstance(item, LoggedPlan)] == [DECODE, NEXT]
    assert isinstance(items[2], LoggedPlan)
    assert items[2].blocks == [
        {"free": 5, "cached": 0, "held": 0, "returning": 0}, {"free": 7, "cached": 0, "held": 0, "returning": 0},
    ]  # fmt: skip
    assert isinstance(items[4], LoggedEnd)
    assert items[4].digest == digest(written(plans=(DECODE, NEXT)))


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("{", 2),
        ('{"event":{"kind":"nope"},"step":0}', 2),
        ('{"event":{"kind":"timer"},"step":0}', 2),
        ("[]", 2),
        ("{}", 2),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, number: int) -> None:
    lines = [written().splitlines()[0], line]
    with pytest.raises(BadLog, match=f"line {number} of the recording cannot be read"):
        list(read_log(lines))


def test_a_bad_header_is_told_as_such() -> None:
    with pytest.raises(BadLog, match="no header"):
        list(read_log(['{"a":1}']))
    with pytest.raises(BadLog, match="line 1"):
        list(read_log(["not json"]))
    assert list(read_log([])) == []


def test_a_decode_that_only_goes_on_is_a_short_mark() -> None:
    coder = PlanCoder()
    assert coder.encode(DECODE)["decode_starts"] == [5, 9]
    data = coder.encode(NEXT)
    assert data["decode_starts"] == "+1"
    assert "decode_seqs" not in data
    assert coder.encode(OTHER)["decode_starts"] == [7, 12]


def test_an_idle_plan_between_does_not_break_the_chain() -> None:
    writer, reader = PlanCoder(), PlanCoder()
    idle, work = Plan(2, 0), Plan(2, 0, work=(Slab(4, 0, 1, 0, 8),), depth=8)
    for plan in (DECODE, idle, NEXT, work, OTHER, DECODE):
        assert reader.decode(json.loads(json.dumps(writer.encode(plan)))) == plan


def test_other_sequences_or_starts_are_written_out() -> None:
    coder = PlanCoder()
    coder.encode(DECODE)
    assert coder.encode(Plan(2, 0, decode_seqs=(1, 3), decode_starts=(6, 10)))["decode_seqs"] == [1, 3]
    assert coder.encode(Plan(3, 0, decode_seqs=(1, 3), decode_starts=(6, 10)))["decode_starts"] == [6, 10]


def test_the_digest_covers_header_events_and_plans() -> None:
    base = digest(written())
    assert digest(written()) == base
    assert digest(written(Header(LIMITS, "fcfs", 2, 43, "0.1", {"model": "x"}))) != base
    assert digest(written(events=(Timer(4),))) != base
    assert digest(written(events=())) != base
    assert digest(written(plans=(NEXT,))) != base
    assert digest(written(events=(Timer(3), Cancel(3, 1)))) != base
    assert len({digest(written(events=(Result(3, 1, took),))) for took in (1, 2, 3)}) == 3


def test_lines_are_handed_over_in_batches() -> None:
    batches: list[str] = []
    writer = LogWriter(HEADER, batches.append)
    line = len(json.dumps({"event": {"kind": "timer", "time": 1000}, "step": 0}, separators=(",", ":"))) + 1
    for _ in range((1 << 16) // line + 100):
        writer.event(0, Timer(1000))
    assert len(batches) == 1
    assert 1 << 16 < len(batches[0]) < (1 << 16) + 2 * line
    writer.close()
    assert len(batches) == 2
    assert len(list(read_log("".join(batches).splitlines()))) == (1 << 16) // line + 102


def test_blocks_by_state() -> None:
    rig = Rig()
    rig.arrive(8, 1, prefix=0)
    rig.step()
    rig.arrive(6, 9)
    rig.step()
    rig.arrive(6, 9)
    rig.plan()
    rig.cancel(2)
    assert blocks_by_state(rig.core) == [{"free": 10, "cached": 2, "held": 4, "returning": 2}]


@pytest.mark.parametrize("item", [HEADER, LoggedEvent(0, Timer(1)), LoggedPlan(DECODE, "", []), LoggedEnd("")], ids=str)
def test_what_is_read_is_small_and_cannot_be_changed(item: object) -> None:
    assert not hasattr(item, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(item, type(item).__slots__[0], None)  # type: ignore[attr-defined]
