"""What each step of a rehearsal held, for plots and traces."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.core.vocabulary import Nanoseconds


@dataclass(frozen=True, slots=True)
class StepRecord:
    """`count` equal steps of one replica, one after another: more than 1 only where only decodes went on.

    Rows are of one step; the rest is as of its start. `used` counts held KV blocks of the first group, of `blocks`.
    """

    replica: int
    step: int
    start: Nanoseconds
    end: Nanoseconds
    count: int
    decodes: int
    prefill_tokens: int
    running: int
    waiting: int
    used: int
    blocks: int
