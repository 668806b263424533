"""The definitions of the result schema, on numbers small enough to check by hand."""

from __future__ import annotations

import random
from statistics import quantiles

import pytest

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.metrics import Metrics, Outcome, Record, meets
from doubletime.lab.percentiles import Tally

MS = SECOND // 1000


def record(ttft: int = 100, tokens: int = 5, tpot: int = 10, **fields: object) -> Record:
    """Milliseconds; arrives at 1 s."""
    first = SECOND + ttft * MS
    known = {"prompt": 7, "output": tokens, "outcome": Outcome.COMPLETED, "first": first} | fields
    return Record(SECOND, last=first + (tokens - 1) * tpot * MS, **known)  # type: ignore[arg-type]


def test_the_times_of_a_request() -> None:
    one = record(ttft=100, tokens=5, tpot=10, first_slab=SECOND + 40 * MS)
    assert (one.ttft, one.e2e, one.tpot, one.queued) == (100 * MS, 140 * MS, 10 * MS, 40 * MS)


def test_one_token_has_no_tpot_and_misses_none() -> None:
    one = record(tokens=1)
    assert one.tpot is None
    assert meets(one, SLO(None, 1))


def test_what_never_came_is_none() -> None:
    never = Record(SECOND, 5)
    assert (never.ttft, never.e2e, never.tpot, never.queued) == (None, None, None, None)
    assert not meets(never, SLO())


@pytest.mark.parametrize(
    ("slo", "own", "met"),
    [
        (SLO(100 * MS, 10 * MS), SLO(), True),
        (SLO(99 * MS, None), SLO(), False),
        (SLO(None, 9 * MS), SLO(), False),
        (SLO(), SLO(99 * MS, None), False),
        (SLO(200 * MS, None), SLO(99 * MS, None), True),  # what is asked of all goes before its own
        (SLO(200 * MS, None), SLO(None, 9 * MS), False),
    ],
)
def test_every_target_must_be_met(slo: SLO, own: SLO, met: bool) -> None:
    assert meets(record(slo=own), slo) is met


def test_attainment_counts_all_that_were_sent() -> None:
    metrics = Metrics(SLO(200 * MS))
    for ended in (record(), record(ttft=300), record(outcome=Outcome.FAILED), record(outcome=Outcome.REFUSED)):
        metrics.add(ended, 3 * SECOND)
    assert metrics.requests() == {"sent": 4, "completed": 2, "failed": 1, "refused": 1, "cancelled": 0}
    assert metrics.attainment(2.0) == {"ttft_s": 0.2, "tpot_s": None, "attainment": 0.25, "goodput_rps": 0.5}
    assert metrics.throughput(2.0) == {
        "requests_per_s": 1.0,
        "prompt_tokens_per_s": 7.0,
        "output_tokens_per_s": 5.0,
    }


def test_only_completed_requests_have_latencies() -> None:
    metrics = Metrics()
    metrics.add(record(ttft=100), 2 * SECOND)
    metrics.add(record(ttft=9000, outcome=Outcome.CANCELLED), 2 * SECOND)
    found = metrics.latencies()
    assert found["ttft_s"] is not None
    assert found["ttft_s"]["max"] == 0.1
    assert found["queue_s"] is None  # nobody said when it first ran
    assert metrics.attainment(1.0)["attainment"] is None  # nothing was asked


def test_percentiles_interpolate_linearly() -> None:
    tally = Tally()
    for value in (10, 20, 30, 40, 50):
        tally.add(value * SECOND)
    assert tally.summary() == {"mean": 30.0, "p50": 30.0, "p90": 46.0, "p95": 48.0, "p99": 49.6, "max": 50.0}


def test_counting_changes_no_percentile() -> None:
    rng = random.Random(1)
    values = [rng.randrange(1, 40) * SECOND for _ in range(997)]
    tally = Tally()
    for value in set(values):
        tally.add(value, values.count(value))
    found, cuts = tally.summary(), quantiles(values, n=100, method="inclusive")
    assert found is not None
    for name, cut in {"p50": 50, "p90": 90, "p95": 95, "p99": 99}.items():
        assert found[name] == pytest.approx(cuts[cut - 1] / SECOND)
    assert found["mean"] == pytest.approx(sum(values) / 997 / SECOND)
    assert len(tally) == 997


def test_nothing_has_no_percentiles() -> None:
    assert Tally().summary() is None
    single = Tally()
    single.add(SECOND)
    assert set((single.summary() or {}).values()) == {1.0}
