"""The event log: what entered the engine and what it decided, one JSON object a line. It is the recording.

The first line is the header. Then, in one order, events (`{"event": …, "step": first step that could know of it}`) and
plans (`{"plan": …, "blocks": …, "digest": …}`). A digest covers the header, every event and every plan so far: a
replay computes its own, so one altered duration, arrival or seed shows at the next step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from doubletime.core.events import Event, event_from_json, event_to_json
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.vocabulary import DepthMap, GroupKind, KVGroup, Limits

SCHEMA = 1
_SAME = "+1"  # the decodes of the plan before, each one token on


class BadLog(ValueError):
    """A file that is no recording, or one of a schema that this version does not know."""


@dataclass(frozen=True, slots=True)
class Header:
    """Everything that the plans depend on besides the events. `about` is for people (model, device, dtype)."""

    limits: Limits
    policy: str
    in_flight: int
    seed: int
    version: str
    about: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        limits = asdict(self.limits)
        for group in limits["groups"]:
            group["kind"] = group["kind"].value
        rest = {name: getattr(self, name) for name in ("policy", "in_flight", "seed", "version", "about")}
        return {"doubletime": "log", "schema": SCHEMA, "limits": limits} | rest

    @classmethod
    def from_json(cls, data: Any) -> Header:
        if not isinstance(data, dict) or data.get("doubletime") != "log":
            raise BadLog("this is no doubletime recording: its first line has no header")
        if data.get("schema") != SCHEMA:
            raise BadLog(f"the recording has schema {data.get('schema')}; this version reads schema {SCHEMA}")
        names = ("policy", "in_flight", "seed", "version", "about")
        return cls(_limits(data["limits"]), **{name: data[name] for name in names})


def _limits(data: dict[str, Any]) -> Limits:
    groups = tuple(
        KVGroup(**(group | {"layers": tuple(group["layers"]), "kind": GroupKind(group["kind"])}))
        for group in data["groups"]
    )
    rest = {name: value for name, value in data.items() if name.startswith("max_")}
    return Limits(groups, tuple(data["blocks"]), DepthMap(**data["depth"]), **rest)


class PlanCoder:
    """Plans as changes to the last: a bulk decode that only went on is one short mark."""

    def __init__(self) -> None:
        self._seqs: tuple[int, ...] = ()
        self._starts: tuple[int, ...] = ()

    def encode(self, plan: Plan) -> dict[str, Any]:
        data = plan.to_json()
        if plan.decode_seqs:
            if plan.decode_seqs == self._seqs and plan.decode_starts == self._next_starts():
                del data["decode_seqs"]
                data["decode_starts"] = _SAME
            self._seqs, self._starts = plan.decode_seqs, plan.decode_starts
        return data

    def decode(self, data: dict[str, Any]) -> Plan:
        if data.get("decode_starts") == _SAME:
            data = data | {"decode_seqs": self._seqs, "decode_starts": self._next_starts()}
        plan = Plan.from_json(data)
        if plan.decode_seqs:
            self._seqs, self._starts = plan.decode_seqs, plan.decode_starts
        return plan

    def _next_starts(self) -> tuple[int, ...]:
        return tuple([start + 1 for start in self._starts])


class LogWriter:
    """Writes a recording line by line through `write`; lines are handed over in batches of about 64 kB."""

    def __init__(self, header: Header, write: Callable[[str], object]) -> None:
        self._write = write
        self._hash = blake2b(digest_size=8)
        self._coder = PlanCoder()
        self._lines: list[str] = []
        self._size = 0
        self._line(header.to_json())

    def event(self, step: int, event: Event) -> None:
        self._line({"event": event_to_json(event), "step": step})

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        text = _dumps(self._coder.encode(plan))
        self._hash.update(text.encode())
        blocks = _dumps(blocks_by_state(scheduler))
        self._put(f'{{"plan":{text},"blocks":{blocks},"digest":"{self._hash.hexdigest()}"}}\n')

    def close(self) -> None:
        """Writes the last line: a recording without it was cut short."""
        self._put(f'{{"end":true,"digest":"{self._hash.hexdigest()}"}}\n')
        self.flush()

    def flush(self) -> None:
        self._write("".join(self._lines))
        self._lines, self._size = [], 0

    def _line(self, data: dict[str, Any]) -> None:
        text = _dumps(data)
        self._hash.update(text.encode())
        self._put(text + "\n")

    def _put(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size > 1 << 16:
            self.flush()


def blocks_by_state(scheduler: Scheduler) -> list[dict[str, int]]:
    """Per KV group how many blocks are free, cached (or pinned), held, and returning when a step in flight ends."""
    memory = scheduler.memory
    return [
        {"free": pool.free, "cached": pool.idle, "held": pool.held, "returning": returning}
        for pool, returning in zip(memory.pools, memory.limbo, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    step: int
    event: Event


@dataclass(frozen=True, slots=True)
class LoggedPlan:
    plan: Plan
    digest: str
    blocks: list[dict[str, int]]


@dataclass(frozen=True, slots=True)
class LoggedEnd:
    digest: str


Logged = Header | LoggedEvent | LoggedPlan | LoggedEnd


def read_log(lines: Iterable[str]) -> Iterator[Logged]:
    """The header, then events and plans in their order. Raises BadLog that names the line."""
    coder = PlanCoder()
    for number, line in enumerate(lines, start=1):
        try:
            data = json.loads(line)
            if number == 1:
                yield Header.from_json(data)
            elif "event" in data:
                yield LoggedEvent(data["step"], event_from_json(data["event"]))
            elif "end" in data:
                yield LoggedEnd(data["digest"])
            else:
                yield LoggedPlan(coder.decode(data["plan"]), data["digest"], data["blocks"])
        except BadLog:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadLog(f"line {number} of the recording cannot be read: {error}") from error


def _dumps(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))
