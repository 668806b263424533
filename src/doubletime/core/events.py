"""Everything that enters the engine. Events in one total order are the recording, and the only input of replay."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from doubletime.core.vocabulary import SLO, Finish, Nanoseconds


@dataclass(frozen=True, slots=True)
class Request:
    """What the core knows of an API request: lengths and block keys, never tokens or text.

    Its sequences have the ids id, id + 1 … id + n - 1; whoever submits hands out the ids and never reuses one.
    `keys[i]` is a 128-bit hash of tokens [0, (i + 1) * key_tokens) and everything else their KV depends on.
    """

    id: int
    prompt: int
    limit: int  # most output tokens per sequence
    n: int = 1
    keys: tuple[int, ...] = ()
    key_tokens: int = 16
    final: bool = True  # False: more prompt will be appended
    take_hits: bool = True  # False: needs every prompt position computed
    serial: bool = False  # True: the next token cannot be planned before the last result is on the host
    ready: bool = True  # False: BUSY until a Ready event
    generates: bool = True  # False: only the prompt is computed; the token that a limit of 1 stands for is not drawn
    preloaded: int = 0  # so many leading tokens need no computing: their KV has come from elsewhere
    priority: int = 0  # smaller goes first
    tenant: str = ""
    program: str = ""
    slo: SLO = SLO()
    seed: int = 0


class Row(NamedTuple):
    """What a step did to one sequence, where that is not simply what the plan expected.

    `sampled` None means as planned. `keys` are the block keys that its tokens have completed since the last row.
    """

    seq: int
    sampled: int | None = None
    finish: Finish | None = None
    keys: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrive:
    kind: ClassVar[str] = "arrive"
    time: Nanoseconds
    request: Request


@dataclass(frozen=True, slots=True)
class Cancel:
    """The request's sequences that still live end now."""

    kind: ClassVar[str] = "cancel"
    time: Nanoseconds
    request: int


@dataclass(frozen=True, slots=True)
class Append:
    """`tokens` more of an unfinished prompt; `keys` are the block keys completed by them."""

    kind: ClassVar[str] = "append"
    time: Nanoseconds
    seq: int
    tokens: int
    keys: tuple[int, ...] = ()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Truncate:
    """Only the first `length` tokens stay. Inside the prompt it opens the prompt again: an Append must close it."""

    kind: ClassVar[str] = "truncate"
    time: Nanoseconds
    seq: int
    length: int


@dataclass(frozen=True, slots=True)
class Ready:
    """What a BUSY sequence waited for (a grammar, an adapter) is there."""

    kind: ClassVar[str] = "ready"
    time: Nanoseconds
    seq: int


@dataclass(frozen=True, slots=True)
class Timer:
    """The time that a plan asked to be woken at has come."""

    kind: ClassVar[str] = "timer"
    time: Nanoseconds


@dataclass(frozen=True, slots=True)
class Result:
    """A step ended. `reached` is the depth at which it was stopped, None if it ran to its end.

    `revoked`: not a slab ran, because an earlier step was stopped after this one had been planned.
    `failed`: the forward pass broke; the sequences of the step end with an error, nothing they computed is kept.
    `rows` lists only what differs from the plan (finishes, new block keys).
    """

    kind: ClassVar[str] = "result"
    time: Nanoseconds
    step: int
    duration: Nanoseconds
    reached: int | None = None
    revoked: bool = False
    failed: bool = False
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Fallback:
    """The policy was too slow (measured outside): the default plans the next `steps` steps."""

    kind: ClassVar[str] = "fallback"
    time: Nanoseconds
    steps: int


Event = Arrive | Cancel | Append | Truncate | Ready | Timer | Result | Fallback
KINDS: dict[str, type[Any]] = {
    event.kind: event for event in (Arrive, Cancel, Append, Truncate, Ready, Timer, Result, Fallback)
}


def event_to_json(event: Event) -> dict[str, Any]:
    """A JSON object with `kind`; keys as hex, fields at their default left out."""
    return {"kind": event.kind} | _fields_to_json(event)


def event_from_json(data: dict[str, Any]) -> Event:
    """The inverse of `event_to_json`. Raises ValueError for a kind it does not know."""
    kind = KINDS.get(data.get("kind", ""))
    if kind is None:
        raise ValueError(f"unknown event kind {data.get('kind')!r}; known: {', '.join(sorted(KINDS))}")
    values = {name: _decode(name, value) for name, value in data.items() if name != "kind"}
    event: Event = kind(**values)
    return event


def _fields_to_json(item: Any) -> dict[str, Any]:
    values = ((field.name, getattr(item, field.name), field.default) for field in fields(item))
    return {name: _encode(name, value) for name, value, default in values if value != default}


def _encode(name: str, value: Any) -> Any:
    if name == "keys":
        return [format(key, "x") for key in value]
    if name == "request" and isinstance(value, Request):
        return _fields_to_json(value)
    if name == "slo":
        return [value.ttft, value.tpot]
    if name == "rows":
        return [_encode_row(row) for row in value]
    return value


def _encode_row(row: Row) -> list[Any]:
    return [row.seq, row.sampled, row.finish.value if row.finish else None, _encode("keys", row.keys)]


def _decode(name: str, value: Any) -> Any:
    if name == "keys":
        return tuple(int(key, 16) for key in value)
    if name == "request" and isinstance(value, dict):
        return Request(**{key: _decode(key, item) for key, item in value.items()})
    if name == "slo":
        return SLO(*value)
    if name == "rows":
        return tuple(_decode_row(row) for row in value)
    return value


def _decode_row(row: list[Any]) -> Row:
    seq, sampled, finish, keys = row
    return Row(seq, sampled, Finish(finish) if finish else None, _decode("keys", keys))
