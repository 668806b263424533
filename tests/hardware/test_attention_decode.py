"""Decodes alone: what a kernel packs and splits, windows, skewed lengths, and caches that benchmarks keep warm."""

from __future__ import annotations

import pytest

from doubletime.hardware.machine import AttentionShape
from doubletime.hardware.ops.attention_decode import RESIDENT, Decode, base, terms
from doubletime.hardware.ops.attention_kernels import KERNELS, Kernel
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import Store

H100, FLASH2, FLASH3 = SPECS["h100"], KERNELS["flash2"], KERNELS["flash3"]
GROUPED = AttentionShape(32, 8, 128)


def decode(machine: str, kv: str = "bfloat16") -> Decode:
    data = Store(machine).own(f"attention_decode_{kv}")
    assert data is not None
    return Decode.from_json(data, SPECS[machine])


@pytest.mark.parametrize(
    ("shape", "kernel", "splits"),
    [
        (GROUPED, FLASH2, True),
        (AttentionShape(8, 8, 128), FLASH2, False),
        (AttentionShape(32, 8, 128, window=4096), FLASH2, False),
        (AttentionShape(8, 8, 128), FLASH3, True),
        (AttentionShape(32, 8, 128, window=4096), FLASH3, True),
    ],
)
def test_flash_attention_2_splits_only_grouped_heads_without_a_window(
    shape: AttentionShape, kernel: Kernel, splits: bool
) -> None:
    walk = 4096 * 2 * 2 * shape.head_dim * H100.units / (RESIDENT * H100.bandwidth)
    assert (terms(shape, 1, 4096, H100, kernel).serial < walk) == splits


def test_an_unpacked_kernel_has_one_block_for_each_query_head() -> None:
    windowed = GROUPED._replace(window=1024)
    assert terms(windowed, 4, 100, H100, FLASH2).blocks == 4 * terms(windowed, 4, 100, H100, FLASH3).blocks


def test_a_window_clips_what_is_read() -> None:
    windowed = GROUPED._replace(window=1024)
    assert terms(windowed, 8, 1024, H100, FLASH3) == terms(windowed, 8, 100_000, H100, FLASH3)
    assert terms(windowed, 8, 100, H100, FLASH3) == terms(GROUPED, 8, 100, H100, FLASH3)


def test_eight_bits_halve_the_bytes() -> None:
    two, one = (terms(GROUPED._replace(kv=kv), 64, 8192, H100, FLASH3).memory for kv in ("bfloat16", "fp8"))
    assert one == pytest.approx(two / 2, rel=0.01)


def test_the_base_grows_with_decodes_and_context() -> None:
    constants = (1e-5, 3e-6, 1e-8, 1.1, 0.5, 0.1, 2.0, 1e-5, 0.7)

    def seconds(decodes: int, context: int) -> float:
        return base(terms(GROUPED, decodes, context, H100, FLASH3), constants)

    for context in (128, 1024, 8192):
        assert seconds(8, context) < seconds(16, context) < seconds(16, 2 * context)


def test_a_model_does_not_find_its_cache_warm() -> None:
    """The L40S holds 96 MB: a benchmark's 67 MB of KV come from there again and again, a model's do not."""
    model = decode("l40s")
    shape = GROUPED
    measured, served = model.measured(shape, 16, 1024), model.estimate(shape, 16, 1024)
    assert served.seconds > 2 * measured.seconds
    assert served.error > measured.error
    assert served.seconds >= 16 * 1024 * 4096 / SPECS["l40s"].bandwidth


def test_what_does_not_fit_the_cache_costs_what_was_measured() -> None:
    model = decode("h100")
    assert model.estimate(GROUPED, 256, 4096).seconds == pytest.approx(
        model.measured(GROUPED, 256, 4096).seconds, rel=0.01
    )


def test_skew_moves_a_little_from_the_mean_to_the_longest() -> None:
    model = decode("rtxpro6000")
    mean, longest = model.estimate(GROUPED, 64, 1000).seconds, model.estimate(GROUPED, 64, 8000).seconds
    skewed = model.skewed(GROUPED, 64, 1000, 8000).seconds
    assert mean < skewed < mean + 0.1 * (longest - mean)
    assert model.skewed(GROUPED, 64, 1000, 1000).seconds == mean
