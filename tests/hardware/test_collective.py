from __future__ import annotations

from typing import Any

import pytest

from doubletime.hardware.estimate import Basis, Estimate
from doubletime.hardware.known import machine
from doubletime.hardware.ops.collective import KINDS, Collective, datasheet, traffic
from doubletime.hardware.specs import SPECS

POINTS = {"bytes": [1e3, 1e5, 1e8], "seconds": [5e-6, 6e-6, 1e-3]}
FIT: dict[str, Any] = {
    "link": 450e9,
    "inside": 0.04,
    "outside": 0.1,
    "curves": {"all_reduce": {"2": POINTS, "8": POINTS}, "all_gather": {"4": POINTS}},
}
H100 = SPECS["h100"]


def model(name: str = "h100") -> Collective:
    return Collective.from_json(FIT, SPECS[name])


def test_a_measured_number_of_ranks_is_read_off_its_curve() -> None:
    assert model().estimate("all_reduce", 1e5, 2) == (pytest.approx(6e-6), 0.04, Basis.INTERPOLATED)


def test_a_number_between_costs_as_the_next_larger_and_counts_as_extrapolated() -> None:
    assert model().estimate("all_reduce", 1e5, 6) == (pytest.approx(6e-6), 0.1, Basis.EXTRAPOLATED)


def test_a_gather_is_of_the_parts_of_all_ranks() -> None:
    assert model().estimate("all_gather", 2.5e4, 4).seconds == pytest.approx(6e-6)


def test_one_rank_alone_waits_for_nobody() -> None:
    assert model().estimate("all_reduce", 1e6, 1) == Estimate(0.0, 0.0, Basis.TABLE)
    assert datasheet("all_reduce", 1e6, 1, H100) == Estimate(0.0, 0.0, Basis.TABLE)


def test_what_was_not_measured_falls_back_to_the_link() -> None:
    found = model().estimate("alltoall", 9e8, 4)
    assert found == datasheet("alltoall", 9e8, 4, H100)
    assert found.seconds > 9e8 * 3 / 4 / 450e9
    assert found.basis is Basis.DATASHEET


def test_a_slower_link_stretches_the_bytes_not_the_latency() -> None:
    assert model("l40s").estimate("all_reduce", 1e3, 2).seconds < 7e-6
    slow, fast = model("l40s").estimate("all_reduce", 1e8, 2).seconds, model().estimate("all_reduce", 1e8, 2).seconds
    assert slow / fast == pytest.approx(450 / 32, rel=0.1)


def test_across_nodes_the_network_comes_on_top() -> None:
    within, across = (model().estimate("all_reduce", 1e8, ranks) for ranks in (8, 16))
    assert across.seconds > within.seconds + 1e8 / 8 / H100.network
    assert across.basis is Basis.DATASHEET


@pytest.mark.parametrize(("kind", "ranks", "told"), [("gossip", 2, "no collective 'gossip'"), ("send", 0, "one rank")])
def test_nonsense_is_refused(kind: str, ranks: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        model().estimate(kind, 1.0, ranks)
    with pytest.raises(ValueError, match=told):
        datasheet(kind, 1.0, ranks, H100)


def test_the_traffic_of_a_ring() -> None:
    assert {kind: traffic(kind, 8.0, 4) for kind in KINDS} == {
        "all_reduce": 12.0,
        "all_gather": 24.0,
        "reduce_scatter": 6.0,
        "alltoall": 6.0,
        "send": 8.0,
    }


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_machine_answers_and_more_bytes_are_never_quicker(name: str, kind: str) -> None:
    gpu = machine(name)
    for ranks in (2, 3, 4, 8, 16):
        times = [gpu.collective(kind, 4**power, ranks).seconds for power in range(4, 16)]
        assert times == sorted(times)
        assert times[0] > 1e-6
