"""How much a design can take: the highest rate at which enough requests still meet the SLO.

Attainment is expected to fall as the rate rises, but nothing promises it (a burst may fall differently, larger batches
may help): what is found is checked beside it, and what contradicts is reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from doubletime.core.vocabulary import SECOND, SLO

_REACH = 2.0**12  # how far below and above the first rate the search goes
_LONG_ENOUGH = 200  # requests, from which a first look at a part of them pays
_LOOK = 4  # the part is one in so many
_NOISE = 0.01  # of attainment, which may rise by so much with the rate before it counts as a contradiction

Json = dict[str, Any]
AtRate = Callable[[float, int | None], Json]


@dataclass(frozen=True, slots=True)
class Probe:
    """One rehearsal at one rate. `cut`: stopped after `requests`, when the target was out of reach already; the
    attainment is then what the whole run could reach at most."""

    rate: float
    attainment: float
    requests: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Capacity:
    """`rate` meets the target and `next_rate` does not; None: nothing did, or nothing did not, within reach.

    `unit`: what a rate is. `per_second`: requests a second at a rate of 1, None if nobody knows.
    """

    rate: float | None
    attainment: float | None
    next_rate: float | None
    next_attainment: float | None
    target: float
    tolerance: float
    unit: str
    per_second: float | None
    probes: tuple[Probe, ...]
    notes: tuple[str, ...]

    @property
    def requests_per_s(self) -> float | None:
        return None if self.rate is None or self.per_second is None else self.rate * self.per_second

    def to_json(self) -> Json:
        return asdict(self) | {"requests_per_s": self.requests_per_s}


def find_capacity(
    rehearse_at_rate: AtRate,
    slo: SLO,
    attainment: float = 0.9,
    *,
    requests: int,
    start: float = 1.0,
    tolerance: float = 0.02,
    unit: str = "requests/s",
    per_second: float | None = 1.0,
    progress: Callable[[], object] = lambda: None,
) -> Capacity:
    """Doubles or halves the rate from `start` until it is bracketed, then bisects it in the logarithm.

    `rehearse_at_rate(rate, limit)` gives a result of the schema, of the first `limit` requests (None: of all
    `requests`). `slo` is the one that it holds. Ends when next_rate ≤ rate · (1 + tolerance). Deterministic.
    Raises ValueError for numbers out of range, and where no request has an SLO.
    """
    _check(attainment, start, tolerance, requests)
    search = _Search(rehearse_at_rate, attainment, requests, progress)
    low, high = _bracket(search, start)
    if low is not None and high is not None:
        low, high = _bisect(search, low, high, tolerance)
        _look_beside(search, low, high, tolerance)
    notes = (*search.contradictions(), *_notes(low, high, requests, slo, per_second))
    return Capacity(
        low, search.attainment(low), high, search.attainment(high), attainment, tolerance, unit, per_second,
        tuple(search.probes), notes,
    )  # fmt: skip


class _Search:
    """Runs probes and remembers them."""

    def __init__(self, run: AtRate, target: float, requests: int, progress: Callable[[], object]) -> None:
        self.probes: list[Probe] = []
        self._run, self._target, self._requests, self._progress = run, target, requests, progress

    def passes(self, rate: float) -> bool:
        probe = next((probe for probe in self.probes if probe.rate == rate), None)
        if probe is None:
            probe = self._probe(rate)
            self.probes.append(probe)
            self._progress()
        return probe.attainment >= self._target

    def attainment(self, rate: float | None) -> float | None:
        return next((probe.attainment for probe in self.probes if probe.rate == rate), None)

    def _probe(self, rate: float) -> Probe:
        """Looks at the first requests alone, and leaves it there if those have missed too often already."""
        part = self._requests // _LOOK
        if self._requests >= _LONG_ENOUGH:
            at_most = 1 - (1 - _attained(self._run(rate, part))) * part / self._requests
            if at_most < self._target:
                return Probe(rate, at_most, part, cut=True)
        return Probe(rate, _attained(self._run(rate, None)), self._requests)

    def contradictions(self) -> list[str]:
        """Pairs of neighbouring rates of which the higher one did clearly better; a bound on the lower one counts."""
        probes = sorted(self.probes, key=lambda probe: probe.rate)
        return [
            f"attainment is not monotonic: {low.attainment:.1%} at {low.rate:.4g}, "
            f"{high.attainment:.1%} at {high.rate:.4g}: the capacity depends on where one looks"
            for low, high in pairwise(probes)
            if not high.cut and high.attainment > low.attainment + _NOISE
        ]


def _bracket(search: _Search, start: float) -> tuple[float | None, float | None]:
    """A rate that passes and one that does not. Where the first fails, the slowest is tried next: if even requests
    that are all but alone miss, no rate in between helps."""
    low = high = start
    if search.passes(start):
        while search.passes(high := low * 2):
            low = high
            if high >= start * _REACH:
                return high, None
        return low, high
    if not search.passes(start / _REACH):
        return None, start / _REACH
    while not search.passes(low := high / 2):
        high = low
    return low, high


def _bisect(search: _Search, low: float, high: float, tolerance: float) -> tuple[float, float]:
    while high > low * (1 + tolerance):
        middle = math.sqrt(low * high)
        if search.passes(middle):
            low = middle
        else:
            high = middle
    return low, high


def _look_beside(search: _Search, low: float, high: float, tolerance: float) -> None:
    """A little below must pass and a little above must not; `contradictions` tells where they do otherwise."""
    search.passes(low / (1 + 5 * tolerance))
    search.passes(high * (1 + 5 * tolerance))


def _notes(low: float | None, high: float | None, requests: int, slo: SLO, per_second: float | None) -> list[str]:
    if low is None:
        return [f"hopeless: the SLO is missed even at {high:.3g}, where requests are all but alone: it is not the rate"]
    if high is None:
        return [
            f"the SLO is met up to {low:.4g}, where the search ends: the trace is too short to overload this design"
        ]
    patience = max(target / SECOND for target in (slo.ttft, slo.tpot) if target is not None)
    lasts = requests / (low * per_second) if per_second else math.inf
    if lasts < 10 * patience:
        return [
            f"at this rate all requests arrive within {lasts:.1f} s, too short for a backlog to show beside a target "
            f"of {patience:g} s: give a longer trace"
        ]
    return []


def _attained(result: Json) -> float:
    attainment = result["slo"]["attainment"]
    if attainment is None:
        raise ValueError("a capacity needs an SLO to hold: give --slo ttft=SECONDS,tpot=SECONDS or one of them")
    return float(attainment)


def _check(attainment: float, start: float, tolerance: float, requests: int) -> None:
    if not 0 < attainment <= 1:
        raise ValueError(f"attainment must be above 0 and at most 1, not {attainment:g}")
    if not start > 0 or not tolerance > 0:
        raise ValueError(f"the first rate and the tolerance must be above 0, not {start:g} and {tolerance:g}")
    if requests < 1:
        raise ValueError("the trace is empty: there is nothing to take")
