"""A question about the engine and its answer. Times are nanoseconds since the engine began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from doubletime.core.vocabulary import Nanoseconds, Slab
from doubletime.engine.monitor.tallies import Tallies


@dataclass(frozen=True, slots=True)
class Inspect:
    """`query` comes back with the answer. `requests`: most rows, 0 for none; with a `name` only those of that name.

    Steps up to `after` are left out.
    """

    query: int
    requests: int = 0
    name: str = ""
    after: int = -1


class WaitsFor(NamedTuple):
    reason: str
    note: str


class RequestRow(NamedTuple):
    """One request. What differs among its choices: outputs are summed, waits are of the choice that waited longest."""

    name: str
    state: str
    finish: str | None
    arrived: Nanoseconds
    ended: Nanoseconds | None
    prompt: int
    prefilled: int
    output: int
    limit: int  # tokens of a choice
    choices: int
    cached: int | None  # None: it has not run yet
    blocks: tuple[int, ...]  # by KV group
    preemptions: int
    waited: tuple[Nanoseconds, ...]  # by reason, in the order of REASONS
    waits_for: WaitsFor | None
    first: Nanoseconds | None  # the first token
    tpot: float | None  # nanoseconds
    priority: int
    tenant: str


class StepRow(NamedTuple):
    """A step that has ended. Its decodes are in columns as in `Plan`; of these and of its other slabs the first.

    `steps` of more than 1 decoded the same sequences one after the other: `step` is the last of them, `start` and
    `decode_starts` are the first one's, `duration` is that of all.
    """

    step: int
    start: Nanoseconds
    duration: Nanoseconds
    decodes: int
    prefill_tokens: int
    decode_seqs: tuple[int, ...]
    decode_starts: tuple[int, ...]
    work: tuple[Slab, ...]
    steps: int = 1


class SeqName(NamedTuple):
    """What the API calls the request of a sequence, and which of its choices it is."""

    request: str
    choice: int


class KVRow(NamedTuple):
    """Blocks of a KV group: total = running + held + cached + free. `held`: kept by sequences without a seat."""

    total: int
    running: int
    cached: int
    held: int
    free: int


class Rates(NamedTuple):
    """Per second, over the last seconds. Prompt tokens count when they are computed."""

    prompt_tokens: float
    output_tokens: float
    requests: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine at one moment. `epoch` is the time that it began, in seconds since 1970.

    `running`, `waiting` and `forking` count sequences, and every live one once; `waiting_for` by reason. `spent` is the
    time that sequences have spent waiting, by reason, summed.
    """

    query: int
    time: Nanoseconds
    epoch: float
    running: int
    waiting: int
    forking: int
    waiting_for: tuple[int, ...]
    spent: tuple[Nanoseconds, ...]
    kv: tuple[KVRow, ...]
    rates: Rates
    tallies: Tallies
    live: int  # requests
    requests: tuple[RequestRow, ...]
    steps: tuple[StepRow, ...]
    names: dict[int, SeqName]
