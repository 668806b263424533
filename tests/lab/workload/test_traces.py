"""Every file in data/traces, read to its end (or far enough), against the figures in its README."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

import pytest

from doubletime.lab.workload.job import Job
from doubletime.lab.workload.open import open_workload

Find = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "requests", "prompt", "output", "seconds"),
    [
        ("azure_llm_2023_conv.csv.gz", 19366, (1155, 1020), (211, 129), 3502),
        ("mooncake_conversation.jsonl.gz", 12031, (12035, 6909), (343, 350), 3537),
        ("agentic_claude_code_sessions.jsonl.gz", 46218, (118296, 100446), (440, 218), 0),
        ("sharegpt_val_10k_llama2_lengths.csv.gz", 10000, (246, 35), (326, 286), 0),
        ("arxiv_summarization_lengths.csv.gz", 28257, (2588, 2730), (291, 167), 0),
    ],
)
def test_lengths_and_times_are_those_of_the_readme(
    trace: Find, name: str, requests: int, prompt: tuple[int, int], output: tuple[int, int], seconds: int
) -> None:
    workload = open_workload(str(trace(name)))
    starts, jobs = [], []
    for session in workload.sessions():
        starts.append(session.start)
        jobs += [(job.prompt, job.output) for job in session.jobs]
    assert len(jobs) == requests
    for at, (mean, middle) in enumerate((prompt, output)):
        values = [job[at] for job in jobs]
        assert round(sum(values) / requests) == pytest.approx(mean, abs=1)
        assert median(values) == pytest.approx(middle, abs=1)
    assert starts[-1] / 1e9 == pytest.approx(seconds, abs=1)
    assert all(a <= b for a, b in pairwise(starts))
    assert workload.timed == (seconds > 0)


def test_mooncake_prefixes_hit_as_published(trace: Find) -> None:
    """37.4 % of the prompt tokens with a cache that forgets nothing."""
    seen: set[int] = set()
    hits = total = 0
    for session in open_workload(str(trace("mooncake_conversation.jsonl.gz"))).sessions():
        hits += leading_hits(session.jobs[0], seen)
        total += session.jobs[0].prompt
    assert hits / total == pytest.approx(0.374, abs=0.003)


@pytest.mark.parametrize(
    ("name", "sessions", "share"),
    [("agentic_claude_code_sessions.jsonl.gz", 10, 0.96), ("agentic_lmcache_lengths.jsonl.gz", 20, 0.93)],
)
def test_agents_bring_their_history_along(trace: Find, name: str, sessions: int, share: float) -> None:
    seen: set[int] = set()
    hits = total = 0
    for session in islice(open_workload(str(trace(name))).sessions(), sessions):
        assert [job.turn for job in session.jobs] == list(range(len(session.jobs)))
        assert len({job.session for job in session.jobs}) == 1
        for job in session.jobs:
            hits += leading_hits(job, seen)
            total += job.prompt
    assert hits / total == pytest.approx(share, abs=0.04)


def leading_hits(job: Job, seen: set[int]) -> int:
    """Tokens of the prompt's leading blocks that were seen before; then all of them have been."""
    keys = job.keys
    count = next((at for at, key in enumerate(keys) if key not in seen), len(keys))
    seen.update(keys)
    return count * job.key_tokens


@pytest.mark.parametrize(
    ("name", "prompt", "output"),
    [
        ("servegen_reason_deepseek_r1_1day.jsonl.gz", (300, 3000), (800, 3000)),
        ("servegen_language_m_large_1day.jsonl.gz", (300, 2000), (100, 500)),
        ("servegen_language_m_small_1day.jsonl.gz", (30, 200), (3, 40)),
    ],
)
def test_servegen_clients_become_one_stream(
    trace: Find, name: str, prompt: tuple[int, int], output: tuple[int, int]
) -> None:
    sessions = list(islice(open_workload(str(trace(name)), seed=1).sessions(), 3000))
    jobs = [session.jobs[0] for session in sessions]
    assert all(a.start <= b.start for a, b in pairwise(sessions))
    assert prompt[0] < sum(job.prompt for job in jobs) / len(jobs) < prompt[1]
    assert output[0] < sum(job.output for job in jobs) / len(jobs) < output[1]
    assert len({job.tenant for job in jobs}) > 3


def test_a_trace_is_never_held_whole(trace: Find) -> None:
    path = str(trace("azure_llm_2023_conv.csv.gz"))
    tracemalloc.start()
    requests = sum(1 for _ in islice(open_workload(path).sessions(), 8000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert requests == 8000
    assert peak < 1_000_000
