"""The columns of a comparison, for the terminal and the report alike, and which cell is best in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from doubletime.lab.compare import Compared

Json = dict[str, Any]
NONE = "-"


class Better(Enum):
    """Which end of a column is the good one."""

    HIGH = "high"
    LOW = "low"
    NEITHER = "neither"


class Column(NamedTuple):
    """A figure of a result. `title` has the unit; `place`: the keys that lead to it; `text` formats it."""

    title: str
    place: tuple[str, ...]
    text: Callable[[float], str]
    better: Better

    def value(self, result: Json) -> float | None:
        return error_of(result) if self.place == ("error",) else figure(result, self.place)


def figure(result: Json, place: Sequence[str]) -> float | None:
    """The number that the keys lead to; None where the result does not know."""
    found: Any = result
    for key in place:
        found = found.get(key) if found else None
    return None if found is None else float(found)


def bar(result: Json, place: Sequence[str]) -> tuple[float, float] | None:
    """Between what and what a figure lies, if steps are faster or slower by their error; None where nobody tried."""
    found: Any = (result["error"] or {}).get("figures")
    for key in place:
        found = found.get(key) if found else None
    return None if found is None else (float(found[0]), float(found[1]))


def columns(found: Sequence[Compared]) -> list[Column]:
    """The columns that have something to say about these results."""
    results = [cell.result for cell in found if cell.result is not None]
    return [column for column in _COLUMNS if any(column.value(result) is not None for result in results)]


def best(column: Column, found: Sequence[Compared]) -> set[int]:
    """Which of the cells, by index, are best in it, each among those of its load. None where all are alike."""
    if column.better is Better.NEITHER:
        return set()
    winners: set[int] = set()
    for load in dict.fromkeys(cell.load.name for cell in found):
        values = {
            at: value
            for at, cell in enumerate(found)
            if cell.load.name == load and cell.result is not None and (value := column.value(cell.result)) is not None
        }
        texts = {at: column.text(value) for at, value in values.items()}
        if len(set(texts.values())) > 1:
            top = (max if column.better is Better.HIGH else min)(values, key=lambda at: values[at])
            winners |= {at for at, text in texts.items() if text == texts[top]}
    return winners


def texts(column: Column, found: Sequence[Compared]) -> set[str]:
    """The different figures of a column."""
    values = (column.value(cell.result) for cell in found if cell.result is not None)
    return {NONE if value is None else column.text(value) for value in values}


def error_of(result: Json) -> float | None:
    """How far the predicted times may be off, relative; None where they were measured."""
    error = result["error"]
    return None if error is None else max(abs(error["low"]), abs(error["high"]))


def _rate(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _dollars(value: float) -> str:
    return f"{value:.2f}"


def _milliseconds(value: float) -> str:
    return f"{value * 1e3:,.0f}" if value >= 0.1 else f"{value * 1e3:.3g}"


# the less important come last: a narrow terminal has no room for them
_COLUMNS = (
    Column("SLO met", ("slo", "attainment"), _percent, Better.HIGH),
    Column("goodput /s", ("slo", "goodput_rps"), _rate, Better.HIGH),
    Column("TTFT p50, ms", ("ttft_s", "p50"), _milliseconds, Better.LOW),
    Column("TTFT p99, ms", ("ttft_s", "p99"), _milliseconds, Better.LOW),
    Column("TPOT p50, ms", ("tpot_s", "p50"), _milliseconds, Better.LOW),
    Column("TPOT p99, ms", ("tpot_s", "p99"), _milliseconds, Better.LOW),
    Column("output tok/s", ("throughput", "output_tokens_per_s"), _count, Better.HIGH),
    Column("$ /M tok", ("cost", "dollars_per_million_output_tokens"), _dollars, Better.LOW),
    Column("requests /s", ("throughput", "requests_per_s"), _rate, Better.HIGH),
    Column("prefix hits", ("prefix_hit_rate",), _percent, Better.HIGH),
    Column("preempted", ("preemptions",), _count, Better.LOW),
    Column("times ±", ("error",), _percent, Better.NEITHER),
)
