from __future__ import annotations

import pytest

from doubletime.hardware.machine import Spec
from doubletime.hardware.specs import NEAREST, SPECS


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_data_sheet_is_plausible(spec: Spec) -> None:
    assert 1e14 < spec.flops["bfloat16"] < 1e16
    assert spec.flops.get("fp8", spec.flops["bfloat16"] * 2) >= 1.9 * spec.flops["bfloat16"]
    assert 5e11 < spec.bandwidth < 1e13
    assert 20 * 2**30 < spec.capacity < 200 * 2**30
    assert 0 < spec.reserved < spec.capacity / 5
    assert 100 <= spec.units <= 200
    assert spec.network < spec.link or spec.link <= spec.pcie
    assert spec.dollars_per_hour > 0
    assert spec.watts > 0


def test_a_machine_is_known_by_its_name() -> None:
    assert all(name == spec.name for name, spec in SPECS.items())


def test_every_machine_says_whose_measurements_stand_in() -> None:
    assert set(NEAREST) == set(SPECS)
    for name, others in NEAREST.items():
        assert name not in others
        assert set(others) <= set(SPECS)
