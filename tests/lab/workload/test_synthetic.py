"""Made-up workloads: rates, lengths and sharing are what the spec says, and the seed decides everything else."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import mean, median, stdev

import pytest

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.workload.job import Session
from doubletime.lab.workload.open import open_workload


def sessions(spec: str, **options: object) -> list[Session]:
    return list(open_workload(spec, **options).sessions())  # type: ignore[arg-type]


def gaps(found: list[Session]) -> list[float]:
    return [(b.start - a.start) / SECOND for a, b in pairwise(found)]


@pytest.mark.parametrize(
    ("spec", "cv"),
    [
        ("poisson:rate=4", 1.0),
        ("gamma:rate=4,cv=3", 3.0),
        ("gamma:rate=4,cv=0.5", 0.5),
        ("constant:rate=4", 0.0),
        ("bursty:rate=4,on=1,off=3", 4.36),  # an interrupted Poisson process: cv² = 1 + 2 λ / on / (1 / on + 1 / off)²,
    ],
)
def test_arrivals_have_the_rate_and_the_spread(spec: str, cv: float) -> None:
    found = gaps(sessions(f"{spec},n=12000"))
    assert min(found) >= 0
    assert mean(found) == pytest.approx(0.25, rel=0.06)
    assert stdev(found) / mean(found) == pytest.approx(cv, rel=0.1, abs=1e-6)


def test_nothing_comes_while_a_burst_is_off() -> None:
    quiet = [gap for gap in gaps(sessions("bursty:rate=10,on=1,off=9,n=5000")) if gap > 1]
    assert mean(quiet) > 5


def test_the_seed_decides_and_reading_again_changes_nothing() -> None:
    spec = "poisson:rate=2,prompt=uniform:1:999,output=exponential:50,n=50"
    workload = open_workload(spec, seed=3)
    assert list(workload.sessions()) == list(workload.sessions()) == sessions(f"{spec},seed=3")
    assert sessions(spec, seed=4) != sessions(spec, seed=3)
    assert sessions(f"{spec},seed=3", seed=9) == sessions(spec, seed=3)


def test_one_draw_more_leaves_the_others_alone() -> None:
    plain, longer = sessions("poisson:rate=2,n=40"), sessions("poisson:rate=2,n=40,output=uniform:1:9,tenants=3")
    assert [session.start for session in plain] == [session.start for session in longer]


@pytest.mark.parametrize(
    ("text", "low", "high", "middle"),
    [
        ("512", 512, 512, 512),
        ("uniform:100:300", 100, 300, 200),
        ("exponential:200", 1, 5000, 139),
        ("lognormal:100:0.5", 5, 1000, 100),
    ],
)
def test_lengths(text: str, low: int, high: int, middle: int) -> None:
    prompts = [session.jobs[0].prompt for session in sessions(f"poisson:rate=1,n=4000,prompt={text}")]
    assert low <= min(prompts) <= max(prompts) <= high
    assert median(prompts) == pytest.approx(middle, rel=0.1)


def test_lengths_of_a_trace_stay_together(tmp_path: Path) -> None:
    file = tmp_path / "lengths.csv"
    file.write_text("num_prefill_tokens,num_decode_tokens\n10,1\n20,2\n30,3\n")
    found = Counter(
        (session.jobs[0].prompt, session.jobs[0].output)
        for session in sessions(f"constant:rate=1,n=3000,lengths={file}")
    )
    assert set(found) == {(10, 1), (20, 2), (30, 3)}
    assert min(found.values()) > 800


def test_sessions_of_a_group_share_whole_blocks_of_the_prefix() -> None:
    found = sessions("constant:rate=1,n=60,prompt=uniform:20:400,prefix=100,groups=3")
    for session in found:
        job = session.jobs[0]
        assert len(job.keys) == min(job.prompt, 100) // 16
    whole = {session.jobs[0].keys for session in found if session.jobs[0].prompt >= 100}
    assert len(whole) == 3
    assert not set.intersection(*(set(keys) for keys in whole))


def test_a_later_turn_brings_the_conversation_along() -> None:
    found = sessions("poisson:rate=1,n=40,prompt=100,output=30,turns=4,more=20,think=2.5,prefix=32")
    assert len(found) == 10
    for session in found:
        assert [job.prompt for job in session.jobs] == [100, 150, 200, 250]
        assert [job.think for job in session.jobs] == [0, *[2_500_000_000] * 3]
        for last, job in pairwise(session.jobs):
            assert job.content is not None
            assert last.content is not None
            upto = last.prompt + last.output
            assert job.content.keys(upto) == last.content.keys(upto)  # the answer's blocks, too
    assert found[0].jobs[0].keys[:2] == found[1].jobs[0].keys[:2]
    assert not set(found[0].jobs[3].keys[2:]) & set(found[1].jobs[3].keys[2:])


def test_the_number_of_requests_counts_turns() -> None:
    found = sessions("closed:concurrency=2,n=11,turns=4")
    assert [len(session.jobs) for session in found] == [4, 4, 3]
    workload = open_workload("closed:concurrency=2,n=11", limit=5)
    assert (workload.concurrency, workload.requests, workload.timed) == (2, 5, False)
    assert len(list(workload.sessions())) == 5


def test_tenants_and_classes() -> None:
    spec = "poisson:rate=1,n=3000,tenants=3,skew=1,classes=chat:1:0.05:3+batch:-:-:1:5"
    jobs = [session.jobs[0] for session in sessions(spec)]
    tenants = Counter(job.tenant for job in jobs)
    assert tenants["tenant-0"] / tenants["tenant-2"] == pytest.approx(3, rel=0.2)
    chat = [job for job in jobs if job.slo_class == "chat"]
    batch = [job for job in jobs if job.slo_class == "batch"]
    assert len(chat) / len(batch) == pytest.approx(3, rel=0.15)
    assert {(job.slo, job.priority) for job in chat} == {(SLO(SECOND, SECOND // 20), 0)}
    assert {(job.slo, job.priority) for job in batch} == {(SLO(), 5)}


def test_a_replay_at_another_rate(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,1,1\n4,2,1\n8,3,1\n12,4,1\n")
    assert [s.start // SECOND for s in sessions(f"replay:path={file},scale=4")] == [0, 1, 2, 3]
    retimed = sessions(f"replay:path={file},rate=10,n=3,seed=1")
    assert [s.jobs[0].prompt for s in retimed] == [1, 2, 3]
    assert retimed[-1].start < 2 * SECOND
    assert open_workload(f"replay:path={file},concurrency=2").concurrency == 2
    classes = sessions(f"replay:path={file},classes=a:1:-:1")
    assert {s.jobs[0].slo for s in classes} == {SLO(SECOND, None)}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("poisson:prompt=3", "rate= is needed"),
        ("poisson:rate=0", "rate=0: must be a number above 0"),
        ("poisson:rate=2,rate=3", "rate is given twice"),
        ("poisson:rate=2,colour=red", "unknown key colour; known: rate, n, more, lengths, prompt"),
        ("poisson:rate=2,prompt", "'prompt' is not key=value"),
        ("poisson:rate=2,prompt=many", "prompt=many: must be a number, uniform:LOW:HIGH"),
        ("poisson:rate=2,prompt=uniform:3", "prompt=uniform:3: must be"),
        ("poisson:rate=2,n=1.5", "n=1.5: must be a whole number"),
        ("poisson:rate=2,seed=x", "seed=x: must be a whole number"),
        ("poisson:rate=2,classes=chat:1", "classes=chat:1: must be NAME:TTFT"),
        ("poisson:rate=2,classes=chat:1:1:1:high", "the priority must be"),
        ("gamma:rate=2", "cv= is needed"),
        ("bursty:rate=2,on=1", "off= is needed"),
        ("closed:concurrency=0", "concurrency=0: must be"),
        ("tidal:rate=2", "neither a file nor a spec; specs are poisson:…"),
        ("/no/such/file", "neither a file nor a spec"),
    ],
)
def test_what_is_wrong_is_named(spec: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        open_workload(spec)


def test_contradictions_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("num_prefill_tokens,num_decode_tokens\n1,1\n")
    for spec, told in [
        (f"replay:path={file},rate=1,concurrency=2", "only one of"),
        (f"replay:path={file},scale=2", "no arrival times"),
        (f"poisson:rate=1,lengths={file},prompt=3", "exclude each other"),
    ]:
        with pytest.raises(ValueError, match=told):
            open_workload(spec)
    with pytest.raises(ValueError, match="at least 1"):
        open_workload(str(file), limit=0)
