"""The one result schema, and how it looks."""

from __future__ import annotations

import io
import json
from typing import Any

from doubletime import __version__
from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.metrics import Outcome, Record
from doubletime.lab.result import EngineFacts, Scores, result
from doubletime.lab.table import show

FIELDS = (
    "schema clock policy config requests duration_s throughput ttft_s tpot_s itl_s e2e_s queue_s slo prefix_hit_rate "
    "rehit_rate preemptions recomputed_tokens steps scheduler_us_per_step by_class by_replica error cost client_lag_s "
    "seed version"
).split()


def scores() -> Scores:
    found = Scores(SLO(SECOND))
    for number in range(4):
        start = number * SECOND
        name, replica = ("chat", "batch")[number % 2], str(number // 2)
        ended = Record(start, 10, 3, Outcome.COMPLETED, start + SECOND // 2, start + SECOND, start + 5, slo_class=name)
        ended.replica = replica
        found.gap(ended, SECOND // 4)
        found.add(ended, start + SECOND)
    return found


def measured(facts: EngineFacts, **fields: Any) -> dict[str, Any]:
    known = {"clock": "virtual", "policy": "fcfs", "config": {"trace": "t"}, "seed": 3} | fields
    return result(scores(), facts, **known)


def test_the_schema_is_that_of_the_design() -> None:
    found = measured(EngineFacts(0.5, None, 2, 30, 40, 12.5))
    assert list(found) == FIELDS
    assert json.loads(json.dumps(found)) == found
    assert set(found["requests"]) == {"sent", "completed", "failed", "refused", "cancelled"}
    assert set(found["throughput"]) == {"requests_per_s", "prompt_tokens_per_s", "output_tokens_per_s"}
    for key in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"):
        assert list(found[key]) == ["mean", "p50", "p90", "p95", "p99", "max"]
    assert set(found["slo"]) == {"ttft_s", "tpot_s", "attainment", "goodput_rps"}
    assert (found["clock"], found["policy"], found["seed"], found["version"]) == ("virtual", "fcfs", 3, __version__)
    assert (found["prefix_hit_rate"], found["preemptions"], found["steps"]) == (0.5, 2, 40)


def test_the_time_runs_from_the_beginning_to_the_last_end() -> None:
    assert measured(EngineFacts())["duration_s"] == 4.0
    assert measured(EngineFacts(), began=2 * SECOND)["duration_s"] == 2.0


def test_classes_and_replicas_add_up() -> None:
    found = measured(EngineFacts())
    for parts in (found["by_class"], found["by_replica"]):
        assert len(parts) == 2
        assert sum(part["requests"]["sent"] for part in parts.values()) == 4
        assert sum(part["throughput"]["requests_per_s"] for part in parts.values()) == 1.0
    assert found["by_class"]["chat"]["slo"]["attainment"] == 1.0
    assert found["by_class"]["chat"]["itl_s"]["max"] == 0.25


def test_what_nobody_knows_is_null() -> None:
    found = result(Scores(), EngineFacts(), clock="real", policy=None, config={}, seed=0)
    nothing = {name for name, value in found.items() if value is None}
    assert nothing >= set(FIELDS[7:12]) | set(FIELDS[13:19]) | {"policy", "error", "cost", "client_lag_s"}
    assert found["requests"]["sent"] == 0
    assert found["duration_s"] == 0


def test_the_table_shows_what_there_is_and_no_more() -> None:
    full, bare = io.StringIO(), io.StringIO()
    show(measured(EngineFacts(0.5, 0.25, 2, 30, 40, 12.5), client_lag_s=0.001), full)
    show(measured(EngineFacts()), bare)
    for word in ("TTFT", "4 sent, 4 completed", "50.0%", "25.0%", "12 µs", "chat", "client lag", "met by 100.0%"):
        assert word in full.getvalue()
    for word in ("prefix", "steps", "client lag", "None"):
        assert word not in bare.getvalue()
    assert max(map(len, full.getvalue().splitlines())) <= 80


def test_the_table_of_a_run_in_which_nothing_ended_well() -> None:
    text = io.StringIO()
    show(result(Scores(), EngineFacts(), clock="real", policy=None, config={}, seed=0), text)
    assert "0 sent, 0 completed" in text.getvalue()
