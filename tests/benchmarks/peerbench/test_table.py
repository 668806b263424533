"""The table says how much, how sure, and who failed."""

from __future__ import annotations

from benchmarks.peerbench.records import Failure, Record
from benchmarks.peerbench.table import disturbed, failures, table


def _record(engine: str, number: int, value: float, *, unit: str = "tokens/s", others: float = 0.0) -> Record:
    return Record("rates", "tiny", "8", engine, "decode", number, value, unit, unit == "tokens/s", others)


def _cells(records: list[Record]) -> list[list[str]]:
    _, _, *lines = table(records, "ours").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_line_has_medians_and_the_spread_of_ratios() -> None:
    records = [
        _record("ours", 0, 300.0),
        _record("peer", 0, 150.0),
        _record("ours", 1, 300.0),
        _record("peer", 1, 100.0),
    ]
    wanted = ["tiny", "8", "decode, tokens/s", "300", "peer", "125", "2.50 (2.00 to 3.00)", "better"]
    assert _cells(records) == [wanted]


def test_fewer_seconds_are_better() -> None:
    (line,) = _cells([_record("ours", 0, 1.0, unit="s"), _record("peer", 0, 2.0, unit="s")])
    assert line[-2:] == ["0.50 (0.50 to 0.50)", "better"]


def test_rounds_that_disagree_are_even() -> None:
    records = [_record("ours", 0, 1.0), _record("peer", 0, 2.0), _record("ours", 1, 2.0), _record("peer", 1, 1.0)]
    assert _cells(records)[0][-1] == "even"


def test_a_peer_alone_is_shown_without_a_ratio() -> None:
    assert _cells([_record("peer", 0, 2.0)]) == [["tiny", "8", "decode, tokens/s", "-", "peer", "2", "-", ""]]


def test_columns_are_aligned() -> None:
    lines = table([_record("ours", 0, 12_345.0), _record("peer", 0, 1.0)], "ours").splitlines()
    assert len({len(line) for line in lines}) == 1


def test_failures_are_told_once_with_their_reason() -> None:
    found = [
        Failure("rates", "tiny", "4", "peer", None, "has no 4 bit"),
        Failure("start", "tiny", "8", "peer", 1, "gone"),
    ]
    assert failures([*found, found[0]]).splitlines() == [
        "peer, rates, tiny, 4 bit: not run: has no 4 bit",
        "peer, start, tiny, 8 bit: failed in round 2: gone",
    ]


def test_a_busy_machine_is_warned_of() -> None:
    assert disturbed([_record("ours", 0, 1.0, others=0.02)]) == ""
    assert "up to 0.8 cores (50% of the figures)" in disturbed([_record("a", 0, 1.0), _record("b", 0, 1.0, others=0.8)])
