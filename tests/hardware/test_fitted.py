from __future__ import annotations

from pathlib import Path

import pytest

from doubletime.hardware.estimate import Basis, total
from doubletime.hardware.fitted import FittedMachine
from doubletime.hardware.known import NAMES, machine
from doubletime.hardware.machine import AttentionBatch, AttentionShape, ExpertShape
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import TRANSFERRED_ERROR, Store


@pytest.mark.parametrize("name", NAMES)
def test_every_machine_has_overheads_of_a_plausible_size(name: str) -> None:
    found = machine(name).overheads
    assert 0 <= found.sequence < found.step < found.host < found.api < 0.1
    assert 0 <= found.layer < 1e-3


def test_the_machine_s_own_measurements_come_first() -> None:
    own = machine("h100").linear(64, 4096, 4096, "fp8")
    assert own.basis is Basis.TABLE
    assert own.error < 0.06


def test_then_the_nearest_machine_s_at_this_one_s_peaks() -> None:
    borrowed = machine("rtxpro6000").linear(64, 4096, 4096, "fp8")
    assert borrowed.basis is Basis.TRANSFERRED
    assert borrowed.error >= TRANSFERRED_ERROR
    assert borrowed.seconds < machine("l40s").linear(64, 4096, 4096, "fp8").seconds


def test_and_at_last_the_data_sheet(tmp_path: Path) -> None:
    bare = FittedMachine(SPECS["h100"], Store("h100", tmp_path))
    for found in (
        bare.linear(64, 4096, 4096, "bfloat16"),
        bare.elementwise(1e6),
        bare.collective("all_reduce", 1_000_000, 2),
    ):
        assert found.basis is Basis.DATASHEET
        assert found.error >= 0.4
    with pytest.raises(ValueError, match=r"h100 has no overheads\.json"):
        _ = bare.overheads


def test_a_hopper_with_more_bandwidth_decodes_faster_and_prefills_alike() -> None:
    h100, h200 = machine("h100"), machine("h200")
    shape = (28672, 4096, "bfloat16")
    assert h200.linear(1, *shape).seconds < 0.85 * h100.linear(1, *shape).seconds
    assert h200.linear(8192, *shape).seconds == pytest.approx(h100.linear(8192, *shape).seconds, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_every_machine_answers_for_every_operator(name: str) -> None:
    gpu = machine(name)
    heads = AttentionShape(heads=32, kv_heads=8, head_dim=128)
    batch = AttentionBatch(prefills=((512, 1024),), decodes=16, context=16_000)
    found = [
        gpu.linear(64, 6144, 4096, "bfloat16"),
        gpu.attention(heads, batch),
        gpu.experts(64, ExpertShape(4096, 1792, 8, 8, 2)),
        gpu.collective("all_reduce", 524_288, 2),
        gpu.elementwise(1e6, 2),
    ]
    assert all(1e-6 < part.seconds < 1e-2 for part in found)
    assert all(0 < part.error < 1 for part in found)
    whole = total(found)
    assert whole.seconds == pytest.approx(sum(part.seconds for part in found))
    assert whole.error < max(part.error for part in found)
