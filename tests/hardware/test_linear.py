from __future__ import annotations

import pytest

from doubletime.hardware.estimate import Basis
from doubletime.hardware.known import machine
from doubletime.hardware.ops.linear import FLOOR, FORMATS, Constants, base, datasheet, fit_for, peaks, roofline
from doubletime.hardware.specs import SPECS

H100 = SPECS["h100"]
BF16 = peaks(H100, "bfloat16")
IDEAL = Constants((1.0, 1.0, 1.0, 1.0), split=1.0, rounding=0.0, memory=1.0, p=50.0, launch=0.0)
SHAPES = [(m, n, k) for m in (1, 3, 64, 100, 1000, 8192) for n, k in ((4096, 4096), (512, 8192), (128256, 4096))]


def test_the_roofline_counts_each_matrix_once() -> None:
    compute, memory = roofline(10, 20, 30, BF16)
    assert compute == 2 * 10 * 20 * 30 / 989e12
    assert memory == 2 * (20 * 30 + 10 * 30 + 10 * 20) / 3.35e12


def test_fewer_bytes_in_narrow_formats_but_the_result_in_two() -> None:
    assert roofline(10, 20, 30, peaks(H100, "fp8"))[1] == (20 * 30 + 10 * 30 + 2 * 10 * 20) / 3.35e12


def test_weights_are_widened_where_the_machine_cannot_multiply_in_their_format() -> None:
    peak = peaks(SPECS["a100"], "fp8")
    assert peak.flops == SPECS["a100"].flops["bfloat16"]
    assert peak.bytes == (1.0, 2.0)
    assert peaks(H100, "int4").bytes == (0.5, 2.0)
    assert fit_for(SPECS["a100"], "fp8") == ("linear_bfloat16", False)
    assert fit_for(H100, "float16") == ("linear_bfloat16", True)
    assert fit_for(H100, "int8") == ("linear_fp8", False)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no number format 'fp7'; known: float32, bfloat16"):
        peaks(H100, "fp7")


def test_an_ideal_base_is_the_roofline_of_whole_tiles() -> None:
    seconds, _ = base(8192, 8192, 4096, BF16, IDEAL)
    assert seconds == pytest.approx(max(roofline(8192, 8192, 4096, BF16)), rel=0.01)


def test_a_wave_that_is_not_full_costs_as_a_full_one() -> None:
    rounded = IDEAL._replace(rounding=1.0, efficiency=(0.01, 0.01, 1.0, 0.01))
    quick_memory = BF16._replace(bandwidth=1e16)
    tile_of_all = base(128 * H100.units, 128, 4096, quick_memory, rounded)[0]
    one_more = base(128 * H100.units + 1, 128, 4096, quick_memory, rounded)[0]
    assert one_more == pytest.approx(2 * tile_of_all, rel=0.02)


@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("name", SPECS)
def test_no_product_is_quicker_than_the_data_sheet_allows(name: str, weights: str) -> None:
    gpu, peak = machine(name), peaks(SPECS[name], weights)
    for m, n, k in SHAPES:
        found = gpu.linear(m, n, k, weights)
        assert found.seconds >= FLOOR * max(roofline(m, n, k, peak)), (m, n, k)
        assert 0 < found.error < 1


def test_much_more_work_takes_longer() -> None:
    gpu = machine("h100")
    times = [gpu.linear(m, 4096, 4096, "bfloat16").seconds for m in (64, 256, 1024, 4096, 16384)]
    assert times == sorted(times)


def test_beyond_what_was_measured_is_said() -> None:
    gpu = machine("h100")
    assert gpu.linear(64, 4096, 4100, "bfloat16").basis is Basis.INTERPOLATED
    assert gpu.linear(64, 4096, 4096, "bfloat16").basis is Basis.TABLE
    assert gpu.linear(64, 300_000, 4096, "bfloat16").basis is Basis.EXTRAPOLATED
    assert gpu.linear(64, 4096, 4096, "int4").basis is Basis.TRANSFERRED
    assert gpu.linear(64, 4096, 4096, "float32").basis is Basis.DATASHEET
    assert datasheet(64, 4096, 4096, BF16).error >= gpu.linear(64, 300_000, 4096, "bfloat16").error
