"""Evidence from a per-request trace: when each request arrived, got its first token and got its last.

Between two such times the batch is the same: the requests between their first and last token decode, and the prompts
whose first token comes next are being computed. A step of that batch takes d seconds, so g seconds hold g / d steps; a
request gets a token with each of them. So the tokens that a request got are as many as the steps between its first and
its last, and the times of steps can be fitted to counts of tokens, without knowing a single step.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from doubletime.core.plan import Plan
from doubletime.core.vocabulary import Slab
from doubletime.hardware.cost import PlanCost
from doubletime.hardware.explain import Anatomy
from doubletime.lab.calibrate.knobs import API, NOISE, seconds

_FIELDS = {
    "arrival": ("arrival", "arrival_s", "queued_ts", "arrival_time", "timestamp"),
    "prompt": ("input_tokens", "input_toks", "prompt_tokens", "prompt"),
    "output": ("output_tokens", "output_toks", "completion_tokens", "output"),
    "first": ("first_token", "first_token_s", "first_token_ts"),
    "last": ("last_token", "last_token_s", "last_token_ts"),
}
_SAME = 1e-4  # seconds within which two tokens come from one step
_MOST_GAPS = 4000


class Life(NamedTuple):
    """One request; times in seconds on one clock, lengths in tokens."""

    arrival: float
    prompt: int
    output: int
    first: float
    last: float

    def length(self, now: float) -> float:
        """Tokens that it has at a time between its first and its last."""
        return self.prompt + (self.output - 1) * (now - self.first) / max(self.last - self.first, 1e-9)


def read_lives(lines: Iterable[str]) -> list[Life]:
    """Requests of a JSONL trace, by first token. Raises ValueError that names the line and what it lacks."""
    lives = [_life(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    return sorted(lives, key=lambda life: (life.first, life.arrival))


def _life(number: int, line: str) -> Life:
    try:
        data = json.loads(line)
        found = {name: _field(data, name, names) for name, names in _FIELDS.items()}
        life = Life(found["arrival"], int(found["prompt"]), int(found["output"]), found["first"], found["last"])
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"line {number} of the trace cannot be read: {error}") from error
    if not life.arrival <= life.first <= life.last or life.prompt < 1 or life.output < 1:
        raise ValueError(f"line {number} of the trace: arrival, first token and last token must come in this order")
    return life


def _field(data: dict[str, Any], name: str, names: Sequence[str]) -> float:
    for each in names:
        if data.get(each) is not None:
            return float(data[each])
    raise ValueError(f"there is no {name}: one of {', '.join(names)} is needed")


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which the batch stays the same. `mixed` steps compute the prompts whose first token comes at its end."""

    time: float
    decode: Anatomy | None  # None: nothing decodes
    mixed: int = 0
    step: Anatomy | None = None  # of a mixed step


