"""Comparisons: what is run, what is kept of it, which is best, and how the terminal shows it."""

from __future__ import annotations

import io
import json
import re

import pytest

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.columns import Better, bar, best, columns, error_of, figure
from doubletime.lab.compare import SHARES, Compared, compare, tasks, to_json
from doubletime.lab.compare_table import show
from doubletime.lab.grid import loads, variants
from doubletime.lab.pool import each
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.steps import StepRecord
from doubletime.lab.series import series
from tests.lab.fakes import Fake

TRACE = "poisson:rate=2,prompt=lognormal:800:0.8,output=100,n=60"
BASE = Design("llama-3.1-8b", "h100")
AXES = {"policy": ["fcfs", "sarathi"], "hardware": ["h100", "tiny"], "tp": [1, 2]}
SLO_1S = SLO(ttft=SECOND, tpot=SECOND // 33)


@pytest.fixture(scope="module")
def found() -> list[Compared]:
    work = tasks(variants(BASE, AXES), loads(TRACE, [2, 8]), SLO_1S, 0, None)
    return compare(work, keep_series=True, rehearse=Fake())


# ---- what is run


def test_every_combination_is_a_cell_and_its_name_says_what_differs() -> None:
    names = [variant.name for variant in variants(BASE, AXES | {"replicas": [2]})]
    assert len(names) == len(set(names)) == 8
    assert names[0] == "fcfs, h100, tp 1"
    (single,) = variants(BASE, {"policy": ["fcfs"], "tp": [4]})
    assert single.name == "fcfs"
    assert single.design.tp == 4
    assert [v.name for v in variants(BASE, {"replicas": [1, 2]})] == ["1 replica", "2 replicas"]
    assert [v.name for v in variants(BASE, {"prefill_replicas": [0, 1]})] == ["0 prefill", "1 prefill"]


def test_loads_are_rates_or_scales_of_the_trace() -> None:
    assert loads(TRACE)[0] == ("as recorded", TRACE)
    assert [load.name for load in loads(TRACE, rates=[1, 2.5])] == ["1/s", "2.5/s"]
    assert loads("a.csv", scales=[0.5]) == [("0.5x", "replay:path=a.csv,scale=0.5")]


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        loads(TRACE, [1], [1])
    with pytest.raises(ValueError, match="given twice"):
        loads(TRACE, [1, 1.0])
    with pytest.raises(ValueError, match="--policy: a value is given twice"):
        variants(BASE, {"policy": ["fcfs", "fcfs"]})


# ---- what is kept


def test_a_cell_keeps_its_result_distributions_and_series(found: list[Compared]) -> None:
    cell = found[0]
    assert cell.result is not None
    assert cell.offered == pytest.approx(2, rel=0.3)
    assert len(cell.ttft) == len(cell.tpot) == len(SHARES)
    assert list(cell.ttft) == sorted(cell.ttft)
    assert cell.ttft[50] == pytest.approx(cell.result["ttft_s"]["p50"])
    assert cell.ttft[-1] == pytest.approx(cell.result["ttft_s"]["max"])
    assert cell.series is not None


def test_a_design_that_does_not_fit_is_an_answer(found: list[Compared]) -> None:
    (why,) = {cell.refused for cell in found if cell.result is None}
    assert "use more devices" in why
    assert sum(cell.result is None for cell in found) == 8


def test_nothing_that_fits_is_an_error() -> None:
    work = tasks(variants(BASE, {"hardware": ["tiny"]}), loads(TRACE), SLO_1S, 0, None)
    with pytest.raises(ValueError, match="use more devices"):
        compare(work, rehearse=Fake())


def test_the_json_has_every_cell(found: list[Compared]) -> None:
    data = json.loads(json.dumps(to_json(found, "doubletime compare …")))
    assert len(data["cells"]) == 16
    assert data["cells"][0]["result"]["policy"] == data["cells"][0]["design"]["policy"] == "fcfs"
    assert data["cells"][2]["result"] is None
    assert data["cells"][0]["refused"] is None


def test_progress_counts_cells_and_results_keep_their_order() -> None:
    done = []
    assert each(str, [3, 1, 2], 1, lambda: done.append(1)) == ["3", "1", "2"]
    assert len(done) == 3


@pytest.mark.parametrize("jobs", [2, 8])
def test_other_processes_give_the_same_in_the_same_order(jobs: int) -> None:
    assert each(abs, [-3, 1, -2], jobs) == [3, 1, 2]


def test_an_error_in_another_process_arrives() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        each(int, ["1", "one"], 2)


def test_error_bars_come_from_rehearsals_with_faster_and_slower_steps() -> None:
    work = tasks(variants(BASE, {"policy": ["sarathi"]}), loads(TRACE, [11]), SLO_1S, 0, None)
    (found,) = compare(work, error_bars=True, rehearse=Fake())
    assert found.result is not None
    for place in (("ttft_s", "p99"), ("slo", "attainment"), ("throughput", "output_tokens_per_s")):
        ends, value = bar(found.result, place), figure(found.result, place)
        assert ends is not None
        assert value is not None
        assert ends[0] <= value <= ends[1]
        assert ends[0] < ends[1]
    assert bar(found.result, ("prefix_hit_rate",)) is None


# ---- which is best


def test_the_best_is_sought_among_the_designs_of_a_load(found: list[Compared]) -> None:
    by_title = {column.title: column for column in columns(found)}
    winners = best(by_title["SLO met"], found)
    for load in ("2/s", "8/s"):
        own = [at for at, cell in enumerate(found) if cell.load.name == load and cell.result]
        top = max(found[at].result["slo"]["attainment"] for at in own)  # type: ignore[index]
        assert {at for at in own if found[at].result["slo"]["attainment"] == top} <= winners  # type: ignore[index]
    assert best(by_title["times ±"], found) == set()
    assert by_title["TPOT p99, ms"].better is Better.LOW


def test_where_all_are_alike_nobody_wins(found: list[Compared]) -> None:
    hits = next(column for column in columns(found) if column.title == "prefix hits")
    assert best(hits, found) == set()


def test_dollars_are_a_column_where_a_price_is_known(found: list[Compared]) -> None:
    assert "$ /M tok" not in {column.title for column in columns(found)}
    assert found[0].result is not None
    cost = {"cost": {"dollars_per_million_output_tokens": 0.5}}
    priced = Compared(found[0].variant, found[0].load, 1.0, found[0].result | cost)
    assert "$ /M tok" in {column.title for column in columns([priced])}


def test_the_error_is_the_wider_side_and_none_of_a_measurement() -> None:
    assert error_of({"error": {"low": -0.02, "high": 0.07}}) == 0.07
    assert error_of({"error": None}) is None


# ---- the terminal


def test_the_table_stars_the_best_and_names_what_does_not_fit(found: list[Compared]) -> None:
    text = io.StringIO()
    show(found, text)
    told = text.getvalue()
    assert "* best of its column at that load" in told
    assert "*100.0%" in told
    assert "alike in all: prefix hits 0.0%, preempted 0" in told
    assert "fcfs, tiny, tp 1 cannot run: the weights take" in told


def test_the_table_ends_with_how_far_the_times_may_be_off(found: list[Compared]) -> None:
    text = io.StringIO()
    show(found, text)
    assert "predicted interpolated, ±5.0%\n" in text.getvalue()


def test_error_bars_stand_beside_what_was_attained() -> None:
    work = tasks(variants(BASE, {"policy": ["sarathi"]}), loads(TRACE, [11]), SLO_1S, 0, None)
    text = io.StringIO()
    show(compare(work, error_bars=True, rehearse=Fake()), text)
    assert re.search(r"\d+\.\d% \(\d+\.\d-\d+\.\d\)", text.getvalue())


def test_a_narrow_terminal_has_fewer_columns_and_says_so(
    found: list[Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = io.StringIO()
    show(found, text)
    assert "no room for:" in text.getvalue()
    assert "…" not in text.getvalue()


# ---- over time


def step(start: int, end: int, replica: int = 0, *, decodes: int = 4, used: int = 50) -> StepRecord:
    return StepRecord(replica, 0, start, end, 1, decodes, 0, decodes, 1, used, 100)


def test_a_series_weighs_steps_by_their_time() -> None:
    found = series([step(0, 50), step(50, 100, decodes=8), step(150, 200)], spans=2)
    assert found is not None
    assert found.width == 100 / SECOND
    assert found.decodes == (6, 2)
    assert found.kv == (0.5, 0.25)


def test_a_step_across_spans_counts_in_each() -> None:
    found = series([step(0, 400)], spans=4)
    assert found is not None
    assert found.decodes == (4, 4, 4, 4)


def test_rows_add_up_over_replicas_and_kv_is_their_mean() -> None:
    found = series([step(0, 100), step(0, 100, 1, used=100)], spans=1)
    assert found is not None
    assert (found.decodes, found.kv) == ((8,), (0.75,))


def test_no_steps_no_series() -> None:
    assert series([]) is None
