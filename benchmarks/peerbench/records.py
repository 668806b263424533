"""What was measured, as data: one number of one engine in one round, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Record:
    """`unit`: tokens/s, s, ms, MB or a share. `others`: the cores that other processes used meanwhile."""

    section: str
    model: str
    precision: str
    engine: str
    what: str
    round: int
    value: float
    unit: str
    more_is_better: bool = True
    others: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What an engine could not do, in its own words. `round` None: it was not asked."""

    section: str
    model: str
    precision: str
    engine: str
    round: int | None
    error: str


class Row(NamedTuple):
    """What a line of the table compares."""

    section: str
    model: str
    precision: str
    what: str
    unit: str
    more_is_better: bool


class Spread(NamedTuple):
    """The median over rounds, with the least and the most."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    found = list(values)
    return Spread(median(found), min(found), max(found))


def rows(records: Iterable[Record]) -> dict[Row, dict[str, dict[int, float]]]:
    """row → engine → round → value, in the order of the records."""
    found: dict[Row, dict[str, dict[int, float]]] = {}
    for each in records:
        row = Row(each.section, each.model, each.precision, each.what, each.unit, each.more_is_better)
        found.setdefault(row, {}).setdefault(each.engine, {})[each.round] = each.value
    return found


def ratio(ours: dict[int, float], theirs: dict[int, float]) -> Spread | None:
    """Ours ÷ theirs, round by round: what slowed a whole round cancels out. None without a common round."""
    each = [ours[number] / theirs[number] for number in sorted(ours.keys() & theirs.keys()) if theirs[number]]
    return spread(each) if each else None


def ratios(engines: dict[str, dict[int, float]], ours: str) -> Iterator[tuple[str, Spread]]:
    """(peer, ours ÷ peer) for each peer that has a common round with us."""
    for name, values in engines.items():
        if name != ours and ours in engines and (found := ratio(engines[ours], values)):
            yield name, found
