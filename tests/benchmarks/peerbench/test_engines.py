"""What engines are asked, and how their answers are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peerbench.engines.llama_cpp import groups, rates_of
from benchmarks.peerbench.engines.ours import Doubletime
from benchmarks.peerbench.engines.python_engine import rates_in
from benchmarks.peerbench.points import Model, Point, points
from benchmarks.peerbench.process import PeerFailed
from benchmarks.peerbench.served import Trace, numbers
from benchmarks.peerbench.vocabulary import hugging_face, words
from doubletime.lab.workload.open import open_workload

DECODE, LONG, PREFILL = Point("decode", 8, 128), Point("decode", 1, 4096), Point("prefill", 1, 512)


def test_sections_name_their_points() -> None:
    assert points(frozenset({"prefill"}), quick=True) == [PREFILL]
    assert {DECODE, LONG} <= set(points(frozenset({"decode"}), quick=False))
    assert points(frozenset({"served"}), quick=False) == []


def test_llama_runs_decodes_at_one_context_together() -> None:
    other = Point("decode", 1, 128)
    assert [set(each) for each in groups([DECODE, PREFILL, LONG, other])] == [{DECODE, other}, {LONG}, {PREFILL}]


def test_llama_reads_the_speed_that_was_asked_for() -> None:
    out = 'noise\n{"pp": 128, "pl": 8, "speed_pp": 900.0, "speed_tg": 90.0}\n'
    assert rates_of(out, [DECODE]) == {DECODE: 90.0}
    with pytest.raises(PeerFailed, match="says nothing of"):
        rates_of(out, [LONG])


def test_a_worker_is_heard_among_other_lines() -> None:
    assert rates_in('loading\nRATE ["decode", 8, 128, 12.5]\n') == {DECODE: 12.5}


def test_our_server_gets_the_precision() -> None:
    command = Doubletime(Path()).server(Model("tiny", Path("there"), {}), "4", 8000).command
    assert command[-2:] == ("--quantize", "int4")


def test_the_trace_is_one_that_bench_reads() -> None:
    workload = open_workload(Trace("poisson:rate=4", 8).spec, seed=0, encode=None, limit=None)
    assert workload.requests == 8


def test_unanswered_requests_make_no_figures() -> None:
    with pytest.raises(PeerFailed, match="3 of 4 requests"):
        list(numbers("4/s", {"requests": {"sent": 4, "completed": 3}}))


def test_every_id_has_a_word_of_its_own() -> None:
    assert len(set(words(1000))) == 1000
    assert hugging_face(1000)["tokenizer.json"]["model"]["vocab"]["</s>"] == 2