class Requests:
    """Tokens that requests got, against the steps that fit between their first and last; and first tokens."""

    def __init__(self, lives: Sequence[Life], cost: PlanCost, depth: int, *, rows: int) -> None:
        self._batches = _Batches(cost, depth, rows)
        self._overlap = cost.overlap
        self._times = _distinct(time for life in lives for time in (life.first, life.last))[: _MOST_GAPS + 1]
        lives = [life for life in lives if life.last <= self._times[-1] + _SAME]
        self._lives = lives
        self._gaps = [self._gap(lives, *pair) for pair in zip(self._times, self._times[1:], strict=False)]
        several = [life for life in lives if life.output > 1]
        self._spans = [(self._at(life.first), self._at(life.last), life.output - 1) for life in several]
        self._lone = [self._first(lives, life) for life in _lone(lives)]

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def noise(self) -> float:
        """Requests that run together share their steps: so many residuals say what one does."""
        together = sum(life.last - life.first for life in self._lives) / max(self._times[-1] - self._times[0], 1e-9)
        return NOISE * math.sqrt(max(1.0, together))

    @property
    def shortest(self) -> float:
        return min((life.last - life.first) / (life.output - 1) for life in self._lives if life.output > 1)

    def residuals(self, at: Sequence[float]) -> list[float]:
        """log(predicted / measured) of the time per token of each request, then of the lone requests' first tokens."""
        steps = [0.0]
        for count in reversed(self._steps(at)):
            steps.append(steps[-1] + count)
        steps.reverse()  # from each time on
        tokens = [math.log(count / max(steps[first] - steps[last], 1e-3)) for first, last, count in self._spans]
        firsts = [
            math.log((at[API] + sum(count * self._took(step, at) for count, step in parts)) / measured)
            for measured, parts in self._lone
        ]
        return tokens + firsts

    def _steps(self, at: Sequence[float]) -> list[float]:
        """How many steps each gap holds. Mixed steps end with it; what is longer began in the gap before."""
        found: list[float] = []
        owed, owed_time = 0.0, 0.0
        for gap in reversed(self._gaps):
            if gap.step is not None:
                owed += gap.mixed
                owed_time += gap.mixed * self._took(gap.step, at)
            share = min(1.0, gap.time / owed_time) if owed_time else 0.0
            rest = gap.time - share * owed_time
            found.append(share * owed + (rest / self._took(gap.decode, at) if gap.decode else 0.0))
            owed, owed_time = owed * (1 - share), owed_time * (1 - share)
        return found[::-1]

    def _took(self, step: Anatomy, at: Sequence[float]) -> float:
        return seconds(step, at, overlap=self._overlap)

    def _gap(self, lives: Sequence[Life], begin: float, end: float) -> Gap:
        middle = (begin + end) / 2
        decoding = [life.length(middle) for life in lives if life.first <= begin + _SAME and life.last >= end - _SAME]
        prompts = [life.prompt for life in lives if abs(life.first - end) <= _SAME]
        mixed, step = self._batches.mixed(len(decoding), sum(decoding), sum(prompts), len(prompts))
        return Gap(end - begin, self._batches.decode(len(decoding), sum(decoding)), mixed, step)

    def _first(self, lives: Sequence[Life], life: Life) -> tuple[float, list[tuple[float, Anatomy]]]:
        """Time to the first token of a request that nobody keeps waiting, and the steps that it takes."""
        decoding = [each.length(life.arrival) for each in lives if each.first <= life.arrival <= each.last]
        mixed, step = self._batches.mixed(len(decoding), sum(decoding), life.prompt, 1)
        assert step is not None
        parts: list[tuple[float, Anatomy]] = [(mixed, step)]
        running = self._batches.decode(len(decoding), sum(decoding))
        if running is not None:  # half of the step that runs, and the one that is already planned
            parts.append((1.5 if self._overlap else 0.5, running))
        return max(life.first - life.arrival, 1e-4), parts

    def _at(self, time: float) -> int:
        """The index of a time."""
        return min(bisect_left(self._times, time - _SAME), len(self._times) - 1)


class _Batches:
    """Batches priced."""

    def __init__(self, cost: PlanCost, depth: int, rows: int) -> None:
        self._cost = cost
        self._depth = depth
        self._rows = rows

    def decode(self, count: int, context: float) -> Anatomy | None:
        return self._cost.anatomy(self._plan(count, context)) if count else None

    def mixed(self, count: int, context: float, tokens: int, prompts: int) -> tuple[int, Anatomy | None]:
        """As many steps as `tokens` of prompts need beside the decodes, and one of them, all taken as equal."""
        if not tokens:
            return 0, None
        steps = -(-tokens // max(1, self._rows - count))
        chunk, samples = tokens // steps, -(-prompts // steps)
        slab = Slab(-1, tokens // prompts * (steps - 1) // 2 // steps, chunk, 0, self._depth, samples)
        return steps, self._cost.anatomy(self._plan(count, context, slab))

    def _plan(self, count: int, context: float, *work: Slab) -> Plan:
        starts = (round(context / count),) * count if count else ()
        return Plan(0, 0, decode_seqs=tuple(range(count)), decode_starts=starts, work=work, depth=self._depth)


def _distinct(times: Iterable[float]) -> list[float]:
    found: list[float] = []
    for time in sorted(times):
        if not found or time - found[-1] > _SAME:
            found.append(time)
    return found


def _lone(lives: Sequence[Life]) -> list[Life]:
    """Requests that arrive when no other waits for its first token."""
    firsts = sorted(life.first for life in lives)
    arrivals = sorted(life.arrival for life in lives)
    return [
        life
        for life in lives
        if bisect_left(arrivals, life.arrival) == bisect_right(firsts, life.arrival) and life.first > life.arrival
    ]
