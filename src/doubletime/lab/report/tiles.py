"""The answers in short: who is best under a load, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from doubletime.lab.compare import Compared
from doubletime.lab.report import units
from doubletime.lab.report.page import named
from doubletime.lab.report.svg import tag, text

Json = dict[str, Any]


class Question(NamedTuple):
    """What a tile answers. `high`: more is better."""

    title: str
    value: Callable[[Json], float | None]
    unit: units.Unit
    high: bool


QUESTIONS = (
    Question("Most requests within the SLO", lambda result: result["slo"]["attainment"], units.percent, True),
    Question("Lowest TTFT p99", lambda result: _p99(result["ttft_s"]), units.seconds, False),
    Question("Lowest TPOT p99", lambda result: _p99(result["tpot_s"]), units.seconds, False),
    Question("Most output tokens/s", lambda result: result["throughput"]["output_tokens_per_s"], units.count, True),
)


def tiles(found: Sequence[Compared], names: Sequence[str]) -> str:
    """The tiles of one load."""
    return "".join(tile for question in QUESTIONS if (tile := _tile(question, found, names)))


def _tile(question: Question, found: Sequence[Compared], names: Sequence[str]) -> str:
    ranked = [
        (value, cell.variant.name)
        for cell in found
        if cell.result is not None and (value := question.value(cell.result)) is not None
    ]
    if not ranked:
        return ""
    ranked.sort(key=lambda pair: -pair[0] if question.high else pair[0])
    value, name = ranked[0]
    alike = sum(question.unit(other) == question.unit(value) for other, _ in ranked)
    who = tag("div", "all alike", class_="who") if 1 < alike == len(ranked) else named(names.index(name), name)
    return tag(
        "div",
        tag("div", text(question.title), class_="what"),
        tag("div", text(question.unit(value)), class_="figure"),
        who,
        tag("div", text(_rest(question, ranked, alike)), class_="next"),
        class_="tile",
    )


def _rest(question: Question, ranked: Sequence[tuple[float, str]], alike: int) -> str:
    """Who comes next, and how far behind."""
    if alike == len(ranked):
        return ""
    value, name = ranked[alike]
    beside = f"and {alike - 1} more; " if alike > 1 else ""
    return f"{beside}then {name}: {question.unit(value)}"


def _p99(summary: Json | None) -> float | None:
    return None if summary is None else float(summary["p99"])
