"""The search for the highest rate that still meets the SLO."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.capacity import Capacity, find_capacity
from doubletime.lab.capacity_of import capacity_of, sentence, show
from doubletime.lab.cell import Cell
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.demand import demand
from doubletime.lab.workload.open import open_workload
from doubletime.lab.workload.pace import at_rate, at_scale
from tests.lab.fakes import Fake

TTFT = SLO(ttft=SECOND)


def search(met: Callable[[float], float], *, requests: int = 100, start: float = 1.0, **options: Any) -> Capacity:
    def rehearse(rate: float, limit: int | None) -> dict[str, Any]:
        return {"slo": {"attainment": met(rate)}}

    return find_capacity(rehearse, TTFT, 0.9, requests=requests, start=start, **options)


@pytest.mark.parametrize("limit", [0.01, 0.3, 1.0, 5.0, 700.0])
def test_the_answer_is_bracketed_within_the_tolerance(limit: float) -> None:
    found = search(lambda rate: 1.0 if rate <= limit else 0.5, tolerance=0.01)
    assert found.rate is not None
    assert found.next_rate is not None
    assert found.rate <= limit < found.next_rate <= found.rate * 1.01
    assert (found.attainment, found.next_attainment) == (1.0, 0.5)


def test_the_same_search_makes_the_same_probes() -> None:
    first, second = (search(lambda rate: min(1.0, 3 / rate)) for _ in range(2))
    assert first == second
    assert len({probe.rate for probe in first.probes}) == len(first.probes)


def test_a_hopeless_slo_is_told_after_two_probes() -> None:
    found = search(lambda rate: 0.2)
    assert (found.rate, found.attainment, found.next_attainment) == (None, None, 0.2)
    assert len(found.probes) == 2
    assert "hopeless" in found.notes[0]
    assert "never meet" in sentence(found)


def test_a_trace_that_cannot_overload_is_told() -> None:
    found = search(lambda rate: 1.0)
    assert found.next_rate is None
    assert found.rate == 4096
    assert "too short" in found.notes[0]
    assert sentence(found).endswith("meet the SLO")


def test_a_contradiction_is_reported() -> None:
    found = search(lambda rate: 1.0 if rate <= 2 or 2.5 < rate <= 3 else 0.1, start=2.9, tolerance=0.05)
    assert found.rate is not None
    assert 2.5 < found.rate <= 3
    falling = search(lambda rate: 0.0 if rate < 0.98 else 1.0 if rate <= 1 else 0.1, tolerance=0.01)
    assert any("not monotonic" in note for note in falling.notes)


def test_a_hopeless_rate_is_given_up_after_a_part_of_the_trace() -> None:
    limits = []

    def rehearse(rate: float, limit: int | None) -> dict[str, Any]:
        limits.append((rate, limit))
        return {"slo": {"attainment": 1.0 if rate <= 3 else 0.0}}

    found = find_capacity(rehearse, TTFT, 0.9, requests=1000)
    assert {limit for rate, limit in limits if rate > 3} == {250}
    cut = [probe for probe in found.probes if probe.cut]
    assert {(probe.requests, probe.attainment) for probe in cut} == {(250, 0.75)}
    assert all(probe.rate > 3 for probe in cut)


def test_a_run_too_short_for_a_backlog_is_told() -> None:
    found = search(lambda rate: 1.0 if rate <= 50 else 0.0, requests=100)
    assert "give a longer trace" in found.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attainment": 0.0}, "attainment must be"),
        ({"tolerance": 0.0}, "tolerance must be"),
        ({"start": 0.0}, "first rate"),
        ({"requests": 0}, "the trace is empty"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_capacity(lambda rate, limit: {}, TTFT, **({"requests": 10} | options))


def test_without_an_slo_there_is_nothing_to_hold() -> None:
    with pytest.raises(ValueError, match="give --slo"):
        find_capacity(lambda rate, limit: {"slo": {"attainment": None}}, SLO(), requests=10)


# ---- of a design on a trace


def test_a_spec_is_searched_by_its_rate() -> None:
    fake = Fake()
    cell = Cell(Design("m", "h"), "constant:rate=1,prompt=900,output=100,n=400", TTFT)
    found = capacity_of(cell, rehearse=fake)
    assert found.unit == "requests/s"
    assert found.rate is not None
    assert 10 <= found.rate < 11.5  # 1,000 tokens a request at 10,000 a second
    assert found.requests_per_s == found.rate
    assert min(fake.requests) == 100


def test_a_file_is_searched_by_a_multiple_of_its_rate(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    rows = [f"2023-11-16 18:00:{second:02}.0000000,900,100" for second in range(60)]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    found = capacity_of(Cell(Design("m", "h"), str(path), TTFT), rehearse=Fake())
    assert found.unit == "times the recorded rate"
    assert found.rate is not None
    assert found.requests_per_s == pytest.approx(found.rate * 60 / 59)
    assert f"{found.requests_per_s:.4g} requests/s" in sentence(found)


def test_what_has_no_rate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lengths.csv"
    path.write_text("num_prefill_tokens,num_decode_tokens\n100,10\n")
    with pytest.raises(ValueError, match="no arrival times"):
        capacity_of(Cell(Design("m", "h"), str(path), TTFT), rehearse=Fake())
    with pytest.raises(ValueError, match="closed loop"):
        capacity_of(Cell(Design("m", "h"), "closed:concurrency=4", TTFT), rehearse=Fake())


def test_the_table_names_the_answer_and_what_was_given_up() -> None:
    text = io.StringIO()
    show(capacity_of(Cell(Design("m", "h"), "constant:rate=1,n=400", TTFT), rehearse=Fake()), text)
    assert "← capacity" in text.getvalue()
    assert "given up early" in text.getvalue()
    assert "meet the SLO; at" in text.getvalue()


# ---- another pace


def test_the_pace_of_a_spec_and_of_a_file() -> None:
    assert at_rate("poisson:rate=2,n=10", 4) == "poisson:rate=4,n=10"
    assert at_scale("poisson:rate=2,n=10", 4) == "poisson:rate=8,n=10"
    assert at_rate("a.csv", 4) == "replay:path=a.csv,rate=4"
    assert at_scale("a.csv", 4) == "replay:path=a.csv,scale=4"
    assert at_scale("replay:path=a.csv,scale=0.5", 4) == "replay:path=a.csv,scale=2"
    assert at_scale("replay:path=a.csv,rate=3", 2) == "replay:path=a.csv,rate=6"
    assert at_rate("replay:path=a.csv,concurrency=3", 2) == "replay:path=a.csv,rate=2"


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("closed:concurrency=2", "no rate to change"),
        ("replay:path=a.csv,concurrency=2", "closed loop"),
        ("poisson:n=3", "rate= is needed"),
        ("poisson:rate=fast", "not a number"),
    ],
)
def test_a_pace_that_cannot_be_changed(trace: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        at_scale(trace, 2)


def test_the_demand_of_a_workload() -> None:
    asked = demand(open_workload("constant:rate=2,prompt=100,output=10,n=5"))
    assert (asked.requests, asked.prompt_tokens, asked.output_tokens, asked.longest) == (5, 500, 50, 110)
    assert asked.sure_tokens == 5 * 109
    assert asked.rate == pytest.approx(2.5)  # the first comes at once
    shared = demand(open_workload("constant:rate=2,prompt=100,output=10,n=5,prefix=64"))
    assert shared.sure_tokens == 5 * 9
    assert demand(open_workload("closed:concurrency=2,n=5")).rate is None
