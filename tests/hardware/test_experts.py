from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from doubletime.hardware.estimate import Basis
from doubletime.hardware.known import machine
from doubletime.hardware.machine import ExpertShape
from doubletime.hardware.ops.experts import Constants, Experts, base, datasheet, roofline
from doubletime.hardware.ops.linear import FLOOR, FORMATS, peaks
from doubletime.hardware.ops.routing import Routing, route
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import DATA, Store

H100 = SPECS["h100"]
BF16 = peaks(H100, "bfloat16")
IDEAL = Constants((1.0, 1.0, 1.0, 1.0), wave=0, rounding=0, memory=1, elementwise=1e9, p=50, launch=0, expert=0)
QWEN3_30B = ExpertShape(2048, 768, 128, 128, 8)
MIXTRAL = ExpertShape(4096, 14_336, 8, 8, 2)
DEEPSEEK_V3 = ExpertShape(7168, 2048, 32, 256, 8, "fp8")
GPT_OSS = ExpertShape(2880, 2880, 128, 128, 4, "mxfp4")
SHAPES = [QWEN3_30B, MIXTRAL, DEEPSEEK_V3, GPT_OSS]
TOKENS = [1, 2, 5, 16, 40, 64, 200, 256, 1000, 1024, 4096, 10_000, 16_384]


def test_the_roofline_reads_active_experts_and_multiplies_chosen_pairs() -> None:
    compute, memory = roofline(QWEN3_30B, Routing(50.0, 64.0, (50.0,) * 4), BF16)
    assert compute == pytest.approx(6 * 64 * 2048 * 768 / 989e12)
    assert memory == pytest.approx(3 * 50 * 2048 * 768 * 2 / 3.35e12)


@pytest.mark.parametrize("tokens", [8, 65_536])
def test_an_ideal_base_is_the_roofline(tokens: int) -> None:
    routing = route(tokens, 8, 8, 2)
    seconds, _ = base(tokens, MIXTRAL, routing, BF16, IDEAL)
    assert seconds == pytest.approx(max(roofline(MIXTRAL, routing, BF16)), rel=0.02)


def test_a_tile_that_is_not_full_costs_as_a_full_one() -> None:
    quick = BF16._replace(bandwidth=1e16)
    tiled = IDEAL._replace(efficiency=(1e-9, 1e-9, 1e-9, 1.0))
    full, half = (
        base(1024, MIXTRAL, Routing(8.0, 8.0 * rows, (64.0, 32.0, 16.0, 8.0)), quick, tiled)[0] for rows in (128, 64)
    )
    assert half == pytest.approx(full)


@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("name", SPECS)
def test_no_layer_is_quicker_than_the_data_sheet_allows(name: str, weights: str) -> None:
    gpu, peak = machine(name), peaks(SPECS[name], weights)
    for shape in (each._replace(weights=weights) for each in SHAPES):
        for tokens in TOKENS[::3]:
            found = gpu.experts(tokens, shape)
            routing = route(tokens, shape.experts, shape.total, shape.top_k)
            assert found.seconds >= FLOOR * max(roofline(shape, routing, peak)), (tokens, shape)
            assert 0 < found.error < 1


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("shape", SHAPES)
def test_more_tokens_take_longer(name: str, shape: ExpertShape) -> None:
    """Eight times as many do, always. A doubling may not: kernels are chosen by the number of tokens, and some badly
    (Mixtral on an L40S was measured at 8.2 ms for 1,024 tokens and at 6.4 ms for 1,536).
    """
    times = [machine(name).experts(1 << power, shape).seconds for power in range(15)]
    assert all(after > 0.8 * before for before, after in pairwise(times))
    assert all(later > earlier for earlier, later in zip(times, times[3:], strict=False))


def test_few_tokens_read_few_experts() -> None:
    gpu = machine("h100")
    one, many = (gpu.experts(tokens, MIXTRAL._replace(experts=64, total=64)).seconds for tokens in (1, 512))
    assert one < many / 8


def test_the_basis_is_told() -> None:
    gpu = machine("h100")
    assert gpu.experts(64, QWEN3_30B).basis is Basis.INTERPOLATED
    assert gpu.experts(64, DEEPSEEK_V3._replace(weights="fp8_block")) == gpu.experts(64, DEEPSEEK_V3)
    assert gpu.experts(64, ExpertShape(32_768, 32_768, 64, 64, 8)).basis is Basis.EXTRAPOLATED
    assert gpu.experts(64, QWEN3_30B._replace(weights="int4")).basis is Basis.TRANSFERRED
    assert machine("a100").experts(64, DEEPSEEK_V3).basis is Basis.TRANSFERRED
    transferred = machine("rtx4090").experts(64, QWEN3_30B)
    assert transferred.basis is Basis.TRANSFERRED
    assert transferred.error > gpu.experts(64, QWEN3_30B).error


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no number format 'fp7'; known: float32, bfloat16"):
        machine("h100").experts(64, QWEN3_30B._replace(weights="fp7"))


def test_without_any_fit_the_data_sheet_answers(tmp_path: Path) -> None:
    found = Experts.load(Store("h100", tmp_path), H100).estimate(64, QWEN3_30B)
    assert found.basis is Basis.DATASHEET
    assert found == datasheet(64, QWEN3_30B, BF16)
    assert 0.3 < found.seconds / machine("h100").experts(64, QWEN3_30B).seconds < 3


def test_what_ships_is_compact() -> None:
    for name in SPECS:
        assert sum(path.stat().st_size for path in (DATA / name).glob("experts_*.json")) < 300_000


def test_weights_arrive_as_fast_as_the_memory_is() -> None:
    """Where weights are all there is to wait for: decodes of H100 and H200."""
    ratio = machine("h100").experts(32, MIXTRAL).seconds / machine("h200").experts(32, MIXTRAL).seconds
    assert ratio == pytest.approx(SPECS["h200"].bandwidth / SPECS["h100"].bandwidth, rel=0.1)
