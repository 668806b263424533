"""Curves of collectives and small kernels against the tables they were fitted to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("numpy")
pytest.importorskip("sklearn")

from doubletime.hardware.known import machine
from doubletime.hardware.store import Store
from tools.fitting import cards, collective, elementwise

Profile = Callable[[str], Path]


@pytest.mark.parametrize("name", ["a100", "h100", "h200", "b200", "l40s"])
def test_a_collective_is_off_by_little_between_measured_sizes(profile: Profile, name: str) -> None:
    fitted = collective.fit(profile("aiconfigurator").parent, name)["collective"]
    assert fitted["inside"] < 0.1
    assert fitted["outside"] < 0.15
    shipped = Store(name).own("collective")
    assert shipped is not None
    assert fitted["curves"]["all_reduce"]["2"]["seconds"] == pytest.approx(
        shipped["curves"]["all_reduce"]["2"]["seconds"], rel=0.01
    )


def test_an_all_reduce_comes_out_as_measured(profile: Profile) -> None:
    points = collective.read(profile("aiconfigurator").parent, "h100")
    gpu = machine("h100")
    off = [
        abs(gpu.collective("all_reduce", round(size), ranks).seconds / seconds - 1)
        for (kind, ranks), times in points.items()
        for size, seconds in times.items()
        if kind == "all_reduce"
    ]
    assert len(off) > 60
    assert sum(off) / len(off) < 0.06


@pytest.mark.parametrize("name", ["rtx4090", "rtxpro6000"])
def test_small_kernels_are_off_by_a_fifth_at_most(profile: Profile, name: str) -> None:
    fitted = elementwise.fit(profile("llmservingsim").parent, name)["elementwise"]
    assert fitted["inside"] < 0.2
    shipped = Store(name).own("elementwise")
    assert shipped is not None
    assert fitted["seconds"] == pytest.approx(shipped["seconds"], rel=0.01)


def test_the_layers_of_a_rank_have_the_shapes_that_the_profiler_gave_them() -> None:
    """Its configuration of tensor-parallel rank 1 of 2: heads, KV heads, inner width and vocabulary are halved."""
    half = cards.MODELS["Qwen3-32B"].split(2)
    assert (half.heads, half.kv_heads, half.inner, half.vocab) == (32, 4, 12800, 75968)
    assert half.products() == {
        "qkv_proj": (5120, 5120),
        "o_proj": (5120, 4096),
        "gate_up_proj": (25600, 5120),
        "down_proj": (5120, 12800),
        "lm_head": (75968, 5120),
    }
