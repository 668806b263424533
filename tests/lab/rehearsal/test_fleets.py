"""Designs with many replicas: what a rehearsal makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubletime.core.vocabulary import SECOND
from doubletime.lab.rehearsal.assembly import Assembly
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.run import rehearse
from doubletime.lab.workload.open import open_workload

ONE = Design("llama-3.1-8b", "h100", max_model_len=4096)
WORK = "poisson:rate=20,prompt=400,output=40,n=60,seed=1"


def _result(design: Design, work: str = WORK, **more: Any) -> dict[str, Any]:
    found = rehearse(design, open_workload(work), **more).result
    found["config"].pop("rehearsed_in_s")
    assert found["requests"]["completed"] == 60
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {"replicas": 3, "router": "kv-aware"},
        {"replicas": 3, "prefill_replicas": 1},
        {"replicas": 2, "failures": ((0, 1.0, 0.5),)},
        {"scaler": "outstanding:target=4,up=0,load=0.5"},
        {"replicas": 2, "pp": 2, "prefill_replicas": 1},
    ],
    ids=str,
)
def test_a_fleet_leaps_exactly(fields: dict[str, Any]) -> None:
    design = replace(ONE, **fields)
    leapt, stepped = _result(design), _result(design, leaps=False)
    assert leapt.pop("error")["low"] == pytest.approx(stepped.pop("error")["low"], rel=0.01), "from a sample of steps"
    assert leapt == stepped


def test_the_bill_is_for_what_ran() -> None:
    fixed = _result(replace(ONE, replicas=2))
    hours = fixed["duration_s"] / 3600
    assert fixed["cost"]["device_hours"] == pytest.approx(2 * hours)
    assert fixed["cost"]["dollars"] == pytest.approx(2 * hours * 2.7)
    failing = _result(replace(ONE, replicas=2, failures=((1, 1.0, 1.0),)))
    assert failing["cost"]["device_hours"] == pytest.approx((2 * failing["duration_s"] - 1) / 3600)
    assert failing["cost"]["devices"] == 2
    mixed = _result(replace(ONE, replicas=2, prefill_replicas=1, decode_hardware="a100"))
    assert mixed["cost"]["dollars_per_hour"] == pytest.approx(2.7 + 1.6)


def test_a_decode_side_of_another_kind_is_priced_as_that() -> None:
    same = _result(replace(ONE, replicas=2, prefill_replicas=1))
    slower = _result(replace(ONE, replicas=2, prefill_replicas=1, decode_hardware="l40s"))
    wider = _result(replace(ONE, replicas=2, prefill_replicas=1, decode_tp=2))
    assert slower["tpot_s"]["p50"] > 1.5 * same["tpot_s"]["p50"]
    assert wider["tpot_s"]["p50"] < same["tpot_s"]["p50"]
    assert slower["ttft_s"]["p50"] == pytest.approx(same["ttft_s"]["p50"], rel=0.1)
    assert replace(ONE, replicas=3, prefill_replicas=1, decode_tp=2).devices == 5


def test_kv_waits_in_memory_of_the_prefill_side() -> None:
    design = replace(ONE, replicas=2, prefill_replicas=1, handoff=2 << 30)
    assembly = Assembly(design)
    roles = assembly.roles
    limits = [assembly.replica(i, role, None, None).limits for i, role in enumerate(roles)]  # type: ignore[arg-type]
    kept = limits[1].blocks[0] - limits[0].blocks[0]
    assert kept * limits[0].groups[0].block_bytes == pytest.approx(2 << 30, rel=0.01)


def test_links_go_within_a_node_and_between_nodes() -> None:
    assembly = Assembly(replace(ONE, tp=2, replicas=8))
    spec = assembly.kind.machine.spec
    inside, across = assembly._link(0, 3), assembly._link(0, 4)
    assert inside.bandwidth == pytest.approx(0.8 * spec.link)
    assert across.bandwidth == pytest.approx(0.8 * spec.network)
    mixed = Assembly(replace(ONE, replicas=2, prefill_replicas=1, decode_hardware="a100"))
    assert mixed._link(0, 1).bandwidth == pytest.approx(0.8 * 25e9), "other hardware is in another node: the slower end"
    token = 32 * 2 * 8 * 128 * 2
    assert assembly.wire.size(160) == 160 * token // 2, "each of two ranks sends its half"


def test_a_new_replica_loads_its_weights_over_the_hosts_link() -> None:
    assembly = Assembly(ONE)
    assert assembly.load == pytest.approx(16.06e9 / (0.8 * 64e9) * SECOND, rel=0.02)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"replicas": 0}, "there must be at least 1 replica"),
        ({"prefill_replicas": 1}, "prefill_replicas: 1 of 1 replicas"),
        ({"replicas": 2, "decode_tp": 2}, "give prefill_replicas"),
        ({"replicas": 2, "prefill_replicas": 1, "scaler": "outstanding"}, "leave out prefill_replicas, or the scaler"),
        ({"failures": ((1, 0.0, None),)}, "replicas are 0 to 0"),
        ({"failures": ((0, -1.0, None),)}, "no time is negative"),
        ({"router": "best"}, "no router is named 'best'"),
        ({"scaler": "best"}, "no scaler is named 'best'; there are outstanding, queue-delay"),
    ],
)
def test_a_design_that_makes_no_sense_says_why(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Assembly(replace(ONE, **fields))
