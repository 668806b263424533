"""Ratios are taken round by round, so that what slows a whole round cancels out."""

from __future__ import annotations

import pytest

from benchmarks.peerbench.records import Record, Row, Spread, ratio, ratios, rows, spread


def _record(engine: str, number: int, value: float) -> Record:
    return Record("rates", "tiny", "8", engine, "decode B=1 at 128", number, value, "tokens/s")


def test_the_spread_is_the_median_the_least_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_a_slow_round_slows_both_and_leaves_the_ratio_alone() -> None:
    assert ratio({0: 20.0, 1: 2.0}, {0: 10.0, 1: 1.0}) == Spread(2.0, 2.0, 2.0)


def test_the_median_is_of_the_ratios_not_the_ratio_of_medians() -> None:
    found = ratio({0: 10.0, 1: 40.0, 2: 30.0}, {0: 10.0, 1: 10.0, 2: 30.0})
    assert found == Spread(1.0, 1.0, 4.0)


@pytest.mark.parametrize("theirs", [{}, {1: 5.0}, {0: 0.0}])
def test_rounds_without_both_give_no_ratio(theirs: dict[int, float]) -> None:
    assert ratio({0: 1.0}, theirs) is None


def test_rows_gather_the_rounds_of_every_engine() -> None:
    found = rows([_record("ours", 0, 4.0), _record("peer", 0, 2.0), _record("ours", 1, 6.0)])
    row = Row("rates", "tiny", "8", "decode B=1 at 128", "tokens/s", True)
    assert found == {row: {"ours": {0: 4.0, 1: 6.0}, "peer": {0: 2.0}}}


def test_every_peer_is_compared_and_nobody_with_itself() -> None:
    engines = {"ours": {0: 4.0}, "a": {0: 2.0}, "b": {0: 8.0}}
    assert list(ratios(engines, "ours")) == [("a", Spread(2.0, 2.0, 2.0)), ("b", Spread(0.5, 0.5, 0.5))]


def test_without_our_own_figure_there_is_no_ratio() -> None:
    assert list(ratios({"a": {0: 2.0}}, "ours")) == []
