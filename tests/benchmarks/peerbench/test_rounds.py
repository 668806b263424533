"""Engines take turns; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peerbench.engines.engine import Engine
from benchmarks.peerbench.points import Model, Point, Precision, Rates
from benchmarks.peerbench.process import Launch, PeerFailed
from benchmarks.peerbench.rounds import Book, measure_rounds, rotated

MODEL = Model("tiny", Path(), {})


@dataclass(frozen=True)
class Fake:
    name: str
    reason: str | None = None
    serves: bool = False

    def lacks(self, model: Model, precision: Precision) -> str | None:
        return self.reason

    def rates(self, model: Model, precision: Precision, points: Sequence[Point]) -> Rates:
        return Rates(dict.fromkeys(points, 1.0), 0)

    def server(self, model: Model, precision: Precision, port: int) -> Launch:
        raise PeerFailed("no server")


def _measure(engine: Engine, model: Model, precision: Precision) -> Iterator[tuple[str, float, str, bool]]:
    if engine.name == "broken":
        raise PeerFailed("out of memory")
    yield "decode", 2.0, "tokens/s", True


def _book(*engines: Fake, rounds: int = 2) -> Book:
    book = Book()
    measure_rounds("rates", engines, MODEL, "8", rounds, _measure, book)
    return book


def test_each_round_has_every_engine_and_starts_with_another() -> None:
    order = [(number, engine.name) for number, engine in rotated([Fake("a"), Fake("b"), Fake("c")], 3)]
    assert order == [(0, "a"), (0, "b"), (0, "c"), (1, "b"), (1, "c"), (1, "a"), (2, "c"), (2, "a"), (2, "b")]


def test_every_round_is_kept() -> None:
    records = _book(Fake("a"), Fake("b")).records
    assert [(each.round, each.engine) for each in records] == [(0, "a"), (0, "b"), (1, "b"), (1, "a")]


def test_a_failure_is_told_once_and_the_others_go_on() -> None:
    book = _book(Fake("broken"), Fake("b"))
    assert [(each.engine, each.round, each.error) for each in book.failures] == [("broken", 0, "out of memory")]
    assert [each.engine for each in book.records] == ["b", "b"]


def test_what_an_engine_lacks_is_told_and_not_tried() -> None:
    book = _book(Fake("a", reason="has no 4 bit"))
    assert [(each.engine, each.round, each.error) for each in book.failures] == [("a", None, "has no 4 bit")]
    assert book.records == []
