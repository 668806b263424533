"""Every level of the native kernels that this processor has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch", reason="the native kernels are checked against torch, which is not installed")

import torch

from doubletime.kernels.cpu import binding

torch.set_num_threads(1)


@pytest.fixture(params=["portable", "avx2", "avx512"])
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """One level after the other, forced; afterwards the level and the threads are what they were."""
    if not binding.available():
        pytest.skip(f"the native kernels were not built: {binding.HOW_TO_BUILD}")
    native, before = binding.library(), binding.level()
    threads = native.dt_threads()
    if not native.dt_set_level(request.param.encode()):
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    native.dt_set_level(before.encode())
    binding.set_threads(threads)
